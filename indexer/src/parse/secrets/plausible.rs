//! Whether a value that only its name gives away is a secret or a stand-in for one.
//!
//! Runbooks are full of `password: <from vault>` and `token=$TOKEN`; redacting those would make
//! them unusable, and people would turn redaction off.

/// What matched a pattern.
pub(super) struct Candidate<'text> {
    /// The text before the value.
    pub(super) before: &'text str,
    /// The text after the value.
    pub(super) after: &'text str,
    /// The name that the value is given; empty if the pattern knows none.
    pub(super) key: &'text str,
    /// The value.
    pub(super) value: &'text str,
}

/// A value whose shape says enough, unless it is crossed out.
pub(super) fn is_real(candidate: &Candidate<'_>) -> bool {
    let lower = candidate.value.to_ascii_lowercase();
    !["xxxxxxxx", "********", "00000000000"]
        .iter()
        .any(|filler| lower.contains(filler))
}

/// A value that is assigned to a telling name.
pub(super) fn is_assigned(candidate: &Candidate<'_>) -> bool {
    let key = candidate.key.trim_start_matches('-').to_ascii_lowercase();
    let value = candidate.value;
    let value = value.trim_end_matches(['.', ',', ':', '!', '?', '*', '_', '&']);
    if names_something_else(&key) || is_placeholder(value) || is_reference(value) {
        return false;
    }
    if is_uuid(value) || is_identifier(value) {
        return false;
    }
    if value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return value.len() >= 32;
    }
    let is_chosen_by_people = key.contains("pass") || key.contains("pwd");
    let (shortest, bits) = if is_chosen_by_people {
        (8, 2.5)
    } else {
        (12, 3.0)
    };
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    let marks = |byte: &u8| byte.is_ascii_digit() || b"!@#%^&*+=~$".contains(byte);
    value.len() >= shortest && has(u8::is_ascii_alphabetic) && has(marks) && entropy(value) >= bits
}

/// A value after `--password` and the like; without dashes it would be a sentence.
pub(super) fn is_option(candidate: &Candidate<'_>) -> bool {
    candidate.key.starts_with('-') && is_assigned(candidate)
}

/// A password in a place that holds nothing but passwords.
pub(super) fn is_password(candidate: &Candidate<'_>) -> bool {
    let value = candidate.value;
    // `registry://image:tag@sha256:…` names an image.
    let is_digest = candidate.after.starts_with("@sha256:");
    !is_digest && !is_placeholder(value) && !value.starts_with(['$', '%', '*', '('])
}

/// A password after `curl -u user:`; other commands mean other things by `-u`.
pub(super) fn is_curl_password(candidate: &Candidate<'_>) -> bool {
    let line = candidate.before.rsplit('\n').next().unwrap_or_default();
    let tools = ["curl", "wget", "http"];
    is_password(candidate) && tools.iter().any(|tool| line.contains(tool))
}

