//! Text to terms: names of operations text are found whole, in parts, and in another spelling.

use std::collections::BTreeSet;

use ambit_indexer::index::analyzer::{MARK, document_terms, joined, stem_part, words};
use proptest::prelude::*;

fn terms(text: &str) -> BTreeSet<String> {
    document_terms(text)
        .into_iter()
        .map(|term| term.text)
        .collect()
}

/// The marked term of everything in a word, as a query for the whole name asks.
fn whole(name: &str) -> String {
    let words = words(name);
    assert_eq!(words.len(), 1, "{name} is one word");
    joined(&words[0].parts)
}

#[test]
fn names_are_found_whole_and_by_part() {
    let names: &[(&str, &[&str])] = &[
        ("KubePodCrashLooping", &["kube", "pod", "crash", "looping"]),
        (
            "kube_pod_crash_looping",
            &["kube", "pod", "crash", "looping"],
        ),
        (
            "kube-pod-crash-looping",
            &["kube", "pod", "crash", "looping"],
        ),
        ("0x80070005", &["0x80070005"]),
        ("ORA-00600", &["ora", "00600"]),
        ("db-prod-03", &["db", "prod", "03"]),
        ("error.go:142", &["error", "go", "142"]),
        (
            "payments.api.latency.p99",
            &["payments", "api", "latency", "p99"],
        ),
        (
            "edge-lon-1.tidemark.example",
            &["edge", "lon", "1", "tidemark", "example"],
        ),
        ("10.20.30.40", &["10", "20", "30", "40"]),
        ("HTTPServer", &["http", "server"]),
        ("getHTTPResponseCode", &["get", "http", "response", "code"]),
        ("k8s", &["k8s"]),
        ("SEV2", &["sev2"]),
        ("CVE-2026-12345", &["cve", "2026", "12345"]),
        ("node_exporter", &["node", "exporter"]),
        ("/var/log/pg.log", &["var", "log", "pg"]),
        ("PGRST301", &["pgrst301"]),
    ];
    for (name, parts) in names {
        let text = format!("before that, see ({name}), and then the rest");
        let found = terms(&text);
        let whole = whole(name);
        let marked =
            whole.chars().count() > 1 && (parts.len() > 1 || name.contains(char::is_numeric));
        assert!(!marked || found.contains(&whole), "{name} whole: {found:?}");
        for part in *parts {
            assert!(
                found.contains(&stem_part(part)),
                "{part} of {name}: {found:?}"
            );
        }
    }
}

#[test]
fn spellings_of_one_name_meet() {
    let spellings = [
        "KubePodCrashLooping",
        "kube_pod_crash_looping",
        "kube-pod-crash-looping",
        "kubePodCrashLooping",
        "kube.pod.crash.looping",
        "Kube_Pod-Crash.Looping",
    ];
    let wholes: BTreeSet<String> = spellings.iter().map(|name| whole(name)).collect();
    assert_eq!(wholes.len(), 1);
    for spelling in spellings {
        assert!(terms(spelling).contains(&wholes.first().unwrap().clone()));
    }
}

#[test]
fn names_that_differ_stay_apart_as_wholes() {
    let names = [
        "db-prod-03",
        "db-prod-30",
        "db-prod-3",
        "ORA-00600",
        "ORA-00060",
        "0x80070005",
    ];
    let wholes: BTreeSet<String> = names.iter().map(|name| whole(name)).collect();
    assert_eq!(wholes.len(), names.len());
}

#[test]
fn pairs_of_a_long_name_are_found() {
    let found = terms("payments_api_latency_p99");
    for pair in [["payments", "api"], ["api", "latency"], ["latency", "p99"]] {
        assert!(found.contains(&joined(&pair)), "{pair:?}");
    }
}

#[test]
fn prose_is_stemmed_and_identifiers_are_not() {
    assert!(!terms("failing").is_disjoint(&terms("fails")));
    assert!(!terms("databases").is_disjoint(&terms("Database")));
    assert!(terms("p99s").is_disjoint(&terms("p99")));
    assert!(terms("").is_empty());
    assert!(terms("… — ( ) !!").is_empty());
}

#[test]
fn other_scripts_are_found() {
    let japanese = terms("再起動の手順");
    for character in ["再", "起", "動", "手", "順"] {
        assert!(japanese.contains(character), "{japanese:?}");
    }
    assert!(
        japanese.contains("=再起"),
        "pairs make up for missing spaces"
    );
    let german = terms("Störung im Hafennetz: Größe überprüfen");
    for word in ["störung", "hafennetz", "größe", "überprüfen"] {
        assert!(german.contains(word), "{german:?}");
    }
    assert_eq!(terms("STÖRUNG"), terms("störung"));
    assert!(terms("Перезапуск сервера").contains("сервера"));
}

#[test]
fn compatibility_forms_are_the_same_text() {
    assert_eq!(terms("ＤＢ－ｐｒｏｄ－０３"), terms("DB-prod-03"));
    assert_eq!(terms("ﬁle"), terms("file"));
    assert_eq!(terms("Sto\u{308}rung"), terms("Störung"));
    assert_eq!(terms("ｶﾞ"), terms("ガ"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_the_same_ordered_bounded_terms(text in any::<String>()) {
        let once = document_terms(&text);
        prop_assert_eq!(&once, &document_terms(&text));
        prop_assert!(once.is_sorted_by_key(|term| term.position));
        prop_assert!(once.is_sorted_by_key(|term| term.word));
        for term in &once {
            prop_assert!(!term.text.is_empty());
            // The engine drops terms of 65 530 bytes and more.
            prop_assert!(term.text.len() < 20_000);
            prop_assert!(term.text != MARK.to_string());
        }
        for word in words(&text) {
            for part in &word.parts {
                prop_assert!(!part.contains(MARK) && !part.contains(char::is_whitespace));
            }
        }
    }

    #[test]
    fn words_are_found_in_whatever_stands_around_them(
        before in "[a-z ,.]{0,20}", name in "[A-Za-z][a-z0-9]{0,8}([-_.][a-z0-9]{1,6}){0,3}", after in "[a-z ,.]{0,20}",
    ) {
        let found = terms(&format!("{before} {name} {after}"));
        prop_assert!(terms(&name).is_subset(&found));
    }
}

#[test]
fn lengths_are_bounded_whatever_comes() {
    let long = "x".repeat(200_000);
    let identifier = vec!["part"; 5_000].join("_");
    let marks = "a\u{301}".repeat(50_000);
    let expanding = "\u{fdfa}".repeat(2_000);
    for text in [&long, &identifier, &marks, &expanding] {
        for term in document_terms(text) {
            assert!(term.text.len() < 20_000, "{}", term.text.len());
        }
    }
    assert_eq!(
        terms(&long),
        terms(&"x".repeat(80)),
        "cut alike on both sides"
    );
}

/// Time must not be asserted, but with quadratic work this would take minutes.
#[test]
fn a_word_of_many_parts_takes_work_in_proportion() {
    let terms = document_terms(&"a.b-".repeat(40_000));
    assert!(terms.len() >= 80_000 && terms.len() < 400_000);
}
