//! The guarded client: the only one that tests use.
//!
//! It speaks HTTP by hand, so that it can send what no library would and sees every byte that
//! comes back. After each response it fails on any mark of a document that its caller may not
//! read, and on any answer that is not in the audit log durably.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::app::Facts;
use super::corpus::{MARK_LENGTH, MARK_PREFIX};
use super::naive::Person;

/// Sends requests as one caller.
pub(crate) struct Client {
    pub(super) address: SocketAddr,
    pub(super) facts: Arc<Facts>,
    /// Who asks; nobody without a token.
    pub(super) person: Option<Person>,
    pub(super) authorization: Option<String>,
}

/// A request in raw parts.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// A request without a body.
    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a body of JSON text, well-formed or not.
    pub(crate) fn json(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { body, ..self }.header("content-type", "application/json")
    }
}

/// `POST` of a JSON value.
pub(crate) fn post(target: &str, body: &Value) -> Call {
    Call::new("POST", target).json(body.to_string())
}

/// `GET /v1/documents/…` of an id, encoded as a careful client would.
pub(crate) fn get_document(id: &str) -> Call {
    let encoded = ambit_indexer::pipeline::percent_encoded(id);
    Call::new("GET", format!("/v1/documents/{encoded}"))
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order of arrival.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(raw: &[u8]) -> Self {
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no response: {:?}", String::from_utf8_lossy(raw)));
        let head = std::str::from_utf8(&raw[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self {
            status: status.parse().unwrap(),
            headers: lines.map(header).collect(),
            body: raw[end + 4..].to_vec(),
        }
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_slice(&self.body);
        parsed.unwrap_or_else(|_| panic!("not JSON: {} {:?}", self.status, self.text()))
    }

    /// The body, if this is a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The name of the problem, if the answer is a well-formed problem document.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        let text = self.text();
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{} {text}",
            self.status
        );
        let body = self.json();
        assert_eq!(body["status"], self.status, "{text}");
        assert!(
            body["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        let kind = body["type"].as_str().unwrap();
        kind.strip_prefix("urn:ambit:problem:").unwrap().to_owned()
    }

    /// The documents of the hits of a search, in order.
    #[track_caller]
    pub(crate) fn documents(&self) -> Vec<String> {
        let body = self.ok();
        let hits = body["hits"].as_array().unwrap().iter();
        hits.map(|hit| hit["document"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The answer's id, if it is one of content.
    pub(crate) fn answer_id(&self) -> Option<&str> {
        self.header("ambit-answer-id")
    }
}

impl Client {
    /// Sends a request and checks what comes back.
    pub(crate) async fn send(&self, call: Call) -> Answer {
        let raw = self.exchange(&call).await;
        let answer = Answer::parse(&raw);
        self.facts.check_durable(&call, &answer);
        self.check_marks(&call, &raw, &answer);
        answer
    }

    /// Searches with nothing but a query.
    pub(crate) async fn search(&self, query: &str) -> Answer {
        let body = serde_json::json!({"query": query, "top_k": 100});
        self.send(post("/v1/search", &body)).await
    }

    /// Fetches a document.
    pub(crate) async fn get(&self, id: &str) -> Answer {
        self.send(get_document(id)).await
    }

    async fn exchange(&self, call: &Call) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", call.method, call.target);
        head.push_str("host: ambit.example\r\nconnection: close\r\n");
        if let Some(authorization) = &self.authorization {
            head.push_str(&format!("authorization: {authorization}\r\n"));
        }
        for (name, value) in &call.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !call.body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", call.body.len()));
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server may answer and close before it has read a body that is too large.
        stream.write_all(&call.body).await.ok();
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).await.ok();
        raw
    }

    fn check_marks(&self, call: &Call, raw: &[u8], answer: &Answer) {
        let forbidden = self.facts.forbidden(self.person.as_ref());
        let mut places = vec![String::from_utf8_lossy(raw).into_owned()];
        places.extend(receipts(answer));
        for place in &places {
            if let Some(mark) = marks(place).find(|mark| forbidden.contains(mark)) {
                panic!(
                    "LEAK: {:?} got the mark {mark} by {} {} {}:\n{place}",
                    self.person,
                    call.method,
                    call.target,
                    String::from_utf8_lossy(&call.body)
                );
            }
        }
    }
}

/// All marks in a text, in whatever case.
pub(crate) fn marks(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let starts: Vec<usize> = lower.match_indices(MARK_PREFIX).map(|(at, _)| at).collect();
    let found: BTreeSet<String> = starts
        .into_iter()
        .filter_map(|at| lower.get(at..at + MARK_LENGTH))
        .map(str::to_owned)
        .collect();
    found.into_iter()
}

/// The signed texts in an answer's receipts.
pub(crate) fn receipts(answer: &Answer) -> Vec<String> {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let encoded = text.split("\"receipt\":\"").skip(1);
    encoded
        .map(|rest| rest.split(['.', '"']).next().unwrap())
        .map(|payload| String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap())
        .collect()
}
