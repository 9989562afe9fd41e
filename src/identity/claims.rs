//! Claims: the JSON of a token, read strictly, and the typed values taken from it.
//!
//! Upholds FAIL-CLOSED: every claim that decides anything has one name, one spelling, one value
//! and one type, or the token is refused (leak A1). Two parsers that disagree about which of two
//! equal names counts are the classic way past a validator, so there is nothing to disagree about.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use ambit_indexer::principal::{ObjectId, TenantId, hyphenated_guid};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use uuid::Uuid;

use super::overage::{self, GroupsUnresolved};
use super::subject::{Role, SubjectKind};
use super::validate::InvalidToken;

/// Claims that decide anything, now or in a later version of this module. No other spelling of
/// them is accepted in a token, not even beside the right one: `TID` next to `tid` says that
/// somebody hopes for a reader that ignores case.
const WATCHED: [&str; 22] = [
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "tid",
    "oid",
    "sub",
    "azp",
    "azpacr",
    "appid",
    "appidacr",
    "ver",
    "idtyp",
    "scp",
    "roles",
    "wids",
    "groups",
    "acct",
    "xms_act_fct",
    "xms_sub_fct",
    "xms_par_app_azp",
];

/// The facet of a subject that is an autonomous agent identity.
const FACET_AGENT_IDENTITY: &str = "11";
/// The facet of a subject that is an agent's own user account.
const FACET_AGENT_ACCOUNT: &str = "13";

/// A JSON object in which no name appears twice, at any depth.
pub(super) struct StrictObject(BTreeMap<String, Value>);

impl StrictObject {
    /// Reads the text of a header or a payload. `watched` are the names that must not appear in
    /// another case.
    pub(super) fn parse(json: &[u8], watched: &[&str]) -> Result<Self, InvalidToken> {
        let Ok(UniqueValue(Value::Object(members))) = serde_json::from_slice(json) else {
            // Not `#[source]`: the messages of the parser quote the value that they stumble over.
            return Err(InvalidToken::NotStrictJson);
        };
        let is_variant = |name: &String| {
            let folded = folded(name);
            watched
                .iter()
                .any(|known| *known == folded && name != known)
        };
        if members.keys().any(is_variant) {
            return Err(InvalidToken::CaseVariant);
        }
        Ok(Self(members.into_iter().collect()))
    }

    /// The payload of a token.
    pub(super) fn payload(json: &[u8]) -> Result<Self, InvalidToken> {
        Self::parse(json, &WATCHED)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of a name. `null` is a value, not an absence.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A string, or `None` if the name is absent.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, InvalidToken> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(InvalidToken::WrongType(name)),
        }
    }

    /// A string that has to be there.
    pub(super) fn required_text(&self, name: &'static str) -> Result<&str, InvalidToken> {
        self.text(name)?.ok_or(InvalidToken::Missing(name))
    }

    /// A GUID that has to be there.
    pub(super) fn required_guid(&self, name: &'static str) -> Result<Uuid, InvalidToken> {
        guid(self.required_text(name)?).ok_or(InvalidToken::WrongType(name))
    }

    /// Whole seconds since the epoch. Strings, fractions, exponents and negative numbers are
    /// refused: a library that read them leniently skipped the check (CVE-2026-25537).
    fn required_seconds(&self, name: &'static str) -> Result<i64, InvalidToken> {
        let value = self.get(name).ok_or(InvalidToken::Missing(name))?;
        let seconds = value.as_u64().and_then(|seconds| seconds.try_into().ok());
        seconds.ok_or(InvalidToken::WrongType(name))
    }

    /// The strings of an array; none if the name is absent.
    fn texts(&self, name: &'static str) -> Result<Vec<&str>, InvalidToken> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => {
                let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
                texts.ok_or(InvalidToken::WrongType(name))
            }
            Some(_) => Err(InvalidToken::WrongType(name)),
        }
    }
}

