//! Tests of FAIL-CLOSED in front matter and folder policies (leak P6).

use proptest::prelude::*;

use super::super::yaml::MAX_YAML_BYTES;
use super::super::{ParseOptions, Parsed, Rejected, folder_policy, parse};
use super::*;
use crate::principal::{ObjectId, PrincipalKind};

fn read_file(text: &str) -> Result<Parsed, Rejected> {
    parse(text.as_bytes(), "fallback", ParseOptions::default())
}

/// Parses front matter around which fences are put, so its first line is line 2.
fn front(yaml: &str) -> FrontMatter {
    read_file(&format!("---\n{yaml}\n---\n")).unwrap().front
}

#[track_caller]
fn refused(yaml: &str, line: u32, part: &str) {
    let rejected = read_file(&format!("---\n{yaml}\n---\nbody\n")).expect_err(yaml);
    assert_eq!(rejected.line, Some(line), "{yaml}: {rejected}");
    assert!(rejected.reason.contains(part), "{yaml}: {rejected}");
}

#[track_caller]
fn folder_refused(yaml: &str, line: u32, part: &str) {
    let rejected = folder_policy(yaml.as_bytes()).expect_err(yaml);
    assert_eq!(rejected.line, Some(line), "{yaml}: {rejected}");
    assert!(rejected.reason.contains(part), "{yaml}: {rejected}");
}

fn group(name: &str) -> PrincipalSpelling {
    PrincipalSpelling::Alias(PrincipalKind::Group, name.to_owned())
}

#[test]
fn the_example_of_the_design_is_read() {
    let front = front(
        "title: Fail over the orders database\nkind: runbook\nservice: orders-db\n\
         label: confidential\nowners: [group:dba-leads]\nacl:\n  - grant: group:sre-oncall\n  \
         - grant: user:0f6e2c1a-0000-4000-8000-000000000001\n    until: 2026-12-31T00:00:00Z\n  \
         - deny: group:contractors",
    );
    assert_eq!(
        front.title.as_deref(),
        Some("Fail over the orders database")
    );
    assert_eq!(front.kind, Some(Kind::Runbook));
    assert_eq!(front.label.as_deref(), Some("confidential"));
    assert_eq!(front.owners, [group("dba-leads")]);
    let acl = front.acl.unwrap();
    assert_eq!(acl.len(), 3);
    assert_eq!(acl[0].access, Access::Grant);
    assert_eq!(acl[0].principal, group("sre-oncall"));
    let guid = uuid::uuid!("0f6e2c1a-0000-4000-8000-000000000001");
    let user = PrincipalSpelling::Guid(PrincipalKind::User, ObjectId::new(guid));
    assert_eq!(acl[1].principal, user);
    assert_eq!(acl[1].until, "2026-12-31T00:00:00Z".parse().ok());
    assert_eq!(acl[2].access, Access::Deny);
}

#[test]
fn scalars_keep_their_spelling() {
    let front =
        front("title: 2024\nservice: 1.10\nseverity: 007\ntags: [no, 0x1F, ~, '', on call]\nuri:");
    assert_eq!(front.title.as_deref(), Some("2024"));
    assert_eq!(front.service.as_deref(), Some("1.10"));
    assert_eq!(front.severity.as_deref(), Some("007"));
    assert_eq!(front.tags, ["no", "0x1F", "on call"]);
    assert_eq!(front.uri, None);
}

#[test]
fn lists_may_be_single_values() {
    let front = front("owners: everyone\ntags: database");
    assert_eq!(front.owners, [PrincipalSpelling::Everyone]);
    assert_eq!(front.tags, ["database"]);
}

#[test]
fn an_empty_acl_is_not_an_absent_one() {
    assert_eq!(front("acl: []").acl, Some(Vec::new()));
    assert_eq!(front("title: a").acl, None);
}

