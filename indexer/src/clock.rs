//! Time: one clock that a request reads once and that never goes back.

use std::sync::atomic::{AtomicI64, Ordering};

pub use jiff::Timestamp;

/// Tells the time in microseconds since the epoch, never less than it told before.
///
/// INVARIANT (REVOCATION): an expired entry stays expired, even if the machine's clock is set
/// back while the process runs.
#[derive(Debug)]
pub struct Clock {
    manual: bool,
    latest: AtomicI64,
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self {
            manual: false,
            latest: AtomicI64::new(i64::MIN),
        }
    }

    /// A clock for tests that moves only by [`Clock::advance_to`].
    pub fn manual(start: Timestamp) -> Self {
        Self {
            manual: true,
            latest: AtomicI64::new(start.as_microsecond()),
        }
    }

    /// The present instant.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    pub fn now(&self) -> Timestamp {
        let read = if self.manual {
            i64::MIN
        } else {
            Timestamp::now().as_microsecond()
        };
        let before = self.latest.fetch_max(read, Ordering::SeqCst);
        Timestamp::from_microsecond(before.max(read)).unwrap_or(Timestamp::MAX)
    }

    /// Moves a manual clock forward; an instant in its past changes nothing.
    pub fn advance_to(&self, instant: Timestamp) {
        self.latest
            .fetch_max(instant.as_microsecond(), Ordering::SeqCst);
    }
}
