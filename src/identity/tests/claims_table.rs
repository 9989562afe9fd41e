//! The attack list of `reference/entra.md`, section 7, as far as it concerns claims: A1, A2, A6
//! and A7 of the leak catalogue.

use super::super::IdentityError::{
    GroupResolutionUnavailable as Groups, InvalidToken as Invalid, UnregisteredAgent,
};
use super::super::InvalidToken::{
    Audience, CaseVariant, Expired, IssuedInFuture, Issuer as WrongIssuer, Missing,
    NotAnAccessToken, NotStrictJson, NotYetValid, SubjectKind as WrongKind, UntrustedTenant,
    Version, WrongType,
};
use super::*;

/// Row, claim, value as JSON text. [`NOW`] is 1790902400.
#[rustfmt::skip]
const CLAIMS: [(&str, &str, &str, InvalidToken); 58] = [
    ("A1 missing",         "exp", ABSENT,                              Missing("exp")),
    ("A1 null",            "exp", "null",                              WrongType("exp")),
    ("A1 string",          "exp", r#""1790906000""#,                   WrongType("exp")),
    ("A1 float",           "exp", "1790906000.0",                      WrongType("exp")),
    ("A1 exponent",        "exp", "2e9",                               WrongType("exp")),
    ("A1 negative",        "exp", "-1",                                WrongType("exp")),
    ("A1 beyond i64",      "exp", "18446744073709551615",              WrongType("exp")),
    ("A1 beyond u64",      "exp", "99999999999999999999999",           WrongType("exp")),
    ("A1 array",           "exp", "[1790906000]",                      WrongType("exp")),
    ("A1 boolean",         "exp", "true",                              WrongType("exp")),
    ("A1 past",            "exp", "1790902340",                        Expired),
    ("A1 zero",            "exp", "0",                                 Expired),
    ("A1 missing",         "nbf", ABSENT,                              Missing("nbf")),
    ("A1 string",          "nbf", r#""0""#,                            WrongType("nbf")),
    ("A1 float",           "nbf", "0.5",                               WrongType("nbf")),
    ("A1 future",          "nbf", "1790902461",                        NotYetValid),
    ("A1 far future",      "nbf", "9223372036854775807",               NotYetValid),
    ("A1 missing",         "iat", ABSENT,                              Missing("iat")),
    ("A1 negative",        "iat", "-5",                                WrongType("iat")),
    ("A1 future",          "iat", "1790902461",                        IssuedInFuture),
    ("A2 missing",         "aud", ABSENT,                              Missing("aud")),
    ("A2 null",            "aud", "null",                              WrongType("aud")),
    ("A2 array with ours", "aud", r#"["AUD"]"#,                        WrongType("aud")),
    ("A2 Graph",           "aud", r#""00000003-0000-0000-c000-000000000000""#, Audience),
    ("A2 another app",     "aud", r#""11111111-2222-4333-8444-555555555555""#, Audience),
    ("A2 URI",             "aud", r#""api://AUD""#,                    Audience),
    ("A2 braces",          "aud", r#""{AUD}""#,                        Audience),
    ("A2 missing",         "iss", ABSENT,                              Missing("iss")),
    ("A2 array with ours", "iss", r#"["https://login.ambit.invalid/TID/v2.0"]"#, WrongType("iss")),
    ("A2 v1.0",            "iss", r#""https://sts.windows.net/TID/""#, WrongIssuer),
    ("A2 other authority", "iss", r#""https://login.evil.invalid/TID/v2.0""#, WrongIssuer),
    ("A2 other tenant",    "iss", r#""https://login.ambit.invalid/11111111-2222-4333-8444-555555555555/v2.0""#, WrongIssuer),
    ("A2 final slash",     "iss", r#""https://login.ambit.invalid/TID/v2.0/""#, WrongIssuer),
    ("A2 template",        "iss", r#""https://login.ambit.invalid/{tenantid}/v2.0""#, WrongIssuer),
    ("A2 other tenant",    "tid", r#""11111111-2222-4333-8444-555555555555""#, UntrustedTenant),
    ("A2 missing",         "tid", ABSENT,                              Missing("tid")),
    ("A2 domain",          "tid", r#""contoso.com""#,                  WrongType("tid")),
    ("A2 braces",          "tid", r#""{TID}""#,                        WrongType("tid")),
    ("missing",            "ver", ABSENT,                              Missing("ver")),
    ("v1.0",               "ver", r#""1.0""#,                          Version),
    ("number",             "ver", "2.0",                               WrongType("ver")),
    ("missing",            "oid", ABSENT,                              Missing("oid")),
    ("no hyphens",         "oid", r#""0f6e2c1a11112222333344445555aaaa""#, WrongType("oid")),
    ("braces",             "oid", r#""{ALICE}""#,                      WrongType("oid")),
    ("nil",                "oid", r#""00000000-0000-0000-0000-000000000000""#, WrongType("oid")),
    ("mail address",       "oid", r#""alice@example.org""#,            WrongType("oid")),
    ("missing",            "azp", ABSENT,                              Missing("azp")),
    ("nil",                "azp", r#""00000000-0000-0000-0000-000000000000""#, WrongType("azp")),
    ("A2 ID token",        "scp", ABSENT,                              NotAnAccessToken),
    ("A6 empty",           "scp", r#""""#,                             NotAnAccessToken),
    ("A6 slash",           "scp", r#""/""#,                            NotAnAccessToken),
    ("A6 blank",           "scp", r#"" \t/ ""#,                       NotAnAccessToken),
    ("A6 array",           "scp", r#"["Ambit.Read"]"#,                 WrongType("scp")),
    ("A6 app with scp",    "idtyp", r#""app""#,                        WrongKind),
    ("A6 unknown",         "idtyp", r#""device""#,                     WrongKind),
    ("A6 null",            "idtyp", "null",                            WrongType("idtyp")),
    ("A6 agent as user",   "xms_sub_fct", r#""7 11""#,                 WrongKind),
    ("A6 array",           "xms_sub_fct", "[11]",                      WrongType("xms_sub_fct")),
];

#[tokio::test]
async fn a1_a2_a6_claims() {
    for (row, name, value, expected) in CLAIMS {
        let mut claims = good_claims();
        spoil(&mut claims, name, value);
        let token = sign(good_header(), claims);
        refused_token(&format!("{row}: {name}"), &token, Invalid(expected)).await;
    }
    for value in ["null", r#""Ambit.Admin""#, r#"["Ambit.Admin",1]"#, "{}"] {
        let mut claims = good_claims();
        spoil(&mut claims, "roles", value);
        let token = sign(good_header(), claims);
        refused_token(value, &token, Invalid(WrongType("roles"))).await;
    }
}

/// What is added in front of the good claims, as JSON text.
#[rustfmt::skip]
const ADDITIONS: [(&str, &str, InvalidToken); 12] = [
    ("repeated exp",         r#""exp":1"#,                NotStrictJson),
    ("repeated oid",         r#""oid":"x""#,              NotStrictJson),
    ("repeated tid",         r#""tid":"x""#,              NotStrictJson),
    ("repeated groups",      r#""groups":[]"#,            NotStrictJson),
    ("repeated by escape",   r#""\u0074id":"x""#,         NotStrictJson),
    ("repeated unknown",     r#""x":1,"x":1"#,            NotStrictJson),
    ("repeated inside",      r#""x":[{"y":1,"y":2}]"#,    NotStrictJson),
    ("lone surrogate",       r#""x":"\ud800""#,           NotStrictJson),
    ("TID beside tid",       r#""TID":"x""#,              CaseVariant),
    ("Oid beside oid",       r#""Oid":"x""#,              CaseVariant),
    ("Groups beside groups", r#""Groups":[]"#,            CaseVariant),
    ("long s",               r#""\u017fcp":"Ambit.Read""#, CaseVariant),
];

/// What no JSON value can say: numbers out of range, repeated names.
#[tokio::test]
async fn a1_claims_text() {
    for (row, addition, expected) in ADDITIONS {
        let token = sign_claims_text(&claims_text_with(addition));
        refused_token(row, &token, Invalid(expected)).await;
    }
    let good = Value::from(good_claims()).to_string();
    let exp = format!(r#""exp":{}"#, NOW + 3600);
    let exp_as = |value: &str| good.replace(&exp, &format!(r#""exp":{value}"#));
    let rows = [
        ("A1 exp 1e400", exp_as("1e400"), NotStrictJson),
        ("A1 exp NaN", exp_as("NaN"), NotStrictJson),
        ("A1 exp -0", exp_as("-0"), WrongType("exp")),
        (
            "TID alone",
            good.replace(r#""tid":"#, r#""TID":"#),
            CaseVariant,
        ),
    ];
    for (row, claims, expected) in rows {
        refused_token(row, &sign_claims_text(&claims), Invalid(expected)).await;
    }
}

/// A6: an application never counts as a user, nor the other way round.
#[tokio::test]
async fn a6_app_only() {
    let app_only = || {
        let mut claims = good_claims();
        claims.remove("scp");
        claims.insert("idtyp".to_owned(), json!("app"));
        claims
    };
    let caller = authenticate(&sign(good_header(), app_only()))
        .await
        .unwrap();
    assert_eq!(caller.subject().kind(), SubjectKind::Application);
    for empty in ["", "/"] {
        let mut claims = app_only();
        claims.insert("scp".to_owned(), json!(empty));
        assert!(authenticate(&sign(good_header(), claims)).await.is_ok());
    }
    let mut claims = app_only();
    claims.remove("groups");
    let token = sign(good_header(), claims);
    refused_token(
        "A4 application without groups",
        &token,
        Groups(GroupsUnresolved::Absent),
    )
    .await;
    let mut claims = app_only();
    claims.insert("xms_sub_fct".to_owned(), json!("13"));
    let token = sign(good_header(), claims);
    refused_token("A6 user account as application", &token, Invalid(WrongKind)).await;
    let mut claims = app_only();
    claims.insert("azp".to_owned(), json!(app("stranger").to_string()));
    refused_token(
        "unregistered",
        &sign(good_header(), claims),
        UnregisteredAgent,
    )
    .await;
}

/// A7: principals that the client names for itself are not looked at.
#[tokio::test]
async fn a7_names_are_ignored() {
    let mut claims = good_claims();
    for name in [
        "upn",
        "email",
        "preferred_username",
        "unique_name",
        "sub",
        "name",
    ] {
        claims.insert(name.to_owned(), json!(user("bob").to_string()));
    }
    claims.insert("wids".to_owned(), json!([group("contractors").to_string()]));
    claims.insert(
        "roles".to_owned(),
        json!([group("contractors").to_string()]),
    );
    let caller = authenticate(&sign(good_header(), claims)).await.unwrap();
    assert_eq!(caller.subject().object(), user("alice"));
    assert_eq!(caller.subject().groups(), [group("sre")]);
    assert!(caller.subject().roles().is_empty());
    assert_eq!(caller.scope().principals().iter().count(), 3);
}

#[tokio::test]
async fn lifetime_to_the_second() {
    let token = sign(good_header(), good_claims());
    let value = format!("Bearer {token}");
    let rows = [
        (NOW - 71, Err(Invalid(NotYetValid))),
        (NOW - 70, Ok(())),
        (NOW + 3600 + 59, Ok(())),
        (NOW + 3600 + 60, Err(Invalid(Expired))),
    ];
    for (second, expected) in rows {
        let result = service()
            .authenticate(&[value.as_bytes()], at(second))
            .await;
        assert_eq!(result.map(|_| ()), expected, "{second}");
    }
}