#[test]
fn times_are_instants_or_dates() {
    let front = front("created: 2024-02-29\nupdated: 2024-03-01T10:00:00.5+02:00");
    assert_eq!(front.created, "2024-02-29T00:00:00Z".parse().ok());
    assert_eq!(front.updated, "2024-03-01T08:00:00.5Z".parse().ok());
    for bad in [
        "2023-02-29",
        "yesterday",
        "2024-03-01T10:00:00",
        "2024-03-01 10:00:00Z",
        "[]",
    ] {
        refused(&format!("created: {bad}"), 2, "`created` is not a date");
    }
    let bad = [
        "2026-12-31",
        "2026-12-31T00:00:00",
        "2026-12-31T00:00:00Z[UTC]",
        "never",
        "",
    ];
    for until in bad {
        let yaml = format!("acl:\n  - grant: everyone\n    until: {until}");
        refused(&yaml, 4, "`until` is not an instant");
    }
}

#[test]
fn acls_that_are_not_lists_of_entries_are_refused() {
    refused("title: x\nacl: no", 3, "`acl` is not a list");
    refused("acl: group:sre", 2, "`acl` is not a list");
    refused("acl: {grant: everyone}", 2, "`acl` is not a list");
    refused("acl:", 2, "`acl` is empty");
    refused("acl: null\ntitle: x", 2, "`acl` is empty");
    refused("acl: ''", 2, "`acl` is not a list");
    refused("acl:\n  - group:sre", 3, "an item that is not");
    refused(
        "acl:\n  - grant: everyone\n  - {}",
        4,
        "neither `grant` nor `deny`",
    );
    refused("acl:\n  - until: 2026-12-31T00:00:00Z", 3, "neither");
    refused("acl:\n  - grant: everyone\n    deny: everyone", 4, "both");
    refused(
        "acl:\n  - grant: everyone\n    untill: x",
        4,
        "unknown key `untill` inside `acl`",
    );
    refused("acl:\n  - Grant: everyone", 3, "unknown key `Grant`");
    refused(
        "acl:\n  - grant: [everyone]",
        3,
        "does not name a principal",
    );
    refused("acl:\n  - deny:", 3, "does not name a principal");
    refused("acl:\n  - deny: contractors", 3, "is not a principal");
    refused("acl:\n  - deny: Everyone", 3, "is not a principal");
    refused("acl:\n  - deny: \"group:a\\u200b\"", 3, "invisible");
    refused("owners: [a, b]", 2, "is not a principal");
}

#[test]
fn misspelt_policy_keys_are_refused() {
    let misspelt = [
        "ACL",
        "Acl",
        "acls",
        "acl ",
        "ac1",
        "alc",
        "Owners",
        "owner",
        "ownres",
        "onwers",
        "Label",
        "labels",
        "lable",
        "access",
        "deny",
        "denny",
        "Grant",
        "grants",
        "permissions",
        "allow",
        "a\u{200b}cl",
        "ａｃｌ",
        "аcl",
        "<<",
        "_acl",
        "a-c-l",
        "sensitivity",
    ];
    for key in misspelt {
        refused(
            &format!("title: x\n\"{key}\": []"),
            3,
            "looks like a misspelt",
        );
    }
    refused("menu:\n  after: x\n  acl: []", 4, "nested inside `menu`");
    refused("cascade:\n  - deny: group:x", 3, "nested inside `cascade`");
}

#[test]
fn foreign_keys_are_ignored() {
    let keys = [
        "weight",
        "bookFlatSection",
        "aliases",
        "owner_slack",
        "last_reviewed_on",
        "review_in",
        "draft",
        "menu",
        "date",
        "type",
        "layout",
        "author",
        "url",
        "slug",
        "alerts",
        "tools",
        "table",
        "description",
        "all_services",
    ];
    for key in keys {
        let parsed = front(&format!("{key}: {{a: [1, 2]}}"));
        assert_eq!(parsed, FrontMatter::default(), "{key}");
    }
}

