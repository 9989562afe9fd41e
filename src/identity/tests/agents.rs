//! Registrations that are refused, and the order of those that are not.

use uuid::Uuid;

use super::*;

fn refused(registrations: [Registration; 2]) -> AgentsError {
    Agents::new(registrations).unwrap_err()
}

#[test]
fn found_by_client_and_listed_by_name() {
    let agents = Agents::new(["b", "c", "a"].map(registration)).unwrap();
    let names: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(agents.by_client(app("b")).unwrap().name, "b");
    assert_eq!(agents.by_name("c").unwrap().client, app("c"));
    assert!(agents.by_client(app("d")).is_none());
    assert!(agents.by_client(user("b")).is_none());
    assert!(agents.by_name("A").is_none());
}

#[test]
fn ambiguous_registrations() {
    let repeated = AgentsError::RepeatedName("a".to_owned());
    assert_eq!(refused([registration("a"), registration("a")]), repeated);
    let twin = Registration {
        client: app("a"),
        ..registration("b")
    };
    let expected = AgentsError::RepeatedClient {
        first: "a".to_owned(),
        second: "b".to_owned(),
    };
    assert_eq!(refused([registration("a"), twin]), expected);
}

#[test]
fn unusable_registrations() {
    let named = [
        "",
        COMMAND_LINE_AGENT,
        "a\nb",
        "a\u{200b}",
        &"x".repeat(129),
    ];
    for name in named {
        let error = refused([registration("a"), registration(name)]);
        assert!(matches!(error, AgentsError::Name(_)), "{name}");
        assert!(!error.to_string().contains('\n'));
    }
    let nil = Registration {
        client: ObjectId::new(Uuid::nil()),
        ..registration("b")
    };
    let expected = AgentsError::NilClient("b".to_owned());
    assert_eq!(refused([registration("a"), nil]), expected);
    let open = Registration {
        highest_label: Label::UNKNOWN,
        ..registration("b")
    };
    let expected = AgentsError::UnknownLabel("b".to_owned());
    assert_eq!(refused([registration("a"), open]), expected);
}

#[test]
fn collections_are_matched_exactly() {
    let some = Collections::Named(["runbooks".to_owned()].into());
    assert!(some.contains("runbooks"));
    assert!(!some.contains("runbook"));
    assert!(!Collections::none().contains(""));
    assert!(Collections::All.contains("anything"));
}

#[test]
fn names_of_tiers_and_roles_read_back() {
    for tier in Tier::ALL {
        assert_eq!(Tier::from_name(tier.as_str()), Some(tier));
    }
    assert!(Tier::Read < Tier::Propose && Tier::Propose < Tier::Write);
    for role in Role::ALL {
        assert_eq!(Role::from_claim(role.as_str()), Some(role));
    }
    for value in ["ambit.ingest", "Ingest", "Ambit.Owner", "Ambit.Admin ", ""] {
        assert_eq!(Role::from_claim(value), None, "{value}");
    }
}
