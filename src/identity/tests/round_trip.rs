//! From minting to authentication, for users and applications.

use ambit_indexer::principal::Principal;

use super::*;

fn request() -> TokenRequest {
    TokenRequest {
        user: Some(user("alice")),
        groups: vec![group("sre"), group("dba"), group("sre")],
        roles: vec!["Ambit.Ingest".to_owned(), "Ambit.Owner".to_owned()],
        app: app("copilot"),
        lifetime: 3600,
        app_only: false,
        now: now(),
    }
}

fn object(kind: PrincipalKind, object: ObjectId) -> Principal {
    Principal::Object {
        kind,
        tenant: DEVELOPMENT_TENANT,
        object,
    }
}

#[tokio::test]
async fn user_through_an_agent() {
    let token = issuer().development.mint(request()).unwrap();
    let caller = authenticate(&token).await.unwrap();
    let subject = caller.subject();
    assert_eq!(subject.tenant(), DEVELOPMENT_TENANT);
    assert_eq!(subject.object(), user("alice"));
    assert_eq!(subject.kind(), SubjectKind::User);
    assert!(!subject.is_agent_account());
    assert_eq!(subject.groups().len(), 2);
    assert!(subject.has_role(Role::Ingest));
    assert_eq!(subject.roles().len(), 1);
    assert_eq!(caller.agent().name, "copilot");
    assert_eq!(caller.scope().now(), now());
    assert_eq!(caller.asserted_because(), None);
    // The contract: the user, its groups, everyone; `app:` entries do not count.
    let expected = PrincipalSet::complete([
        object(PrincipalKind::User, user("alice")),
        object(PrincipalKind::Group, group("sre")),
        object(PrincipalKind::Group, group("dba")),
    ]);
    assert_eq!(caller.scope().principals(), &expected);
}

#[tokio::test]
async fn application_on_its_own() {
    let minted = TokenRequest {
        user: None,
        app_only: true,
        ..request()
    };
    let token = issuer().development.mint(minted).unwrap();
    let caller = authenticate(&token).await.unwrap();
    assert_eq!(caller.subject().kind(), SubjectKind::Application);
    let expected = PrincipalSet::complete([
        object(PrincipalKind::Application, app("copilot")),
        object(PrincipalKind::Group, group("sre")),
        object(PrincipalKind::Group, group("dba")),
    ]);
    assert_eq!(caller.scope().principals(), &expected);
}

#[tokio::test]
async fn the_account_of_an_agent_is_a_user_that_says_so() {
    let mut claims = good_claims();
    claims.insert("idtyp".to_owned(), json!("user"));
    claims.insert("xms_sub_fct".to_owned(), json!("7 13"));
    let caller = authenticate(&sign(good_header(), claims)).await.unwrap();
    assert_eq!(caller.subject().kind(), SubjectKind::User);
    assert!(caller.subject().is_agent_account());
}

#[tokio::test]
async fn keys_that_are_not_known_yet() {
    let tenant = TrustedTenant {
        keys: Keys::Fixed([].into()),
        ..issuer().development.trust()
    };
    let identity = Identity::new(Trust::new([tenant]).unwrap(), Agents::default());
    let value = format!("Bearer {}", sign(good_header(), good_claims()));
    let result = identity.authenticate(&[value.as_bytes()], now()).await;
    assert_eq!(result.unwrap_err(), IdentityError::KeysUnavailable);
}

/// L1: what a caller is may be logged, which groups it has may not.
#[tokio::test]
async fn debug_output_names_no_groups() {
    let token = issuer().development.mint(request()).unwrap();
    let caller = authenticate(&token).await.unwrap();
    let shown = format!("{caller:?} {:?} {:?}", caller.subject(), caller.scope());
    assert!(!shown.contains(&group("sre").to_string()), "{shown}");
    assert!(shown.contains("copilot"));
}
