//! The process's log, captured at its most talkative, so that worlds can look for what must not
//! be in it.

use std::io::Write;
use std::sync::{Mutex, OnceLock};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Buffer;

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Buffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// Captures from now on everything that the service logs.
pub(crate) fn capture() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let ours = Targets::new()
            .with_target("ambit", LevelFilter::TRACE)
            .with_target("ambit_indexer", LevelFilter::TRACE);
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(Buffer);
        tracing_subscriber::registry().with(layer).with(ours).init();
    });
}

/// Where the log ends now.
pub(crate) fn position() -> usize {
    LOG.lock().unwrap().len()
}

/// What was logged since, by all tests of the process.
pub(crate) fn since(position: usize) -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()[position..]).into_owned()
}