#[test]
fn yaml_that_two_readers_could_read_differently_is_refused() {
    refused(
        "acl: []\ntitle: x\nacl: [{grant: everyone}]",
        4,
        "`acl` is given twice",
    );
    refused(
        "acl:\n  - grant: everyone\n    grant: everyone",
        4,
        "`grant` is given twice",
    );
    refused("x: {a: 1, a: 2}", 2, "`a` is given twice");
    refused("a: &x 1\nb: *x", 2, "anchors");
    refused("a: *x", 2, "not valid yaml");
    refused("a: !!str no", 2, "tags");
    refused("a: !include x", 2, "tags");
    refused("? [a]\n: b", 2, "key is not text");
    refused("- a", 2, "is not a list of `key: value` lines");
    refused("just text", 2, "is not a list");
    refused("title: x\n  acl: []", 3, "not valid yaml");
    refused("title: \"x", 2, "not valid yaml");
    let deep = format!("a: {}{}", "[".repeat(60), "]".repeat(60));
    refused(&deep, 2, "nested too deeply");
    refused("--- x\na: b", 3, "not valid yaml");
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    refused("title: [a]", 2, "`title` is not text");
    refused("service: {a: b}", 2, "`service` is not text");
    refused("label: [a]", 2, "`label`");
    refused(
        "kind: playbook",
        2,
        "`kind` is not runbook, incident or doc",
    );
    refused("tags: {a: b}", 2, "`tags`");
    refused("tags:\n  - a\n  - [b]", 4, "`tags`");
}

#[test]
fn fences_are_found_by_hand() {
    let parsed = read_file("\u{feff}---\r\ntitle: x\r\n...\r\n\r\n# Head\r\ntext\r\n").unwrap();
    assert_eq!(parsed.front.title.as_deref(), Some("x"));
    assert_eq!(parsed.body, "\n# Head\ntext\n");
    assert_eq!(parsed.first_line, 4);
    let parsed = read_file("---  \n---\t\nbody").unwrap();
    assert_eq!((parsed.body.as_str(), parsed.first_line), ("body", 3));
    let parsed = read_file("---\n# only a comment\n---").unwrap();
    assert_eq!((parsed.body.as_str(), parsed.first_line), ("", 4));
    let parsed = read_file("# a\n---\ntitle: x\n---\n").unwrap();
    assert_eq!(parsed.first_line, 1);
    let parsed = read_file("---\rtitle: x\r---\rbody").unwrap();
    assert_eq!((parsed.title.as_str(), parsed.body.as_str()), ("x", "body"));
    let unterminated = read_file("---\ntitle: x\n").unwrap_err();
    assert_eq!(unterminated.line, Some(1));
    assert!(unterminated.reason.contains("not ended"));
}

#[test]
fn a_policy_that_would_not_be_read_is_refused() {
    let acl = "acl:\n  - deny: everyone\n---\n";
    let openings = [
        "\n---\n",
        "\u{200b}---\n",
        " ---\n",
        "----\n",
        "+++\n",
        "\u{2014}\n",
        "\n\n---\n\n",
    ];
    for opening in openings {
        let rejected = read_file(&format!("{opening}title: x\n{acl}")).expect_err(opening);
        assert!(
            rejected.reason.contains("outside front matter"),
            "{opening:?} {rejected}"
        );
    }
    read_file("\n---\n\nSome text\n\n---\n\nacl: this is prose\n").unwrap();
}

#[test]
fn sizes_are_bounded() {
    let long = format!("---\ntitle: {}\n---\n", "x".repeat(MAX_YAML_BYTES));
    assert!(read_file(&long).unwrap_err().reason.contains("larger than"));
    let long = "a".repeat(super::super::MAX_BODY_BYTES + 1);
    assert!(read_file(&long).unwrap_err().reason.contains("larger than"));
}

