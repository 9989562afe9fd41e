//! Links: which may be given to people, and what stands in link templates.

use std::path::Path;

use crate::parse::Rejected;

/// Checks that a link is one that a person may be sent to.
pub(super) fn check_uri(uri: &str) -> Result<(), Rejected> {
    let web = uri.starts_with("https://") || uri.starts_with("http://");
    if web && uri.len() <= 2048 && !uri.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    Err(Rejected {
        line: None,
        reason: "uri must be an http or https address of at most 2048 bytes".to_owned(),
    })
}

/// Percent-encodes a path for use in a URI (RFC 3986 unreserved characters and `/` stay).
pub fn percent_encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The commit that a folder is checked out at, for link templates; `HEAD` where that cannot be
/// told.
pub(super) fn checked_out_commit(folder: &Path) -> String {
    let found = folder.ancestors().find_map(|ancestor| {
        let git = ancestor.join(".git");
        let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
        let head = head.trim();
        let Some(reference) = head.strip_prefix("ref: ") else {
            return Some(head.to_owned());
        };
        if let Ok(commit) = std::fs::read_to_string(git.join(reference)) {
            return Some(commit.trim().to_owned());
        }
        let packed = std::fs::read_to_string(git.join("packed-refs")).ok()?;
        let line = packed.lines().find(|line| line.ends_with(reference))?;
        line.split_whitespace().next().map(str::to_owned)
    });
    let plain = |commit: &String| commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    found.filter(plain).unwrap_or_else(|| "HEAD".to_owned())
}
