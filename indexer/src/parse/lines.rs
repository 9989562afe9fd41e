//! Line arithmetic: which line a byte lies on, where a line begins. Citations (REPLAY) rest on it.

/// The line starts of one text.
pub(crate) struct Lines {
    starts: Vec<usize>,
    length: usize,
}

impl Lines {
    /// Indexes a text by its `\n`s.
    pub(crate) fn of(text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(position, _)| position + 1);
        Self {
            starts: std::iter::once(0).chain(after_breaks).collect(),
            length: text.len(),
        }
    }

    /// Whether there is no text at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Zero-based number of the line that holds the byte at `offset`.
    pub(crate) fn number(&self, offset: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    /// First byte of the line that holds the byte at `offset`.
    pub(crate) fn start(&self, offset: usize) -> usize {
        self.starts.get(self.number(offset)).copied().unwrap_or(0)
    }

    /// One past the last byte of that line, its `\n` not included.
    pub(crate) fn end(&self, offset: usize) -> usize {
        self.starts
            .get(self.number(offset) + 1)
            .map_or(self.length, |next| next.saturating_sub(1))
    }

    /// Line starts strictly between two offsets.
    pub(crate) fn starts_between(&self, from: usize, to: usize) -> &[usize] {
        let first = self.starts.partition_point(|start| *start <= from);
        let last = self.starts.partition_point(|start| *start < to);
        self.starts.get(first..last).unwrap_or_default()
    }

    /// Every line as a byte range, its `\n` not included.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.starts.iter().enumerate().map(|(number, start)| {
            let next = self.starts.get(number + 1);
            *start..next.map_or(self.length, |next| next.saturating_sub(1))
        })
    }
}

/// One-based line in the source file of a zero-based line of a body that begins at `first_line`.
pub(crate) fn source_line(first_line: u32, number: usize) -> u32 {
    first_line.saturating_add(u32::try_from(number).unwrap_or(u32::MAX))
}
