//! `ambit index`: what it prints and how it exits.

use crate::support::{Place, ambit};

#[test]
fn a_run_prints_its_counts() {
    let place = Place::empty();
    place.write(".acl.yaml", "acl:\n  - grant: group:sre\n");
    for name in ["a", "b", "c", "d"] {
        place.write(&format!("{name}.md"), "# Page\n\ntext\n");
    }
    let first = place.index(&[]).exits(0).out;
    assert!(first.starts_with("indexed 4 ("), "{first}");
    assert!(
        first.contains("quarantined 0  unchanged 0  removed 0"),
        "{first}"
    );
    place.write("a.md", "# Page\n\nother text\n");
    std::fs::remove_file(place.source().join("b.md")).unwrap();
    let second = place.index(&[]).exits(0).out;
    assert!(second.starts_with("indexed 1 ("), "{second}");
    assert!(
        second.contains("quarantined 0  unchanged 2  removed 1"),
        "{second}"
    );
    place.write(".acl.yaml", "acl:\n  - grant: group:dba\n");
    let third = place.index(&[]).exits(0).out;
    assert!(
        third.contains("3 unchanged documents have a new ACL"),
        "{third}"
    );
}

#[test]
fn quarantine_is_listed_with_line_and_reason_and_exits_1() {
    let place = Place::empty();
    place.write(".acl.yaml", "acl:\n  - grant: group:sre\n");
    place.write("good.md", "text\n");
    place.write("bad.md", "---\ntitle: x\nacl: no\n---\ntext\n");
    place.write("notes.txt", "text\n");
    let ran = place.index(&[]).exits(1);
    assert!(ran.out.contains("quarantined 1"), "{}", ran.out);
    assert!(ran.out.contains("quarantined bad.md:3: "), "{}", ran.out);
    assert!(ran.out.contains("skipped notes.txt"), "{}", ran.out);
    assert_eq!(
        place.found("group:sre", "text"),
        ["ops/good.md"],
        "the run went on"
    );
    let json = place.index(&["--json"]).exits(1).json();
    assert_eq!(json["unchanged"], 1);
    assert_eq!(json["quarantined"][0]["path"], "bad.md");
    assert_eq!(json["quarantined"][0]["line"], 3);
    let doctor = place.run(&["doctor"], &["--json"]).exits(1).json();
    let says: Vec<&str> = doctor
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["what"] == "quarantine")
        .map(|finding| finding["says"].as_str().unwrap())
        .collect();
    assert_eq!(says.len(), 1);
    assert!(says[0].starts_with("ops/bad.md:3: "), "{says:?}");
}

/// A file's name reaches the terminal of whoever runs the command (leak L2).
#[test]
fn names_cannot_steer_the_terminal() {
    let place = Place::empty();
    place.write("evil\u{1b}[2Jname.md", "text\n");
    place.write("evil\nindexed 9.txt", "text\n");
    place.write("evil\u{202e}dm.md", "text\n");
    let ran = place.index(&[]).exits(1);
    for bad in ['\u{1b}', '\u{202e}'] {
        assert!(!ran.out.contains(bad), "{:?}", ran.out);
    }
    assert!(!ran.out.lines().any(|line| line.starts_with("indexed 9")));
    let doctor = place.run(&["doctor"], &[]).exits(1);
    assert!(!doctor.out.contains('\u{1b}'), "{:?}", doctor.out);
}

#[test]
fn a_page_without_an_acl_is_named() {
    let place = Place::empty();
    place.write("lonely.md", "text\n");
    let ran = place.index(&[]).exits(0);
    assert!(
        ran.out.contains("lonely.md: nobody can read it"),
        "{}",
        ran.out
    );
    assert!(place.found("user:alice", "text").is_empty());
    let doctor = place.run(&["doctor"], &[]).exits(1);
    assert!(doctor.out.contains("1 documents that nobody can read"));
}

#[test]
fn a_mass_removal_wants_to_be_meant() {
    let place = Place::indexed();
    std::fs::remove_file(place.source().join("failover.md")).unwrap();
    std::fs::remove_file(place.source().join("public.md")).unwrap();
    place
        .index(&[])
        .refuses(&["2 of 3", "--allow-mass-removal"]);
    assert_eq!(place.found("group:sre", "orders").len(), 2);
    let ran = place.index(&["--allow-mass-removal"]).exits(0);
    assert!(ran.out.contains("removed 2"), "{}", ran.out);
    assert!(place.found("group:sre", "orders").is_empty());
}

#[test]
fn a_rebuilt_index_answers_the_same() {
    let place = Place::indexed();
    let before = place.search("group:sre,group:dba", "orders").json()["hits"].clone();
    let ran = place.run(&["index"], &["--rebuild"]).exits(0);
    assert!(
        ran.out.starts_with("index made again: 3 documents"),
        "{}",
        ran.out
    );
    let after = place.search("group:sre,group:dba", "orders").json()["hits"].clone();
    let scores = |hits: &serde_json::Value| -> Vec<(String, String)> {
        let hits = hits.as_array().unwrap().iter();
        hits.map(|hit| (hit["document"].to_string(), hit["score"].to_string()))
            .collect()
    };
    assert_eq!(scores(&before), scores(&after));
    std::fs::remove_dir_all(place.data().join("index")).unwrap();
    assert_eq!(place.found("group:sre", "replica"), ["ops/failover.md"]);
}

#[test]
fn the_bundled_collection_has_its_quarantine() {
    let place = Place::empty();
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/corpus");
    let mut index = vec!["index", "--collection", "tidemark", "--json", "--data"];
    let data = place.data();
    index.extend([data.to_str().unwrap(), corpus]);
    let report = ambit(&index).exits(1).json();
    assert_eq!(report["indexed"], 86);
    assert_eq!(report["quarantined"].as_array().unwrap().len(), 15);
}
