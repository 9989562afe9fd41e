//! Labels: an ordered list, read exactly.

use ambit_indexer::label::{Label, Labels, LabelsError};

fn labels(names: &[&str], unlabelled: &str) -> Result<Labels, LabelsError> {
    Labels::new(
        names.iter().map(|name| (*name).to_owned()).collect(),
        unlabelled,
    )
}

#[test]
fn the_default_is_the_contracts() {
    let labels = Labels::default();
    let names = ["public", "general", "confidential", "highly-confidential"];
    assert_eq!(labels.names(), names);
    let ranks = names.map(|name| labels.get(name).unwrap());
    assert!(ranks.is_sorted());
    assert_eq!(labels.unlabelled(), ranks[1]);
    assert_eq!(labels.highest(), ranks[3]);
    for (rank, name) in ranks.iter().zip(names) {
        assert_eq!(labels.name(*rank), name);
    }
}

#[test]
fn names_are_exact() {
    let labels = Labels::default();
    for name in [
        "",
        "Public",
        "general ",
        "highly_confidential",
        "unknown",
        "secret",
    ] {
        assert_eq!(labels.get(name), None, "{name}");
    }
}

#[test]
fn an_unknown_label_is_above_every_ceiling() {
    let many: Vec<String> = (0..64).map(|number| format!("l{number}")).collect();
    for labels in [Labels::default(), Labels::new(many, "l0").unwrap()] {
        assert!(Label::UNKNOWN > labels.highest());
        assert_eq!(labels.name(Label::UNKNOWN), "unknown");
    }
}

#[test]
fn lists_that_cannot_be_ordered_are_refused() {
    assert_eq!(labels(&[], "a"), Err(LabelsError::Count));
    let many = vec!["x"; 65];
    assert_eq!(labels(&many, "x"), Err(LabelsError::Count));
    assert_eq!(
        labels(&["a", "b", "a"], "a"),
        Err(LabelsError::Name("a".to_owned()))
    );
    assert_eq!(
        labels(&["a", ""], "a"),
        Err(LabelsError::Name(String::new()))
    );
    let missing = LabelsError::Unlabelled("c".to_owned());
    assert_eq!(labels(&["a", "b"], "c"), Err(missing));
    assert!(labels(&["a", "A"], "A").is_ok(), "case makes another label");
}
