//! Reading the log from outside: verify it, show its end, follow it, find an answer.
//!
//! Upholds REPLAY: every record is checked against its own hash, its place and the signed head,
//! and every fault is named with where it is.
//!
//! Nothing here takes the writer's lock: an auditor needs no right to write, and a reader that was
//! stopped half-way must not stop the service. It need not either: the head is never ahead of the
//! log, so whoever reads first the head and then the log's length has a pair that fits.

mod walk;

use serde::Serialize;
use uuid::Uuid;

use super::chain::{HexHash, Lines, Record, line_start, record_before};
use super::entry::Entry;
use super::file::{DiskFile, LogFile};
use super::head::{Head, PublicKey};
use super::{AuditError, AuditPaths};
use walk::Walk;

/// What verifying a log has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records read that are what their own hash says.
    pub records: u64,
    /// The record that the signed head names; absent without a genuine head.
    pub head_seq: Option<u64>,
    /// What is wrong, in the order of the log.
    pub problems: Vec<Problem>,
    /// Problems beyond those listed.
    pub more_problems: u64,
    /// Bytes of an incomplete last record that was never acknowledged. No fault.
    pub incomplete_tail: Option<u64>,
    /// Records after the head. No fault: the head may lag. Nothing but the chain vouches for them
    /// until the log is opened again.
    pub unanchored: u64,
}

impl Report {
    /// Whether the log is whole.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One fault and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line of the log, from 1. For what is missing: the line on which it should begin.
    pub line: u64,
    /// First byte of that line.
    pub offset: u64,
    /// Number that the record there bears, where it can be read.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: Fault,
}

/// What can be wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// The line is no record.
    Malformed,
    /// The record is not what its own hash says.
    Edited,
    /// The record is consistent in itself but does not follow the one before it: one of the two
    /// was replaced and its hash made anew.
    Unchained,
    /// Records are missing before this one.
    Missing {
        /// The first that is missing.
        first: u64,
        /// The last that is missing.
        last: u64,
    },
    /// The record does not stand where its number belongs.
    OutOfOrder,
    /// A record of this number came before.
    Duplicate,
    /// The log ends before the record that the head names.
    Truncated {
        /// The first record that is missing.
        first: u64,
        /// The head's record.
        last: u64,
    },
    /// The record of the head's number is not the one that was signed: the log was rewritten up to
    /// here, from some earlier record on.
    HeadMismatch,
    /// There are records, but no head.
    HeadMissing,
    /// The head is not genuine.
    HeadForged {
        /// What is wrong with it.
        why: String,
    },
}

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its number.
    pub seq: u64,
    /// The hash that it says it has.
    pub hash: HexHash,
    /// Its first byte in the log.
    pub offset: u64,
    /// The entry's JSON, exactly as it was hashed.
    pub json: String,
}

impl StoredRecord {
    /// The entry; an error if a later version of Ambit wrote it.
    pub fn entry(&self) -> Result<Entry, serde_json::Error> {
        serde_json::from_str(&self.json)
    }

    fn new(record: &Record<'_>, offset: u64) -> Self {
        Self {
            seq: record.seq,
            hash: record.hash,
            offset,
            json: record.entry.to_owned(),
        }
    }
}

/// Verifies the whole log against its signed head. Runs beside a live writer, in memory that does
/// not grow with the log.
pub fn verify(paths: &AuditPaths, key: &PublicKey) -> Result<Report, AuditError> {
    verify_against(paths, key, &[])
}

/// [`verify`], and also against copies of heads that were kept elsewhere. These find what the head
/// beside the log cannot: log and head both put back to an earlier day.
pub fn verify_against(
    paths: &AuditPaths,
    key: &PublicKey,
    kept: &[Head],
) -> Result<Report, AuditError> {
    // The head first, then the length: see the module's text.
    let head = Head::load(&paths.head, key);
    let path = paths.log();
    let file = DiskFile::open_to_read(&path).map_err(AuditError::io("open", &path))?;
    let length = match &file {
        Some(file) => file.length().map_err(AuditError::io("read", &path))?,
        None => 0,
    };
    let mut walk = Walk::default();
    match head {
        Ok(Some(head)) => walk.expect_head(head),
        Ok(None) if length > 0 => walk.report_head(Fault::HeadMissing),
        Ok(None) => {}
        Err(AuditError::HeadForged { why, .. }) => walk.report_head(Fault::HeadForged {
            why: why.to_owned(),
        }),
        Err(error) => return Err(error),
    }
    for head in kept {
        walk.expect_kept(*head);
    }
    let Some(file) = file else {
        return Ok(walk.finish(1, 0));
    };
    let mut lines = Lines::new(&file, 0, length);
    while let Some(line) = lines.next().map_err(AuditError::io("read", &path))? {
        walk.line(&line, length);
    }
    Ok(walk.finish(lines.next_number(), lines.offset()))
}

