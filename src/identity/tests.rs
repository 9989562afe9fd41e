//! Tests of the module, and what they share: keys made once a process, a fixed instant, and a
//! service that trusts the development issuer and has two agents.

mod agents;
mod attacks;
mod claims_table;
mod development;
mod local;
mod overage_table;
mod properties;
mod round_trip;
mod scope;
mod trust;

use std::path::PathBuf;
use std::sync::OnceLock;

use ambit_indexer::label::Labels;
use serde_json::{Map, Value, json};

use super::*;
use ambit_indexer::principal::{ObjectId, PrincipalKind};

/// 2026-10-02T00:53:20Z.
const NOW: i64 = 1_790_902_400;

fn now() -> Timestamp {
    at(NOW)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn user(name: &str) -> ObjectId {
    ObjectId::from_name(PrincipalKind::User, name)
}

fn group(name: &str) -> ObjectId {
    ObjectId::from_name(PrincipalKind::Group, name)
}

fn app(name: &str) -> ObjectId {
    ObjectId::from_name(PrincipalKind::Application, name)
}

/// An issuer with the file that its key is in.
struct Issuer {
    development: DevelopmentIssuer,
    key_path: PathBuf,
    _directory: tempfile::TempDir,
}

fn new_issuer() -> Issuer {
    let directory = tempfile::tempdir().unwrap();
    let key_path = directory.path().join("key.pem");
    Issuer {
        development: DevelopmentIssuer::open_or_create(&key_path).unwrap(),
        key_path,
        _directory: directory,
    }
}

/// The issuer that is trusted. Making a key takes long, so it is made once.
fn issuer() -> &'static Issuer {
    static ISSUER: OnceLock<Issuer> = OnceLock::new();
    ISSUER.get_or_init(new_issuer)
}

/// An issuer with a key of its own, trusted for another tenant only.
fn other_issuer() -> &'static Issuer {
    static ISSUER: OnceLock<Issuer> = OnceLock::new();
    ISSUER.get_or_init(new_issuer)
}

/// A second tenant, which is trusted too, with the other issuer's key.
const SECOND_TENANT: &str = "7d0e2b51-93c4-4f86-8a1d-5e6f7a8b9c0d";
const SECOND_AUDIENCE: &str = "5b1c9e83-0d27-4a64-bf15-c2d3e4f5a6b7";

fn second_tenant() -> TrustedTenant {
    TrustedTenant {
        tenant: TenantId::new(SECOND_TENANT.parse().unwrap()),
        issuer: format!("https://login.microsoftonline.com/{SECOND_TENANT}/v2.0"),
        audience: SECOND_AUDIENCE.to_owned(),
        keys: other_issuer().development.trust().keys,
    }
}

fn registration(name: &str) -> Registration {
    Registration {
        name: name.to_owned(),
        client: app(name),
        project: "incident-bot".to_owned(),
        team: "sre".to_owned(),
        environment: "test".to_owned(),
        tier: Tier::Read,
        collections: Collections::Named(["runbooks".to_owned()].into()),
        ingest: Collections::none(),
        highest_label: Labels::default().get("general").unwrap(),
    }
}

fn service() -> Identity {
    let trust = Trust::new([issuer().development.trust(), second_tenant()]).unwrap();
    let agents = [registration("copilot"), registration("nightly")];
    Identity::new(trust, Agents::new(agents).unwrap())
}

/// The claims of a good delegated token, to be spoilt one at a time.
fn good_claims() -> Map<String, Value> {
    let claims = json!({
        "aud": DEVELOPMENT_AUDIENCE,
        "iss": DevelopmentIssuer::issuer(),
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 3600,
        "azp": app("copilot").to_string(), "azpacr": "0",
        "oid": user("alice").to_string(), "sub": "pairwise",
        "tid": DEVELOPMENT_TENANT.to_string(),
        "uti": "x", "ver": "2.0", "scp": "Ambit.Read",
        "groups": [group("sre").to_string()],
    });
    claims.as_object().unwrap().clone()
}

fn good_header() -> Map<String, Value> {
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": issuer().development.kid()});
    header.as_object().unwrap().clone()
}

fn sign(header: Map<String, Value>, claims: Map<String, Value>) -> String {
    let (header, claims) = (header.into(), claims.into());
    issuer().development.sign_claims(&header, &claims).unwrap()
}

/// Authenticates one token at [`NOW`].
async fn authenticate(token: &str) -> Result<Caller, IdentityError> {
    let value = format!("Bearer {token}");
    service().authenticate(&[value.as_bytes()], now()).await
}

/// Expects a refusal, and that its text repeats no part of the request (leak L1).
async fn refused(row: &str, authorization: &[&[u8]], expected: IdentityError) {
    let result = service().authenticate(authorization, now()).await;
    let error = result.expect_err(row);
    assert_eq!(error, expected, "{row}");
    let shown = format!("{error} {error:?}");
    for value in authorization {
        let text: Vec<char> = String::from_utf8_lossy(value).chars().collect();
        for run in text.windows(12) {
            let run: String = run.iter().collect();
            assert!(!shown.contains(&run), "{row} shows {run}");
        }
    }
    for secret in [user("alice"), group("sre"), app("copilot")] {
        assert!(!shown.contains(&secret.to_string()), "{row}");
    }
}

async fn refused_token(row: &str, token: &str, expected: IdentityError) {
    refused(row, &[format!("Bearer {token}").as_bytes()], expected).await;
}

/// Stands for a member that is taken out, in tables of JSON text.
const ABSENT: &str = "-";

/// Replaces one member by a value in JSON text.
fn spoil(members: &mut Map<String, Value>, name: &str, value: &str) {
    if value == ABSENT {
        members.remove(name);
        return;
    }
    let value = value
        .replace("AUD", DEVELOPMENT_AUDIENCE)
        .replace("TID", &DEVELOPMENT_TENANT.to_string())
        .replace("ALICE", &user("alice").to_string());
    let value = serde_json::from_str(&value).unwrap();
    members.insert(name.to_owned(), value);
}

/// The good claims as JSON text with `addition` in front.
fn claims_text_with(addition: &str) -> String {
    let claims = Value::from(good_claims()).to_string();
    format!("{{{addition},{}", claims.strip_prefix('{').unwrap())
}

fn sign_claims_text(claims: &str) -> String {
    let header = Value::from(good_header()).to_string();
    issuer().development.sign_text(&header, claims).unwrap()
}
