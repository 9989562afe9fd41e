//! Instants and dates as policies and metadata may spell them.
//!
//! Upholds FAIL-CLOSED: a time without a zone means another instant to every reader, and a guess
//! at an expiry is a guess at access.

use crate::clock::Timestamp;

/// Whether `text` has the digits and marks of `shape`, in which `0` stands for any digit.
fn has_shape(text: &[u8], shape: &[u8]) -> bool {
    let same = |(byte, wanted): (&u8, &u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        _ => byte.eq_ignore_ascii_case(wanted),
    };
    text.len() == shape.len() && text.iter().zip(shape).all(same)
}

/// The library reads more spellings than RFC 3339 has, so the shape is checked first.
pub(super) fn rfc3339(written: &str) -> Option<Timestamp> {
    let (seconds, rest) = written.as_bytes().split_at_checked(19)?;
    let zone = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
            let count = digits.count();
            if count == 0 || count > 9 {
                return None;
            }
            fraction.get(count..)?
        }
    };
    let zoned = [&b"Z"[..], b"+00:00", b"-00:00"];
    let shaped = has_shape(seconds, b"0000-00-00T00:00:00")
        && zoned.iter().any(|shape| has_shape(zone, shape));
    if !shaped {
        return None;
    }
    written.parse().ok()
}

/// Midnight UTC of a date.
pub(super) fn midnight(written: &str) -> Option<Timestamp> {
    if !has_shape(written.as_bytes(), b"0000-00-00") {
        return None;
    }
    format!("{written}T00:00:00Z").parse().ok()
}
