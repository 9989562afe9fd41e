//! Random damage and random claims.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

/// Runs a future that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("fixed keys need no waiting"),
    }
}

fn authenticate_now(value: &[u8]) -> Result<Caller, IdentityError> {
    static SERVICE: OnceLock<Identity> = OnceLock::new();
    let service = SERVICE.get_or_init(super::service);
    at_once(service.authenticate(&[value], now()))
}

/// Every single byte of a token, each replaced by several others. The encoding has one spelling
/// for every token, so not even the same caller comes out.
#[test]
fn no_changed_byte_is_accepted() {
    let good = format!("Bearer {}", sign(good_header(), good_claims())).into_bytes();
    assert!(authenticate_now(&good).is_ok());
    for position in "Bearer ".len()..good.len() {
        for change in [0x01, 0x02, 0x20, 0x80] {
            let mut spoilt = good.clone();
            spoilt[position] ^= change;
            let result = authenticate_now(&spoilt);
            assert!(result.is_err(), "byte {position} ^ {change}");
        }
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let guid = user("alice").to_string();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::from(NOW)),
        Just(Value::from(guid)),
        Just(Value::from("app")),
        "[ -~]{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn claim_name() -> impl Strategy<Value = String> {
    let names = [
        "aud",
        "iss",
        "iat",
        "nbf",
        "exp",
        "azp",
        "oid",
        "sub",
        "tid",
        "ver",
        "scp",
        "idtyp",
        "groups",
        "roles",
        "hasgroups",
        "_claim_names",
        "groups:src1",
        "xms_sub_fct",
        "TID",
    ];
    prop_oneof![
        6 => prop::sample::select(names.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is signed, nothing panics, and a token that is accepted speaks for the object,
    /// the tenant and the complete groups that it names.
    #[test]
    fn random_claims(changes in prop::collection::vec((claim_name(), json_value()), 0..4)) {
        let mut claims = good_claims();
        claims.extend(changes);
        let token = sign(good_header(), claims.clone());
        if let Ok(caller) = authenticate_now(format!("Bearer {token}").as_bytes()) {
            let subject = caller.subject();
            prop_assert_eq!(&claims["oid"], &json!(subject.object().to_string()));
            prop_assert_eq!(&claims["tid"], &json!(DEVELOPMENT_TENANT.to_string()));
            let listed = claims["groups"].as_array().unwrap();
            for group in listed {
                let group = ObjectId::new(group.as_str().unwrap().parse().unwrap());
                prop_assert!(subject.groups().contains(&group));
            }
            prop_assert!(subject.groups().len() <= listed.len());
        }
    }

    /// Headers and payloads that are no JSON, or not UTF-8.
    #[test]
    fn random_headers(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(authenticate_now(&bytes).is_err());
        let mut bearer = b"Bearer ".to_vec();
        bearer.extend(&bytes);
        prop_assert!(authenticate_now(&bearer).is_err());
    }

    /// Random text in place of the parts of a signed token.
    #[test]
    fn random_parts(header in any::<String>(), claims in any::<String>()) {
        let good = Value::from(good_header()).to_string();
        for header in [&header, &good] {
            let token = issuer().development.sign_text(header, &claims).unwrap();
            let value = format!("Bearer {token}");
            prop_assert!(authenticate_now(value.as_bytes()).is_err());
        }
    }
}
