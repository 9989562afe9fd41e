//! Overage (A4 of the leak catalogue): every sign that the groups are not all in the token.

use super::super::GroupsUnresolved::{Absent, NotObjectIds, Overage};
use super::super::IdentityError::{GroupResolutionUnavailable as Groups, UnregisteredAgent};
use super::*;

/// Row, claim, value as JSON text; beside a good `groups` claim, where that is not the one.
#[rustfmt::skip]
const CLAIMS: [(&str, &str, &str, GroupsUnresolved); 21] = [
    ("no groups, no marker", "groups",             ABSENT,                Absent),
    ("null",                 "groups",             "null",                NotObjectIds),
    ("pointer",              "groups",             r#""src1""#,           NotObjectIds),
    ("one GUID",             "groups",             r#""ALICE""#,          NotObjectIds),
    ("object",               "groups",             r#"{"0":"ALICE"}"#,    NotObjectIds),
    ("names",                "groups",             r#"["sre"]"#,          NotObjectIds),
    ("a name among GUIDs",   "groups",             r#"["ALICE","sre"]"#,  NotObjectIds),
    ("a null among GUIDs",   "groups",             r#"["ALICE",null]"#,   NotObjectIds),
    ("nested",               "groups",             r#"[["ALICE"]]"#,      NotObjectIds),
    ("braces",               "groups",             r#"["{ALICE}"]"#,      NotObjectIds),
    ("nil",                  "groups",             r#"["00000000-0000-0000-0000-000000000000"]"#, NotObjectIds),
    ("marker and array",     "_claim_names",       r#"{"groups":"src1"}"#, Overage),
    ("sources and array",    "_claim_sources",     r#"{"src1":{"endpoint":"https://graph.windows.net/x/getMemberObjects"}}"#, Overage),
    ("about another claim",  "_claim_names",       r#"{"x":"src1"}"#,     Overage),
    ("marker of odd type",   "_claim_names",       "null",                Overage),
    ("implicit flow",        "hasgroups",          "true",                Overage),
    ("even false",           "hasgroups",          "false",               Overage),
    ("another case",         "hasGroups",          r#""true""#,           Overage),
    ("pointer in the name",  "groups:src1",        r#""x""#,              Overage),
    ("not described yet",    "groups_truncated",   "true",                Overage),
    ("not described yet",    "_Claim_Locations",   "{}",                  Overage),
];

#[tokio::test]
async fn a4_overage() {
    for (row, name, value, expected) in CLAIMS {
        let mut claims = good_claims();
        spoil(&mut claims, name, value);
        let token = sign(good_header(), claims);
        refused_token(&format!("A4 {row}: {name}"), &token, Groups(expected)).await;
    }
}

#[tokio::test]
async fn a4_order_of_reasons() {
    let mut claims = good_claims();
    spoil(&mut claims, "groups", ABSENT);
    spoil(&mut claims, "_claim_names", r#"{"groups":"src1"}"#);
    let token = sign(good_header(), claims.clone());
    refused_token("A4 marker alone", &token, Groups(Overage)).await;
    // Neither a stranger nor a token that is over may cause a directory call.
    let mut stranger = claims.clone();
    let client = format!("\"{}\"", app("stranger"));
    spoil(&mut stranger, "azp", &client);
    let token = sign(good_header(), stranger);
    refused_token("A4 stranger", &token, UnregisteredAgent).await;
    spoil(&mut claims, "exp", "1");
    let token = sign(good_header(), claims);
    let expired = IdentityError::InvalidToken(InvalidToken::Expired);
    refused_token("A4 expired", &token, expired).await;
}

/// The empty list is the one way to say that there are none.
#[tokio::test]
async fn no_groups_said_outright() {
    let mut claims = good_claims();
    spoil(&mut claims, "groups", "[]");
    let caller = authenticate(&sign(good_header(), claims)).await.unwrap();
    assert!(caller.subject().groups().is_empty());
}
