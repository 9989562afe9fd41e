//! The chain: how a record is hashed, written as a line, and read back.
//!
//! Upholds REPLAY: hashes cover the exact bytes of an entry, and a line has exactly one spelling,
//! so that no change of a byte goes unseen and nothing needs a canonical form of JSON.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::str::FromStr;

use ambit_indexer::document::ContentHash;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::file::LogFile;

/// Most bytes of JSON that one entry may have.
pub const MAX_ENTRY_BYTES: usize = 8 << 20;
/// Most bytes of a line: an entry and the fields around it. Bounds what a reader keeps in memory.
const MAX_LINE_BYTES: u64 = (8 << 20) + 512;
/// Keeps a record's hash from meaning anything else that is hashed or signed here.
const RECORD_DOMAIN: &[u8] = b"ambit audit record v1\0";
/// Stands before the first record.
const GENESIS_DOMAIN: &[u8] = b"ambit audit log v1\0";
/// How much is read at once when looking backwards for the beginning of a line.
const BACKWARD_STEP: u64 = 8 << 10;

/// A SHA-256 that serialises as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HexHash(ContentHash);

impl HexHash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(ContentHash::of(bytes))
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The hash as the model has it.
    pub const fn content_hash(self) -> ContentHash {
        self.0
    }
}

impl From<ContentHash> for HexHash {
    fn from(hash: ContentHash) -> Self {
        Self(hash)
    }
}

impl fmt::Display for HexHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is written as 64 lower-case hexadecimal digits")]
pub struct HexHashError;

impl FromStr for HexHash {
    type Err = HexHashError;

    fn from_str(text: &str) -> Result<Self, HexHashError> {
        // One spelling only: an upper-case digit would be a changed byte that changes nothing.
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(HexHashError);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HexHashError)?;
        Ok(Self(ContentHash::from_bytes(bytes)))
    }
}

impl Serialize for HexHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HexHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The end of a chain: its latest record and the bytes up to and including it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Number of the latest record; 0 before the first.
    pub(crate) seq: u64,
    /// Its hash.
    pub(crate) hash: HexHash,
    /// Bytes of the log up to its end.
    pub(crate) length: u64,
}

impl Tip {
    /// The end of a log without records.
    pub(crate) fn genesis() -> Self {
        Self {
            seq: 0,
            hash: HexHash::of(GENESIS_DOMAIN),
            length: 0,
        }
    }

    /// Adds the next record as a line to `out` and moves on to it.
    pub(crate) fn extend(&mut self, entry: &str, out: &mut Vec<u8>) {
        let prev = self.hash;
        let seq = self.seq.saturating_add(1);
        let hash = record_hash(prev, seq, entry.as_bytes());
        let line = format!(
            "{{\"seq\":{seq},\"prev\":\"{prev}\",\"hash\":\"{hash}\",\"entry\":{entry}}}\n"
        );
        out.extend_from_slice(line.as_bytes());
        let bytes = u64::try_from(line.len()).unwrap_or(u64::MAX);
        *self = Self {
            seq,
            hash,
            length: self.length.saturating_add(bytes),
        };
    }

    /// Moves on to a record read from the log, if it continues this chain.
    pub(crate) fn follow(&mut self, record: &Record<'_>, end: u64) -> bool {
        let next = self.seq.checked_add(1) == Some(record.seq) && self.hash == record.prev;
        if !next || !record.is_intact() {
            return false;
        }
        *self = Self {
            seq: record.seq,
            hash: record.hash,
            length: end,
        };
        true
    }
}

/// One line of the log, taken apart but not yet believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// Its number, from 1.
    pub(crate) seq: u64,
    /// The hash that it says the record before it has.
    pub(crate) prev: HexHash,
    /// The hash that it says it has.
    pub(crate) hash: HexHash,
    /// The bytes of its entry.
    pub(crate) entry: &'a str,
}

impl<'a> Record<'a> {
    /// Reads a line without its newline. Accepts what [`Tip::extend`] writes and nothing else, so
    /// that there is no byte outside the entry that the comparison of hashes would overlook.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let rest = std::str::from_utf8(line).ok()?;
        let rest = rest.strip_prefix("{\"seq\":")?;
        let (digits, rest) = rest.split_once(",\"prev\":\"")?;
        let (prev, rest) = rest.split_once("\",\"hash\":\"")?;
        let (hash, rest) = rest.split_once("\",\"entry\":")?;
        let seq: u64 = digits.parse().ok()?;
        if seq.to_string() != digits {
            return None;
        }
        Some(Self {
            seq,
            prev: prev.parse().ok()?,
            hash: hash.parse().ok()?,
            entry: rest.strip_suffix('}')?,
        })
    }

    /// Whether this says to be the record that `tip` names.
    pub(crate) fn names(&self, tip: &Tip) -> bool {
        self.seq == tip.seq && self.hash == tip.hash
    }

    /// Whether the record's own hash is that of its fields.
    pub(crate) fn is_intact(&self) -> bool {
        record_hash(self.prev, self.seq, self.entry.as_bytes()) == self.hash
    }
}

