//! The walk of `verify` along the log: what it expects next, and what it calls a line that is not.
//!
//! Upholds REPLAY. After a fault it goes on from the best guess of where the chain continues, so
//! that one fault is one problem, or few, at its own line.

use super::{Fault, Problem, Report};
use crate::audit::chain::{HexHash, Line, Record, Tip};
use crate::audit::head::Head;

/// Problems that are listed; the rest is counted. A log of another kind must not fill the memory.
const MAX_PROBLEMS: usize = 1000;

/// A place in the chain: the latest record there.
#[derive(Clone, Copy, Debug)]
struct Place {
    seq: u64,
    hash: HexHash,
}

impl Place {
    fn is_followed_by(&self, record: &Record<'_>) -> bool {
        self.seq.checked_add(1) == Some(record.seq) && self.hash == record.prev
    }
}

/// A head and whether its record was met.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    head: Head,
    met: bool,
}

pub(super) struct Walk {
    report: Report,
    anchors: Vec<Anchor>,
    /// Bytes that the log's own head vouches for.
    anchored: u64,
    at: Place,
    /// Lines since `at` that were no intact record. Each may stand for the next record or be an
    /// insertion, so a record may follow that skips up to as many numbers.
    unreadable: u64,
    /// Where the chain stood before it jumped forward, and how many records have followed there.
    before_jump: Option<(Place, u32)>,
}

impl Default for Walk {
    fn default() -> Self {
        let genesis = Tip::genesis();
        Self {
            report: Report::default(),
            anchors: Vec::new(),
            anchored: 0,
            at: Place {
                seq: genesis.seq,
                hash: genesis.hash,
            },
            unreadable: 0,
            before_jump: None,
        }
    }
}

impl Walk {
    /// The head beside the log.
    pub(super) fn expect_head(&mut self, head: Head) {
        self.report.head_seq = Some(head.seq);
        self.anchored = head.length;
        self.expect_kept(head);
    }

    /// A head from elsewhere.
    pub(super) fn expect_kept(&mut self, head: Head) {
        let met = head.seq == 0;
        self.anchors.push(Anchor { head, met });
    }

    /// Something is wrong with the head itself.
    pub(super) fn report_head(&mut self, what: Fault) {
        self.problem(1, 0, None, what);
    }

    /// Takes the next line of a log that has `length` bytes.
    pub(super) fn line(&mut self, line: &Line<'_>, length: u64) {
        let record = line.complete.then(|| Record::parse(line.bytes)).flatten();
        let Some(record) = record else {
            // The same rule as for opening: only the last line, and only beyond the head.
            // (A line without newline is always the last, even if the file shrank meanwhile.)
            let is_last = line.end >= length && line.offset >= self.anchored;
            if is_last || !line.complete {
                self.report.incomplete_tail = Some(line.end.saturating_sub(line.offset));
                return;
            }
            self.unreadable = self.unreadable.saturating_add(1);
            return self.problem(line.number, line.offset, None, Fault::Malformed);
        };
        if !record.is_intact() {
            self.unreadable = self.unreadable.saturating_add(1);
            let seq = Some(record.seq);
            return self.problem(line.number, line.offset, seq, Fault::Edited);
        }
        self.report.records = self.report.records.saturating_add(1);
        if record.seq <= self.at.seq {
            self.behind(line, &record);
        } else {
            self.ahead(line, &record);
        }
        self.check_anchors(line, &record);
    }

    /// Ends the walk; `line` and `offset` are where the next line would begin.
    pub(super) fn finish(mut self, line: u64, offset: u64) -> Report {
        // An incomplete record is not one of the log's lines: what is missing begins on it.
        let torn = self.report.incomplete_tail;
        let (line, offset) = match torn {
            Some(bytes) => (line.saturating_sub(1), offset.saturating_sub(bytes)),
            None => (line, offset),
        };
        let reached = self.at.seq.saturating_add(self.unreadable);
        let furthest = self.anchors.iter().filter(|anchor| !anchor.met);
        let furthest = furthest.map(|anchor| anchor.head.seq).max().unwrap_or(0);
        if furthest > reached {
            let what = Fault::Truncated {
                first: reached.saturating_add(1),
                last: furthest,
            };
            self.problem(line, offset, None, what);
        }
        if let Some(head_seq) = self.report.head_seq {
            self.report.unanchored = self.at.seq.saturating_sub(head_seq);
        }
        self.report
    }

    /// A record with a number that has not come yet.
    fn ahead(&mut self, line: &Line<'_>, record: &Record<'_>) {
        let next = self.at.seq.saturating_add(1);
        let seq = Some(record.seq);
        if record.seq > next.saturating_add(self.unreadable) {
            let what = Fault::Missing {
                first: next,
                last: record.seq.saturating_sub(1),
            };
            self.problem(line.number, line.offset, seq, what);
            self.before_jump = Some((self.at, 0));
        } else if record.seq == next && record.prev != self.at.hash {
            self.problem(line.number, line.offset, seq, Fault::Unchained);
        }
        self.move_to(record);
    }

    /// A record with a number that has come, or was missed, already.
    fn behind(&mut self, line: &Line<'_>, record: &Record<'_>) {
        let seq = Some(record.seq);
        // It continues where the chain stood before it jumped. If a second one does so too, the
        // record that jumped was the stranger, and the chain goes on here.
        if let Some((place, followed)) = &mut self.before_jump
            && place.is_followed_by(record)
        {
            *place = Place {
                seq: record.seq,
                hash: record.hash,
            };
            *followed += 1;
            if *followed > 1 {
                return self.move_to(record);
            }
        }
        let missed = |problem: &&mut Problem| match problem.what {
            Fault::Missing { first, last } => (first..=last).contains(&record.seq),
            _ => false,
        };
        match self.report.problems.iter_mut().rev().find(missed) {
            // The only one that was missed is here after all: the one that came too early is the
            // one out of order, and this is not a second fault.
            Some(problem) if problem.what.is_only(record.seq) => {
                problem.what = Fault::OutOfOrder;
            }
            Some(_) => self.problem(line.number, line.offset, seq, Fault::OutOfOrder),
            None => self.problem(line.number, line.offset, seq, Fault::Duplicate),
        }
    }

    fn move_to(&mut self, record: &Record<'_>) {
        self.at = Place {
            seq: record.seq,
            hash: record.hash,
        };
        self.unreadable = 0;
    }

    fn check_anchors(&mut self, line: &Line<'_>, record: &Record<'_>) {
        let mut mismatch = false;
        for anchor in &mut self.anchors {
            if anchor.head.seq == record.seq && !anchor.met {
                anchor.met = true;
                mismatch |= anchor.head.hash != record.hash;
            }
        }
        if mismatch {
            let seq = Some(record.seq);
            self.problem(line.number, line.offset, seq, Fault::HeadMismatch);
        }
    }

    fn problem(&mut self, line: u64, offset: u64, seq: Option<u64>, what: Fault) {
        if self.report.problems.len() >= MAX_PROBLEMS {
            self.report.more_problems = self.report.more_problems.saturating_add(1);
            return;
        }
        self.report.problems.push(Problem {
            line,
            offset,
            seq,
            what,
        });
    }
}

impl Fault {
    /// Whether this says that one record is missing and it is this one.
    fn is_only(&self, seq: u64) -> bool {
        matches!(*self, Self::Missing { first, last } if first == seq && last == seq)
    }
}
