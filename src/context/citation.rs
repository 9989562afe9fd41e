//! Citations: where a passage comes from, exactly enough to open it and to prove it was shown.

use ambit_indexer::clock::Timestamp;
use ambit_indexer::document::ContentHash;
use ambit_indexer::label::Labels;
use ambit_indexer::pipeline::percent_encoded;
use ambit_indexer::store::StoredContent;
use uuid::Uuid;

use super::pack::PackedPassage;
use crate::audit::{AuditKey, HexHash, Passage, Receipt, ReceiptError};
use crate::search::Hit;

/// A reference to a stretch of a document.
#[derive(Clone, Debug)]
pub(crate) struct Citation {
    /// Number within the answer, from 1.
    pub(crate) number: usize,
    /// Document id.
    pub(crate) document: String,
    /// Title.
    pub(crate) title: String,
    /// Headings above the stretch.
    pub(crate) heading: Vec<String>,
    /// Where a person opens it.
    pub(crate) uri: String,
    /// First and last line in the source file.
    pub(crate) lines: (u32, u32),
    /// Revision, 64 hexadecimal digits.
    pub(crate) revision: String,
    /// SHA-256 of the stretch's text.
    pub(crate) chunk: String,
    /// Sensitivity label.
    pub(crate) label: String,
    /// The source's time of change, else the time of the write.
    pub(crate) updated: Timestamp,
    /// Signed receipt.
    pub(crate) receipt: String,
}

/// Makes citations, receipts and audit records for one answer.
pub(crate) struct CitationMaker<'a> {
    /// Signs receipts.
    pub(crate) key: &'a AuditKey,
    /// Names labels.
    pub(crate) labels: &'a Labels,
    /// Address of this service, for documents without a link of their own.
    pub(crate) public_url: &'a str,
    /// The answer.
    pub(crate) answer: Uuid,
    /// The instant of the decision.
    pub(crate) time: Timestamp,
    /// The caller, `kind:tenant/oid`.
    pub(crate) subject: String,
    /// Name of the agent.
    pub(crate) agent: String,
}

impl CitationMaker<'_> {
    /// The citation of a passage.
    pub(crate) fn cite(
        &self,
        number: usize,
        passage: &PackedPassage,
    ) -> Result<Citation, ReceiptError> {
        let record = record(passage);
        let receipt = Receipt {
            answer: self.answer,
            time: self.time,
            subject: self.subject.clone(),
            agent: self.agent.clone(),
            document: record.document.clone(),
            revision: record.revision,
            chunk: record.chunk_hash,
            acl: record.acl_version,
            principal: record.deciding_principal,
        };
        let stored = &passage.stored;
        Ok(Citation {
            number,
            uri: document_uri(stored, &record.document, passage.lines.0, self.public_url),
            document: record.document,
            title: stored.content.title.clone(),
            heading: passage.heading.clone(),
            lines: passage.lines,
            revision: stored.revision.to_string(),
            chunk: record.chunk_hash.to_string(),
            label: self.labels.name(passage.permit.label).to_owned(),
            updated: stored.content.updated.unwrap_or(stored.written),
            receipt: receipt.sign(self.key)?,
        })
    }
}

/// What the audit log keeps of a passage.
pub(crate) fn record(passage: &PackedPassage) -> Passage {
    Passage {
        document: passage.document.to_string(),
        revision: HexHash::from(passage.stored.revision),
        ord: passage.ord,
        first_chunk: passage.chunks.0,
        last_chunk: passage.chunks.1,
        start: passage.span.0 as u64,
        end: passage.span.1 as u64,
        first_line: passage.lines.0,
        last_line: passage.lines.1,
        chunk_hash: HexHash::from(ContentHash::of(passage.text().as_bytes())),
        score: Some(passage.score),
        acl_version: passage.permit.acl_version.clone(),
        deciding_entry: passage.permit.entry,
        deciding_principal: passage.permit.principal.clone(),
    }
}

impl From<&Hit> for PackedPassage {
    /// A hit as a passage of its own.
    fn from(hit: &Hit) -> Self {
        Self::of(hit)
    }
}

/// Where a person opens a document at a line: the source's link, else this service's own page.
pub(crate) fn document_uri(
    stored: &StoredContent,
    document: &str,
    line: u32,
    public_url: &str,
) -> String {
    match &stored.content.uri {
        Some(uri) => uri.replace("{line}", &line.to_string()),
        None => format!("{public_url}/v1/documents/{}", percent_encoded(document)),
    }
}
