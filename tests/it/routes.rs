//! The route matrix: every route of the API document, against every sort of caller (leak B1).
//! A route that is not in the table fails.

use std::collections::BTreeSet;

use ambit::identity::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_TENANT, DevelopmentIssuer};
use serde_json::{Value, json};

use crate::support::app::{TestApp, issuer, start, token, token_request};
use crate::support::client::{Answer, Call, Client, post};
use crate::support::corpus::{Corpus, Planted, acl, grant};
use crate::support::naive::{Person, user};

/// One route: how to call it, and what it answers to a caller who may read nothing.
struct Route {
    method: &'static str,
    path: &'static str,
    /// Whether it answers only callers with a token.
    needs_token: bool,
    call: fn() -> Call,
    reads_nothing: u16,
}

fn table() -> Vec<Route> {
    let open = |path| Route {
        method: "GET",
        path,
        needs_token: false,
        call: || Call::new("GET", ""),
        reads_nothing: 200,
    };
    vec![
        open("/livez"),
        open("/readyz"),
        Route {
            method: "POST",
            path: "/v1/search",
            needs_token: true,
            call: || post("/v1/search", &json!({"query": "words"})),
            reads_nothing: 200,
        },
        Route {
            method: "POST",
            path: "/v1/context",
            needs_token: true,
            call: || post("/v1/context", &json!({"query": "words", "max_tokens": 500})),
            reads_nothing: 200,
        },
        Route {
            method: "GET",
            path: "/v1/documents/{*id}",
            needs_token: true,
            call: || Call::new("GET", "/v1/documents/ops/absent.md"),
            reads_nothing: 404,
        },
        Route {
            method: "GET",
            path: "/v1/me",
            needs_token: true,
            call: || Call::new("GET", "/v1/me"),
            reads_nothing: 200,
        },
    ]
}

impl Route {
    fn call(&self) -> Call {
        let mut call = (self.call)();
        if call.target.is_empty() {
            self.path.clone_into(&mut call.target);
        }
        call
    }
}

fn corpus() -> Corpus {
    Corpus::default().with([
        Planted::new("", "one", acl([grant("group:sre")]), "words"),
        Planted::new("", "two", acl([grant("user:bob")]), "words"),
    ])
}