/// A token after `Authorization: Bearer`.
pub(super) fn is_header_token(candidate: &Candidate<'_>) -> bool {
    let value = candidate.value;
    // `Token token=…` has a rule of its own, which leaves the name readable.
    let is_named = value.starts_with("token=");
    !is_named && !is_placeholder(value) && !value.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A token without a telling name: letters and digits, and not words.
pub(super) fn is_mixed(candidate: &Candidate<'_>) -> bool {
    let value = candidate.value;
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    !is_placeholder(value)
        && !is_identifier(value)
        && has(u8::is_ascii_alphabetic)
        && has(u8::is_ascii_digit)
        && entropy(value) >= 3.0
}

/// Last words of names that say where a secret is or what it is like.
const ENDINGS: &str = "name names ref refs path paths file files filename dir url uri endpoint type kind \
    ttl expiry expiration expires length policy policies version hash sha sha1 sha256 \
    md5 digest checksum fingerprint count size limit prefix suffix provider store \
    class field header format mount namespace arn days age role template issuer \
    audience location thumbprint label selector title description id";

/// Names such as `secret_name` or `token_hash`: what they hold may be shown.
fn names_something_else(key: &str) -> bool {
    let last = key.rsplit(['_', '-', '.']).next().unwrap_or(key);
    let camel = [
        "name",
        "ref",
        "path",
        "file",
        "hash",
        "type",
        "version",
        "namespace",
        "selector",
    ];
    ENDINGS.split(' ').any(|ending| ending == last)
        || camel.iter().any(|ending| key.ends_with(ending))
}

/// What people write in place of a secret.
pub(super) fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 20] = [
        "pass",
        "passwd",
        "password",
        "pwd",
        "pw",
        "secret",
        "token",
        "user",
        "username",
        "changeme",
        "change-me",
        "change_me",
        "foobar",
        "foo",
        "bar",
        "test",
        "none",
        "null",
        "true",
        "false",
    ];
    const PARTS: [&str; 12] = [
        "redacted",
        "your",
        "placeholder",
        "xxxx",
        "...",
        "…",
        "****",
        "-here",
        "_here",
        "dummy",
        "replace",
        "${",
    ];
    let lower = value.to_lowercase();
    let repeated = lower
        .bytes()
        .zip(lower.bytes().skip(1))
        .all(|(a, b)| a == b);
    repeated
        || lower.starts_with(['$', '<', '{', '%', '['])
        || WORDS.contains(&lower.as_str())
        || PARTS.iter().any(|part| lower.contains(part))
}

/// Paths, addresses, resource names, expressions: where the secret is, not what it is.
fn is_reference(value: &str) -> bool {
    const BEGINNINGS: [&str; 9] = [
        "/",
        "./",
        "../",
        "~",
        "arn:",
        "projects/",
        "vault:",
        "op:",
        "sha256:",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| value.starts_with(beginning))
        || value.contains("://")
}

/// Words and short numbers with marks between them: `grafana-admin-v2`, `var.db_password`,
/// `prometheus-k8s-token-nwtrf`.
fn is_identifier(value: &str) -> bool {
    let is_word = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = part.len() - letters.len();
        let only_letters = letters.bytes().all(|byte| byte.is_ascii_alphabetic());
        only_letters && letters.len() <= 24 && digits <= 4 && !is_scrambled(letters)
    };
    let is_short = |part: &str| part.len() <= 4 && part.bytes().all(|b| b.is_ascii_alphanumeric());
    // Kubernetes ends generated names with characters of this alphabet.
    let is_generated = |part: &str| {
        part.len() <= 10
            && part
                .bytes()
                .all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte))
    };
    let marks = ['-', '_', '.', '/', ':', '@', '#', '$', '&', '+', '='];
    let parts: Vec<&str> = value.split(marks).collect();
    match parts.as_slice() {
        [only] => only.bytes().all(|byte| byte.is_ascii_alphabetic()) && !is_scrambled(only),
        [first, rest @ ..] => {
            let part = |part: &&str| is_word(part) || is_short(part) || is_generated(part);
            first.len() > 2 && is_word(first) && rest.iter().all(part)
        }
        [] => true,
    }
}

/// Letters that change case more often than words do.
fn is_scrambled(letters: &str) -> bool {
    let bytes = letters.as_bytes();
    let changes = bytes.iter().zip(bytes.iter().skip(1));
    let rises = changes.filter(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
    rises.count() * 4 > bytes.len()
}

fn is_uuid(value: &str) -> bool {
    uuid::Uuid::try_parse(value).is_ok() && value.contains('-')
}

/// Shannon entropy in bits a character.
fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total: u32 = counts.iter().sum();
    let share = |count: &u32| f64::from(*count) / f64::from(total.max(1));
    let shares = counts.iter().filter(|count| **count > 0).map(share);
    shares.map(|share| -share * share.log2()).sum()
}