/// The claims of a v2.0 access token, typed. Not yet compared with anything: see `validate`.
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) tenant: TenantId,
    pub(super) object: ObjectId,
    /// The agent's client id.
    pub(super) client: ObjectId,
    pub(super) expires: i64,
    pub(super) not_before: i64,
    pub(super) issued: i64,
    pub(super) kind: SubjectKind,
    pub(super) agent_account: bool,
    pub(super) roles: BTreeSet<Role>,
    /// Kept as a result, so that a token that is wrong in any other way says so first.
    pub(super) groups: Result<Vec<ObjectId>, GroupsUnresolved>,
}

impl Claims {
    /// Takes the typed claims out of a payload whose signature is good.
    pub(super) fn read(payload: &StrictObject) -> Result<Self, InvalidToken> {
        // First, because the claims of other versions have other names.
        if payload.required_text("ver")? != "2.0" {
            return Err(InvalidToken::Version);
        }
        let subject_facets = payload.text("xms_sub_fct")?.unwrap_or_default();
        let has_facet = |facet| {
            subject_facets
                .split_ascii_whitespace()
                .any(|other| other == facet)
        };
        let agent_account = has_facet(FACET_AGENT_ACCOUNT);
        let kind = subject_kind(payload)?;
        // An agent that says to be a user, or a user's account in an app-only token: whichever is
        // true, the entries of the other must not count.
        let contradicts = match kind {
            SubjectKind::User => has_facet(FACET_AGENT_IDENTITY),
            SubjectKind::Application => agent_account,
        };
        if contradicts {
            return Err(InvalidToken::SubjectKind);
        }
        let roles = payload.texts("roles")?.into_iter();
        Ok(Self {
            issuer: payload.required_text("iss")?.to_owned(),
            audience: payload.required_text("aud")?.to_owned(),
            tenant: TenantId::new(payload.required_guid("tid")?),
            object: ObjectId::new(payload.required_guid("oid")?),
            client: ObjectId::new(payload.required_guid("azp")?),
            expires: payload.required_seconds("exp")?,
            not_before: payload.required_seconds("nbf")?,
            issued: payload.required_seconds("iat")?,
            kind,
            agent_account,
            roles: roles.filter_map(Role::from_claim).collect(),
            groups: overage::groups(payload),
        })
    }
}

/// Tells users from applications, and access tokens from ID tokens.
///
/// `scp` alone is no proof of a user (app-only agents carry an empty one or `/`), `roles` alone is
/// none of an application (users have them too), and an ID token may have issuer, keys, audience,
/// roles and groups in common with an access token.
fn subject_kind(payload: &StrictObject) -> Result<SubjectKind, InvalidToken> {
    let scopes = payload.text("scp")?.unwrap_or_default();
    let is_delegated = scopes.split_ascii_whitespace().any(|scope| scope != "/");
    match (payload.text("idtyp")?, is_delegated) {
        (Some("app"), false) => Ok(SubjectKind::Application),
        (None | Some("user"), true) => Ok(SubjectKind::User),
        (None | Some("user"), false) => Err(InvalidToken::NotAnAccessToken),
        (Some(_), _) => Err(InvalidToken::SubjectKind),
    }
}

/// A hyphenated GUID other than nil. Nil is what unset fields hold, so it identifies nobody.
pub(super) fn guid(text: &str) -> Option<Uuid> {
    hyphenated_guid(text).filter(|guid| !guid.is_nil())
}

/// A name without its case. Up and down, so that `ſ` and `K` fall together with `s` and `k`.
pub(super) fn folded(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

/// A JSON value in which no object has a name twice. The ordinary `Value` keeps the last one.
struct UniqueValue(Value);

impl<'de> Deserialize<'de> for UniqueValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with unique names")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(UniqueValue(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((name, UniqueValue(value))) = members.next_entry::<String, _>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("repeated name"));
            }
        }
        Ok(Value::Object(object))
    }
}