/// The last `count` records, oldest first. Lines that are no record are passed over.
pub fn tail(paths: &AuditPaths, count: usize) -> Result<Vec<StoredRecord>, AuditError> {
    let path = paths.log();
    let read = |error| AuditError::io("read", &path)(error);
    let Some(file) = DiskFile::open_to_read(&path).map_err(read)? else {
        return Ok(Vec::new());
    };
    let mut end = line_start(&file, file.length().map_err(read)?).map_err(read)?;
    let mut records = Vec::new();
    while end > 0 && records.len() < count {
        let start = line_start(&file, end.saturating_sub(1)).map_err(read)?;
        let line = record_before(&file, end).map_err(read)?;
        if let Some(record) = line.as_deref().and_then(Record::parse) {
            records.push(StoredRecord::new(&record, start));
        }
        end = start;
    }
    records.reverse();
    Ok(records)
}

/// Reads records as they are added.
#[derive(Clone, Debug)]
pub struct Follow {
    paths: AuditPaths,
    offset: u64,
}

impl Follow {
    /// Follows from a byte on: 0, or the place at which an earlier reader stopped.
    pub fn from_offset(paths: &AuditPaths, offset: u64) -> Self {
        Self {
            paths: paths.clone(),
            offset,
        }
    }

    /// Follows from the present end on.
    pub fn from_end(paths: &AuditPaths) -> Result<Self, AuditError> {
        let path = paths.log();
        let read = |error| AuditError::io("read", &path)(error);
        let offset = match DiskFile::open_to_read(&path).map_err(read)? {
            Some(file) => line_start(&file, file.length().map_err(read)?).map_err(read)?,
            None => 0,
        };
        Ok(Self::from_offset(paths, offset))
    }

    /// The byte at which the next record will begin.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The records added since the last call, at most `count`. Lines that are no record are passed
    /// over; a record that is still being written waits for a later call.
    pub fn next(&mut self, count: usize) -> Result<Vec<StoredRecord>, AuditError> {
        let mut records = Vec::new();
        let end = scan(&self.paths, self.offset, |record, offset| {
            records.push(StoredRecord::new(record, offset));
            records.len() < count
        })?;
        self.offset = end;
        Ok(records)
    }
}

/// The record of an answer, and whatever was recorded about it later (a withdrawal). Reads the
/// whole log, but takes apart only lines that hold the id.
pub fn find_answer(paths: &AuditPaths, answer: Uuid) -> Result<Vec<StoredRecord>, AuditError> {
    let id = answer.to_string();
    let mut found = Vec::new();
    scan(paths, 0, |record, offset| {
        if record.entry.contains(&id) {
            let record = StoredRecord::new(record, offset);
            // The id may also stand in a query: only the field counts.
            let about = record.entry().is_ok_and(|entry| entry.is_about(answer));
            if about {
                found.push(record);
            }
        }
        true
    })?;
    Ok(found)
}

/// Calls `each` for the complete records from `start` on until it says to stop; returns where the
/// next one would begin.
fn scan(
    paths: &AuditPaths,
    start: u64,
    mut each: impl FnMut(&Record<'_>, u64) -> bool,
) -> Result<u64, AuditError> {
    let path = paths.log();
    let read = |error| AuditError::io("read", &path)(error);
    let Some(file) = DiskFile::open_to_read(&path).map_err(read)? else {
        return Ok(start);
    };
    let length = file.length().map_err(read)?;
    let mut lines = Lines::new(&file, start, length);
    let mut end = start;
    while let Some(line) = lines.next().map_err(read)? {
        if !line.complete {
            break;
        }
        end = line.end;
        if let Some(record) = Record::parse(line.bytes)
            && !each(&record, line.offset)
        {
            break;
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests;