/// INVARIANT (REPLAY): every part before the entry has a fixed length, so two different records
/// never give the same bytes.
fn record_hash(prev: HexHash, seq: u64, entry: &[u8]) -> HexHash {
    let hasher = Sha256::new()
        .chain_update(RECORD_DOMAIN)
        .chain_update(prev.as_bytes())
        .chain_update(seq.to_le_bytes())
        .chain_update(entry);
    HexHash(ContentHash::from_bytes(hasher.finalize().into()))
}

/// A line as it stands in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// From 1, counted from where reading began.
    pub(crate) number: u64,
    /// Its first byte.
    pub(crate) offset: u64,
    /// One past its last byte, the newline included.
    pub(crate) end: u64,
    /// Its bytes without the newline; only the beginning of one that is longer than any record.
    pub(crate) bytes: &'a [u8],
    /// Whether a newline ends it.
    pub(crate) complete: bool,
}

/// Reads a stretch of the log line by line, with no more than one line in memory.
pub(crate) struct Lines<'a> {
    reader: BufReader<Span<'a>>,
    buffer: Vec<u8>,
    number: u64,
    offset: u64,
}

impl<'a> Lines<'a> {
    /// Reads from `start` up to `end`, or to the end of the file if that comes first.
    pub(crate) fn new(file: &'a dyn LogFile, start: u64, end: u64) -> Self {
        let span = Span {
            file,
            offset: start,
            end,
        };
        Self {
            reader: BufReader::with_capacity(64 << 10, span),
            buffer: Vec::new(),
            number: 0,
            offset: start,
        }
    }

    /// The next line; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let mut limited = (&mut self.reader).take(MAX_LINE_BYTES);
        let mut read = limited.read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        let mut complete = self.buffer.last() == Some(&b'\n');
        if complete {
            self.buffer.pop();
        } else if limited.limit() == 0 {
            // Longer than any record: nothing can be made of it but its place.
            read = read.saturating_add(self.reader.skip_until(b'\n')?);
            complete = true;
        }
        let offset = self.offset;
        self.offset = offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        self.number = self.number.saturating_add(1);
        Ok(Some(Line {
            number: self.number,
            offset,
            end: self.offset,
            bytes: &self.buffer,
            complete,
        }))
    }

    /// Where the next line begins.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The number that the next line will have.
    pub(crate) const fn next_number(&self) -> u64 {
        self.number.saturating_add(1)
    }
}

struct Span<'a> {
    file: &'a dyn LogFile,
    offset: u64,
    end: u64,
}

impl Read for Span<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted) else {
            return Ok(0);
        };
        let read = self.file.read_at(self.offset, buffer)?;
        let moved = u64::try_from(read).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(moved);
        Ok(read)
    }
}

/// Where the line that reaches up to `end` begins: one past the last newline before `end`, or 0.
pub(crate) fn line_start(file: &dyn LogFile, end: u64) -> io::Result<u64> {
    let mut upper = end;
    while upper > 0 {
        let lower = upper.saturating_sub(BACKWARD_STEP);
        let bytes = read_span(file, lower, upper)?;
        if let Some(position) = bytes.iter().rposition(|&byte| byte == b'\n') {
            let position = u64::try_from(position).unwrap_or(u64::MAX);
            return Ok(lower.saturating_add(position).saturating_add(1));
        }
        upper = lower;
    }
    Ok(0)
}

/// The line, without its newline, that ends exactly at `end`; `None` if none does, or if it is
/// longer than any record.
pub(crate) fn record_before(file: &dyn LogFile, end: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(newline) = end.checked_sub(1) else {
        return Ok(None);
    };
    let start = line_start(file, newline)?;
    if end.saturating_sub(start) > MAX_LINE_BYTES {
        return Ok(None);
    }
    let mut line = read_span(file, start, end)?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}

/// The bytes of a stretch of the log that has to be there.
fn read_span(file: &dyn LogFile, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let wanted = end.saturating_sub(start);
    let span = Span {
        file,
        offset: start,
        end,
    };
    span.take(wanted).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).ok() == Some(wanted) {
        return Ok(bytes);
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
