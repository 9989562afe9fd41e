//! Tells a misspelt policy key from a foreign one.
//!
//! Upholds FAIL-CLOSED: unknown keys of site generators are ignored, so `acls:` or `Deny:` would
//! be ignored as well and the document would inherit something wider than its author wrote.
//! Quarantining a few innocent documents is the cheaper mistake.

use super::yaml::{Node, Value};

/// Words that a person might write for the key beside them.
const MEANT: [(&str, &[&str]); 3] = [
    (
        "acl",
        &[
            "acl",
            "acls",
            "access",
            "accesscontrol",
            "accesscontrollist",
            "accesslist",
            "accesses",
            "allow",
            "allowed",
            "deny",
            "denied",
            "denies",
            "grant",
            "granted",
            "grants",
            "until",
            "permission",
            "permissions",
            "permit",
            "principal",
            "principals",
            "readers",
            "<<",
        ],
    ),
    ("owners", &["owner", "owners", "ownedby"]),
    (
        "label",
        &[
            "label",
            "labels",
            "classification",
            "confidentiality",
            "sensitivity",
            "sensitivitylabel",
        ],
    ),
];

/// Whether a folded key is one whose loss could widen access.
pub(super) fn is_policy_key(folded: &str) -> bool {
    let keys = [
        "acl", "acls", "grant", "deny", "label", "labels", "owner", "owners",
    ];
    keys.contains(&folded)
}

/// The policy key that an unknown key was probably meant to be.
pub(super) fn misspelt(key: &str) -> Option<&'static str> {
    let folded: Vec<char> = key
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == '<')
        .flat_map(char::to_lowercase)
        .take(32)
        .collect();
    let close = |word: &&str| {
        let word: Vec<char> = word.chars().collect();
        folded == word || (is_guarded(&word) && within_one_edit(&folded, &word))
    };
    MEANT
        .iter()
        .find(|(_, words)| words.iter().any(close))
        .map(|(meant, _)| *meant)
}

/// The words that are also matched with one slip of the finger; the others are too ordinary.
fn is_guarded(word: &[char]) -> bool {
    ["acl", "acls", "owners", "label", "deny", "grant"]
        .iter()
        .any(|guarded| guarded.chars().eq(word.iter().copied()))
}

/// One insertion, deletion, substitution or swap of neighbours apart, or equal.
fn within_one_edit(left: &[char], right: &[char]) -> bool {
    let shared = |a: &mut dyn Iterator<Item = &char>, b: &mut dyn Iterator<Item = &char>| {
        a.zip(b).take_while(|(a, b)| a == b).count()
    };
    let front = shared(&mut left.iter(), &mut right.iter());
    let shorter = left.len().min(right.len());
    let back = shared(&mut left.iter().rev(), &mut right.iter().rev()).min(shorter - front);
    let left_rest = left.get(front..left.len() - back).unwrap_or_default();
    let right_rest = right.get(front..right.len() - back).unwrap_or_default();
    match (left_rest, right_rest) {
        ([a, b], [c, d]) => a == d && b == c,
        _ => left_rest.len() <= 1 && right_rest.len() <= 1,
    }
}

/// The line of a policy key inside a foreign key, as a slip of indentation leaves it.
pub(super) fn nested_policy_key(node: &Node) -> Option<u32> {
    match &node.value {
        Value::Null | Value::Scalar(_) => None,
        Value::List(items) => items.iter().find_map(nested_policy_key),
        Value::Map(pairs) => pairs.iter().find_map(|pair| {
            let key = pair.key.to_lowercase();
            // `labels` means something else in too many tools to be one of ours when nested.
            let key = key.trim();
            (is_policy_key(key) && key != "labels")
                .then_some(pair.line)
                .or_else(|| nested_policy_key(&pair.value))
        }),
    }
}
