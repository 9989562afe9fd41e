//! `ambit search` and `ambit acl`: as whom, and what they see.

use crate::support::{Place, Server, documents};

#[test]
fn each_finds_what_they_may_read() {
    let place = Place::indexed();
    let cases = [
        ("user:alice", &["ops/public.md"][..]),
        (
            "user:alice,group:sre",
            &["ops/failover.md", "ops/public.md"],
        ),
        ("group:dba", &["ops/dba/vacuum.md", "ops/public.md"]),
        (
            "user:alice, group:sre , group:dba",
            &["ops/dba/vacuum.md", "ops/failover.md", "ops/public.md"],
        ),
        ("group:SRE", &["ops/public.md"]),
        ("user:sre", &["ops/public.md"]),
    ];
    for (who, expected) in cases {
        assert_eq!(place.found(who, "orders"), expected, "{who}");
    }
}

#[test]
fn text_for_people_and_json_for_programs() {
    let place = Place::indexed();
    let text = place
        .run(&["search"], &["--as", "group:sre", "promote replica"])
        .exits(0);
    assert!(text.out.contains("ops/failover.md lines"), "{}", text.out);
    assert!(text.out.contains("Promote the replica"), "{}", text.out);
    assert!(!text.out.contains("vacuum"), "{}", text.out);
    assert!(text.err.is_empty(), "{}", text.err);
    let none = place
        .run(&["search"], &["--as", "user:x", "zebra"])
        .exits(0);
    assert_eq!(none.out, "nothing that this caller may read matches\n");
    let json = place.search("group:sre", "promote replica").exits(0).json();
    let hit = &json["hits"][0];
    assert_eq!(hit["document"], "ops/failover.md");
    assert!(hit["citation"]["revision"].is_string());
    assert!(json["id"].is_string());
    let one = place
        .run(
            &["search"],
            &["--as", "group:sre", "--json", "-k", "1", "orders"],
        )
        .exits(0);
    assert_eq!(one.json()["hits"].as_array().unwrap().len(), 1);
    for k in ["0", "101"] {
        place
            .run(&["search"], &["--as", "group:sre", "-k", k, "orders"])
            .refuses(&["top_k"]);
    }
}

#[test]
fn searching_works_beside_a_server() {
    let place = Place::indexed();
    let server = Server::start(&place.data());
    for who in ["group:sre", "group:dba"] {
        let beside = place.found(who, "orders");
        assert_eq!(beside.len(), 2, "{who}");
    }
    let group = ["--user", "alice", "--group", "sre"];
    let token = place.token(&group);
    assert_eq!(
        documents(&server.search(&token, "orders")),
        place.found("user:alice,group:sre", "orders")
    );
    let show = place.run(&["acl", "show"], &["ops/failover.md"]).exits(0);
    assert!(show.out.contains("group:sre"), "{}", show.out);
    place.run(&["doctor"], &[]).exits(0);
    place.run(&["audit", "verify"], &[]).exits(0);
}

#[test]
fn an_acl_is_shown_with_names_and_origins() {
    let place = Place::indexed();
    place.write("dba/.acl.yaml", "acl:\n  - deny: group:contractors\n");
    place.index(&[]).exits(0);
    let shown = place
        .run(&["acl", "show"], &["ops/dba/vacuum.md"])
        .exits(0)
        .out;
    let lines: Vec<&str> = shown.lines().collect();
    let expected = [
        "ops/dba/vacuum.md",
        "label   confidential",
        "owners  group:leads",
        "grant   group:dba  from the document itself",
        "deny    group:contractors  from folder dba",
    ];
    assert_eq!(lines, expected);
    let json = place
        .run(&["acl", "show"], &["--json", "ops/failover.md"])
        .exits(0)
        .json();
    assert_eq!(json["label"], "general");
    assert_eq!(json["state"], "in-force");
    assert_eq!(json["effective"][0]["principal"], "group:sre");
    assert_eq!(
        json["effective"][0]["written_at"],
        "the collection's top folder"
    );
}

#[test]
fn a_decision_is_explained_by_its_entry() {
    let place = Place::indexed();
    place.write("none/.acl.yaml", "acl: []\n");
    place.write("none/a.md", "text\n");
    place.write(
        "ends.md",
        "---\nacl:\n  - grant: group:sre\n    until: 2020-01-01T00:00:00Z\n  - deny: user:mallory\n---\ntext\n",
    );
    place.index(&[]).exits(0);
    let explained = |who: &str, document: &str| {
        let ran = place.run(&["acl", "explain"], &["--as", who, document]);
        ran.exits(0).out
    };
    let allowed = explained("group:sre", "ops/failover.md");
    assert!(allowed.starts_with("allow: "), "{allowed}");
    assert!(allowed.contains("grant   group:sre"), "{allowed}");
    let denied = explained("user:mallory,group:sre", "ops/ends.md");
    assert!(denied.starts_with("deny: this entry denies it"), "{denied}");
    assert!(denied.contains("user:mallory"), "{denied}");
    let ended = explained("group:sre", "ops/ends.md");
    assert!(ended.starts_with("deny: no entry in force"), "{ended}");
    let closed = explained("group:sre", "ops/none/a.md");
    assert!(closed.starts_with("deny: no entry in force"), "{closed}");
    let json = place
        .run(
            &["acl", "explain"],
            &["--json", "--as", "user:bob", "ops/failover.md"],
        )
        .exits(0)
        .json();
    assert_eq!(json["decision"], "deny");
    // Explaining agrees with searching.
    assert!(
        !place
            .found("user:bob", "replica")
            .contains(&"ops/failover.md".to_owned())
    );
}