#[test]
fn invalid_utf8_names_its_line() {
    let rejected = parse(b"# a\nb\n\xff\n", "x", ParseOptions::default()).unwrap_err();
    assert_eq!(rejected.line, Some(3));
    assert_eq!(rejected.to_string(), "line 3: not valid utf-8");
}

#[test]
fn folder_policies_know_all_their_keys() {
    let yaml = "---\nacl:\n  - grant: group:sre\nowners: [user:a]\nlabel: general\nkind: incident\n\
                uri: https://example.com/{path}#L{line}\n";
    let folder = folder_policy(yaml.as_bytes()).unwrap();
    assert_eq!(folder.acl.unwrap().len(), 1);
    assert_eq!(folder.owners.len(), 1);
    assert_eq!(folder.kind, Some(Kind::Incident));
    assert_eq!(
        folder.uri.as_deref(),
        Some("https://example.com/{path}#L{line}")
    );
    assert_eq!(folder_policy(b"").unwrap(), WrittenFolder::default());
    assert_eq!(
        folder_policy(b"\xef\xbb\xbf# nothing\r\n").unwrap(),
        WrittenFolder::default()
    );
    folder_refused("label: general\ntitle: x", 2, "unknown key `title`");
    folder_refused("label: general\n\nacl: yes", 3, "`acl` is not a list");
    folder_refused("acl: []\nacl: []", 2, "given twice");
    folder_refused("acl: []\n---\nacl: []", 3, "more than one yaml document");
    folder_refused("- acl", 1, "is not a list");
    folder_refused("acl: [", 1, "not valid yaml");
}

#[test]
fn messages_quote_little_and_no_secret() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    for yaml in [
        format!("acl:\n  - grant: {token}"),
        format!("{token}: 1\n{token}: 2"),
    ] {
        let rejected = read_file(&format!("---\n{yaml}\n---\n")).unwrap_err();
        assert!(!rejected.reason.contains(&token), "{rejected}");
    }
    let yaml = format!("---\nacl:\n  - grant: {}\n---\n", "word ".repeat(1000));
    assert!(read_file(&yaml).unwrap_err().reason.len() < 250);
}

#[test]
fn strings_of_front_matter_are_cleaned() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let text = format!(
        "---\ntitle: \"A\\u200bB\"\ntags: [x, {token}]\nuri: https://u:s3cretPw9@host/x\n---\n"
    );
    let parsed = read_file(&text).unwrap();
    assert_eq!(parsed.title, "AB");
    assert_eq!(parsed.front.tags, ["x", "[REDACTED:github-token]"]);
    let uri = "https://u:[REDACTED:url-credentials]@host/x";
    assert_eq!(parsed.front.uri.as_deref(), Some(uri));
    assert_eq!(parsed.hidden_removed, 1);
    let lines: Vec<u32> = parsed
        .redactions
        .iter()
        .map(|redaction| redaction.line)
        .collect();
    assert_eq!(lines, [4, 3]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes, "x", ParseOptions::default());
        let _ = folder_policy(&bytes);
    }

    #[test]
    fn no_yaml_makes_it_panic(yaml in "([-a-z:{}\\[\\],&*!|>'\"#%~? \n]|acl: |- grant: |deny: ){0,60}") {
        let text = format!("---\n{yaml}\n---\n");
        prop_assert_eq!(read_file(&text), read_file(&text));
        let _ = folder_policy(yaml.as_bytes());
    }

    /// A file whose text has an `acl` line in its front matter never parses as having none.
    #[test]
    fn an_acl_is_never_lost(
        before in "(title: x\n|weight: 1\n|# c\n|\n| ){0,3}",
        key in "[aA][cC][lL][sS ]?",
        after in "(title: y\n|\n){0,2}",
    ) {
        let text = format!("---\n{before}{key}:\n- deny: group:x\n{after}---\n");
        if let Ok(parsed) = read_file(&text) {
            prop_assert!(parsed.front.acl.is_some());
        }
    }
}
