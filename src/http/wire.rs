//! The JSON that searches, contexts and documents are asked for and answered in. The command line
//! prints the same.

use std::marker::PhantomData;

use ambit_indexer::clock::Timestamp;
use ambit_indexer::document::Kind;
use ambit_indexer::label::Labels;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, ToSchema};

use super::problem::Problem;
use crate::context::Citation;
use crate::search::{Filters, MAX_QUERY_BYTES, MAX_TOP_K, Query};

/// How many hits are given where the request does not say.
const DEFAULT_TOP_K: usize = 10;
/// Most values of one filter.
const MAX_FILTER_VALUES: usize = 100;
/// Longest value of a filter, in bytes.
const MAX_FILTER_VALUE_BYTES: usize = 512;

/// Reads a value that has to be a JSON object; serde would take a list for its fields in order.
pub(crate) fn object<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(fields))
        }
    }

    from.deserialize_map(Object(PhantomData))
}

/// Which documents come into question.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WireFilters {
    /// In one of these collections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    collections: Vec<String>,
    /// Of one of these kinds: `runbook`, `incident`, `doc`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<String>,
    /// About one of these services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<String>,
    /// Under one of these sensitivity labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    /// With at least one of these tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// Changed at this instant (RFC 3339) or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_since: Option<String>,
}

impl WireFilters {
    /// Checks the values and resolves names of the configuration.
    fn validate(&self, labels: &Labels) -> Result<Filters, Problem> {
        let lists = [
            ("filters.collections", &self.collections),
            ("filters.kinds", &self.kinds),
            ("filters.services", &self.services),
            ("filters.labels", &self.labels),
            ("filters.tags", &self.tags),
        ];
        for (field, list) in lists {
            if list.len() > MAX_FILTER_VALUES {
                let detail = format!("at most {MAX_FILTER_VALUES} values");
                return Err(Problem::field(field, detail));
            }
            if list
                .iter()
                .any(|value| value.len() > MAX_FILTER_VALUE_BYTES)
            {
                let detail = format!("at most {MAX_FILTER_VALUE_BYTES} bytes a value");
                return Err(Problem::field(field, detail));
            }
        }
        let kinds = self.kinds.iter().map(|name| {
            let unknown = || Problem::field("filters.kinds", "write runbook, incident or doc");
            Kind::from_name(name).ok_or_else(unknown)
        });
        let label = self.labels.iter().map(|name| {
            let known = labels.names().join(", ");
            let unknown = || Problem::field("filters.labels", format!("write one of {known}"));
            labels.get(name).ok_or_else(unknown)
        });
        let updated_since = self.updated_since.as_ref().map(|text| {
            let unreadable = |_| Problem::field("filters.updated_since", "write an RFC 3339 time");
            text.parse::<Timestamp>().map_err(unreadable)
        });
        Ok(Filters {
            collections: self.collections.clone(),
            kinds: kinds.collect::<Result<_, _>>()?,
            services: self.services.clone(),
            labels: label.collect::<Result<_, _>>()?,
            tags: self.tags.clone(),
            updated_since: updated_since.transpose()?,
        })
    }

    /// As the audit log keeps them.
    pub(crate) fn recorded(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|_| json!({}))
    }
}

/// Checks what search and context requests share.
pub(crate) fn query(
    text: String,
    top_k: Option<usize>,
    filters: &WireFilters,
    labels: &Labels,
) -> Result<Query, Problem> {
    if text.len() > MAX_QUERY_BYTES {
        let detail = format!("at most {MAX_QUERY_BYTES} bytes");
        return Err(Problem::field("query", detail));
    }
    let top_k = top_k.unwrap_or(DEFAULT_TOP_K);
    if top_k == 0 || top_k > MAX_TOP_K {
        return Err(Problem::field("top_k", format!("from 1 to {MAX_TOP_K}")));
    }
    Ok(Query {
        text,
        top_k,
        filters: filters.validate(labels)?,
    })
}

/// A reference to a stretch of a document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WireCitation {
    /// Number within the answer, from 1.
    number: usize,
    /// Document id.
    document: String,
    /// Title.
    title: String,
    /// Headings above the stretch, outermost first.
    heading: Vec<String>,
    /// Where a person opens it.
    uri: String,
    /// First and last line in the source file, from 1, inclusive.
    lines: [u32; 2],
    /// Revision: SHA-256 of the document's content.
    revision: String,
    /// SHA-256 of the stretch's text.
    chunk: String,
    /// Sensitivity label.
    label: String,
    /// The source's time of change, else the time of the write.
    updated: String,
    /// Signed statement that this caller was shown this, and why.
    receipt: String,
}

impl From<Citation> for WireCitation {
    fn from(citation: Citation) -> Self {
        Self {
            number: citation.number,
            document: citation.document,
            title: citation.title,
            heading: citation.heading,
            uri: citation.uri,
            lines: [citation.lines.0, citation.lines.1],
            revision: citation.revision,
            chunk: citation.chunk,
            label: citation.label,
            updated: citation.updated.to_string(),
            receipt: citation.receipt,
        }
    }
}

/// Says in the API document that routes take bearer tokens.
pub(super) struct BearerSecurity;

impl Modify for BearerSecurity {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("Microsoft Entra ID access token"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        document.security = Some(vec![utoipa::openapi::SecurityRequirement::new(
            "bearer",
            Vec::<String>::new(),
        )]);
    }
}
