//! The caller that an operator asserts.

use uuid::Uuid;

use super::*;

fn principal(kind: PrincipalKind, name: &str) -> Principal {
    Principal::Object {
        kind,
        tenant: DEVELOPMENT_TENANT,
        object: ObjectId::from_name(kind, name),
    }
}

fn assert_local(principals: Vec<Principal>) -> Result<Caller, LocalCallerError> {
    let asserted = LocalCaller {
        tenant: DEVELOPMENT_TENANT,
        principals,
        highest_label: Labels::default().highest(),
        reason: "test",
    };
    Identity::assert_local(asserted, now())
}

#[test]
fn a_user_with_groups() {
    let alice = principal(PrincipalKind::User, "alice");
    let sre = principal(PrincipalKind::Group, "sre");
    let caller = assert_local(vec![sre, alice, sre]).unwrap();
    assert_eq!(caller.subject().principal(), alice);
    assert_eq!(caller.subject().groups(), [group("sre")]);
    assert_eq!(caller.asserted_because(), Some("test"));
    assert_eq!(caller.agent().name, COMMAND_LINE_AGENT);
    assert_eq!(caller.agent().tier, Tier::Write);
    assert_eq!(caller.scope().collections(), &Collections::All);
    let expected = PrincipalSet::complete([alice, sre]);
    assert_eq!(caller.scope().principals(), &expected);
    assert!(caller.subject().roles().is_empty());
}

#[test]
fn an_application() {
    let demo = principal(PrincipalKind::Application, "demo");
    let caller = assert_local(vec![demo]).unwrap();
    assert_eq!(caller.subject().kind(), SubjectKind::Application);
}

/// The placeholder for nobody is not among the principals, so no entry can match it.
#[test]
fn groups_alone() {
    let sre = principal(PrincipalKind::Group, "sre");
    let caller = assert_local(vec![sre]).unwrap();
    assert_eq!(caller.subject().object().guid(), Uuid::nil());
    let expected = PrincipalSet::complete([sre]);
    assert_eq!(caller.scope().principals(), &expected);
    let caller = assert_local(vec![Principal::Everyone]).unwrap();
    assert_eq!(caller.scope().principals().iter().count(), 1);
}

#[test]
fn what_no_token_could_stand_for() {
    assert_eq!(assert_local(vec![]).unwrap_err(), LocalCallerError::Nobody);
    let alice = principal(PrincipalKind::User, "alice");
    for other in [
        principal(PrincipalKind::User, "bob"),
        principal(PrincipalKind::Application, "alice"),
    ] {
        let error = assert_local(vec![alice, other]).unwrap_err();
        assert_eq!(error, LocalCallerError::TwoSubjects);
    }
    let foreign = Principal::Object {
        kind: PrincipalKind::Group,
        tenant: second_tenant().tenant,
        object: group("sre"),
    };
    let error = assert_local(vec![alice, foreign]).unwrap_err();
    assert_eq!(error, LocalCallerError::OtherTenant);
}
