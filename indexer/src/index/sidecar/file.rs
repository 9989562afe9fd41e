//! The file of a sidecar: little-endian numbers with a checksum behind them.
//!
//! Whatever is wrong with a file, the answer is that there is none; it is made again then.

use std::io::Write;
use std::path::Path;

use super::{FrequentTerm, Peak, Sidecar, WINDOW_CHUNKS, WindowPeaks};

/// First bytes of the file; the digit is the version of the format.
const MAGIC: &[u8; 8] = b"AMBSIDE3";
const CHECKSUM_BYTES: usize = 4;

/// What a sidecar belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::index) struct Identity {
    /// The segment's id, 32 hexadecimal digits.
    pub(in crate::index) segment: String,
    /// Its chunks, deleted ones included.
    pub(in crate::index) chunks: u32,
}

/// Writes a sidecar so that the file is there whole or not at all.
pub(in crate::index) fn write(
    path: &Path,
    identity: &Identity,
    sidecar: &Sidecar,
) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(sidecar.memory_bytes() + 1024);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(identity.segment.as_bytes());
    put_u32(&mut bytes, identity.chunks);
    put_u32(&mut bytes, WINDOW_CHUNKS);
    put_length(&mut bytes, sidecar.keys.len());
    for (start, position) in &sidecar.keys {
        bytes.extend_from_slice(&start.to_le_bytes());
        put_u32(&mut bytes, *position);
    }
    for peaks in &sidecar.peaks {
        put_numbers(&mut bytes, &peaks.starts);
        put_length(&mut bytes, peaks.peaks.len());
        bytes.extend(peaks.peaks.iter().flat_map(|peak| [peak.norm, peak.count]));
    }
    put_length(&mut bytes, sidecar.frequent.len());
    for term in &sidecar.frequent {
        put_term(&mut bytes, term);
    }
    let checksum = crc32fast::hash(&bytes);
    put_u32(&mut bytes, checksum);
    let unfinished = path.with_extension("unfinished");
    let mut file = std::fs::File::create(&unfinished)?;
    file.write_all(&bytes)?;
    // Not synced: a file that a power cut damages fails its checksum and is made again.
    drop(file);
    std::fs::rename(unfinished, path)
}

fn put_term(bytes: &mut Vec<u8>, term: &FrequentTerm) {
    put_length(bytes, term.bits.len());
    bytes.extend(term.bits.iter().flat_map(|word| word.to_le_bytes()));
    put_numbers(bytes, &term.ranks);
    put_length(bytes, term.counts.len());
    bytes.extend_from_slice(&term.counts);
    put_length(bytes, term.large.len());
    for (rank, count) in &term.large {
        put_u32(bytes, *rank);
        put_u32(bytes, *count);
    }
}

fn put_numbers(bytes: &mut Vec<u8>, numbers: &[u32]) {
    put_length(bytes, numbers.len());
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn put_u32(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // Of things that chunks of one segment are counted by, so it fits.
    put_u32(bytes, u32::try_from(length).unwrap_or(u32::MAX));
}

/// Reads a sidecar. `None` if there is none, or it is damaged or of another segment.
pub(in crate::index) fn read(path: &Path, identity: &Identity) -> Option<Sidecar> {
    let bytes = std::fs::read(path).ok()?;
    let body = bytes.len().checked_sub(CHECKSUM_BYTES)?;
    let (body, checksum) = bytes.split_at_checked(body)?;
    if crc32fast::hash(body).to_le_bytes() != *checksum {
        return None;
    }
    let mut rest = Rest(body);
    let head = rest.take(MAGIC.len())? == MAGIC
        && rest.take(identity.segment.len())? == identity.segment.as_bytes()
        && rest.number()? == identity.chunks
        && rest.number()? == WINDOW_CHUNKS;
    if !head {
        return None;
    }
    let count = rest.number()? as usize;
    let keys = rest.records(count, |bytes: [u8; 12]| {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        let start = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        (start, u32::from_le_bytes([i, j, k, l]))
    })?;
    let peaks = (0..count).map(|_| window_peaks(&mut rest));
    let peaks = peaks.collect::<Option<_>>()?;
    let count = rest.number()?;
    let frequent = (0..count).map(|_| term(&mut rest)).collect::<Option<_>>()?;
    let sidecar = Sidecar {
        keys,
        peaks,
        frequent,
    };
    (rest.0.is_empty() && sidecar.fits(identity.chunks)).then_some(sidecar)
}

fn window_peaks(rest: &mut Rest<'_>) -> Option<WindowPeaks> {
    Some(WindowPeaks {
        starts: rest.list(u32::from_le_bytes)?,
        peaks: rest.list(|[norm, count]: [u8; 2]| Peak { norm, count })?,
    })
}

fn term(rest: &mut Rest<'_>) -> Option<FrequentTerm> {
    Some(FrequentTerm {
        bits: rest.list(u64::from_le_bytes)?,
        ranks: rest.list(u32::from_le_bytes)?,
        counts: rest.list(|[count]: [u8; 1]| count)?,
        large: rest.list(|[a, b, c, d, e, f, g, h]: [u8; 8]| {
            (
                u32::from_le_bytes([a, b, c, d]),
                u32::from_le_bytes([e, f, g, h]),
            )
        })?,
    })
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    }

    /// A list with its length before it.
    fn list<const N: usize, T>(&mut self, read: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let count = self.number()? as usize;
        self.records(count, read)
    }

    fn records<const N: usize, T>(
        &mut self,
        count: usize,
        read: impl Fn([u8; N]) -> T,
    ) -> Option<Vec<T>> {
        let (records, _) = self.take(count.checked_mul(N)?)?.as_chunks::<N>();
        Some(records.iter().map(|record| read(*record)).collect())
    }
}