/// The operations of the API document.
fn operations() -> BTreeSet<(String, String)> {
    let document: Value = serde_json::to_value(ambit::http::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = [
        "get", "put", "post", "delete", "options", "head", "patch", "trace",
    ];
    paths
        .flat_map(|(path, item)| {
            let known = item.as_object().unwrap().keys();
            let known = known.filter(|key| methods.contains(&key.as_str()));
            known.map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

#[test]
fn every_route_is_in_the_table() {
    let listed = table().into_iter();
    let listed: BTreeSet<_> = listed
        .map(|route| (route.method.to_owned(), route.path.to_owned()))
        .collect();
    assert_eq!(
        operations(),
        listed,
        "state here what a new route answers to whom"
    );
}

/// Claims like those of a token, which a test can spoil.
fn claims(person: &Person) -> Value {
    let request = token_request(person, start());
    json!({
        "aud": DEVELOPMENT_AUDIENCE, "iss": DevelopmentIssuer::issuer(), "ver": "2.0",
        "iat": start().as_second(), "nbf": start().as_second(),
        "exp": start().as_second() + 3600, "azp": request.app.to_string(), "azpacr": "0",
        "oid": request.user.unwrap().to_string(), "sub": "x", "scp": "Ambit.Read",
        "tid": DEVELOPMENT_TENANT.to_string(), "groups": [],
    })
}

fn signed(claims: &Value) -> Option<String> {
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": issuer().kid()});
    let token = issuer().sign_claims(&header, claims).unwrap();
    Some(format!("Bearer {token}"))
}

/// What each sort of refused caller gets, by any route that needs a token.
fn refused(test: &TestApp) -> Vec<(&'static str, Client, u16, &'static str)> {
    let alice = user("alice", &["sre"]);
    let good = token(&alice, start());
    let (body, signature) = good.rsplit_once('.').unwrap();
    let forged = format!("Bearer {body}.{}{signature}", "AAAA");
    let mut expired = claims(&alice);
    expired["exp"] = json!(start().as_second() - 3600);
    let mut elsewhere = claims(&alice);
    elsewhere["aud"] = json!("00000003-0000-0000-c000-000000000000");
    let mut stranger = claims(&alice);
    stranger["azp"] = json!("11111111-2222-4333-8444-555555555555");
    let mut overage = claims(&alice);
    overage["groups"] = Value::Null;
    overage["_claim_names"] = json!({"groups": "src1"});
    let mut hasgroups = claims(&alice);
    hasgroups.as_object_mut().unwrap().remove("groups");
    hasgroups["hasgroups"] = json!(true);
    let client = |authorization| test.raw_client(None, authorization);
    vec![
        ("no token", client(None), 401, "missing-token"),
        ("forged", client(Some(forged)), 401, "invalid-token"),
        (
            "garbage",
            client(Some("Bearer x".to_owned())),
            401,
            "invalid-token",
        ),
        ("expired", client(signed(&expired)), 401, "invalid-token"),
        (
            "elsewhere",
            client(signed(&elsewhere)),
            401,
            "invalid-token",
        ),
        (
            "stranger",
            client(signed(&stranger)),
            403,
            "unregistered-agent",
        ),
        (
            "overage",
            client(signed(&overage)),
            503,
            "group-resolution-unavailable",
        ),
        (
            "hasgroups",
            client(signed(&hasgroups)),
            503,
            "group-resolution-unavailable",
        ),
    ]
}

fn assert_uncached(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_refuse_whom_they_do_not_answer() {
    let test = TestApp::holding(corpus()).await;
    for (sort, client, status, problem) in refused(&test) {
        for route in table() {
            let answer = client.send(route.call()).await;
            let place = format!("{sort}: {} {}", route.method, route.path);
            if !route.needs_token {
                assert_eq!(answer.status, 200, "{place}");
                continue;
            }
            assert_eq!(answer.status, status, "{place}");
            assert_eq!(answer.problem(), problem, "{place}");
            assert_eq!(
                answer.header("www-authenticate").is_some(),
                status == 401,
                "{place}"
            );
            assert_eq!(answer.answer_id(), None, "{place}");
            assert_uncached(&answer);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_answer_a_caller_who_may_read_nothing() {
    let test = TestApp::holding(corpus()).await;
    let client = test.client(&user("mallory", &[]));
    for route in table() {
        let answer = client.send(route.call()).await;
        assert_eq!(
            answer.status, route.reads_nothing,
            "{} {}",
            route.method, route.path
        );
        if answer.status != 200 {
            answer.problem();
        }
        if route.needs_token {
            assert_uncached(&answer);
        }
    }
}

/// Parameters in headers or query name nobody (leaks A7, B14).
#[tokio::test(flavor = "multi_thread")]
async fn trusted_looking_headers_mean_nothing() {
    let test = TestApp::holding(corpus()).await;
    let nobody = test.raw_client(None, None);
    let mallory = test.client(&user("mallory", &[]));
    for name in [
        "x-user",
        "x-forwarded-user",
        "x-ms-client-principal-id",
        "x-original-uri",
        "cookie",
    ] {
        let call = post("/v1/search?as=user:bob", &json!({"query": "words"})).header(name, "bob");
        assert_eq!(nobody.send(call.clone()).await.status, 401);
        assert!(mallory.send(call).await.documents().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_authorization_headers_are_refused() {
    let test = TestApp::holding(corpus()).await;
    let good = format!("Bearer {}", token(&user("alice", &["sre"]), start()));
    let client = test.raw_client(None, Some(good.clone()));
    let answer = client
        .send(Call::new("GET", "/v1/me").header("authorization", good))
        .await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errors"][0]["field"], "Authorization");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_and_methods_are_problems() {
    let test = TestApp::holding(corpus()).await;
    let client = test.raw_client(None, None);
    for target in [
        "/",
        "/v1",
        "/v1/documents",
        "/v1/documents/",
        "/v1/searc",
        "/v1/search/x",
        "/metrics",
    ] {
        let answer = client.send(Call::new("GET", target)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (404, "no-such-route"),
            "{target}"
        );
    }
    for (method, target) in [
        ("GET", "/v1/search"),
        ("PUT", "/v1/context"),
        ("PATCH", "/v1/documents/a/b"),
        ("POST", "/livez"),
    ] {
        let answer = client.send(Call::new(method, target)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (405, "method-not-allowed"),
            "{target}"
        );
    }
}
