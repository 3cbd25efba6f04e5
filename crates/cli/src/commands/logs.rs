//! The server's log on stderr: JSON lines, or text on a terminal. `RUST_LOG` chooses what.

use std::io::{self, IsTerminal as _, Write};

use blocks_exec::Redactor;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Libraries that log bodies and addresses at finer levels, which hold tokens: they stay at warnings, whatever is asked for.
const QUIET: [&str; 7] = ["slack_morphism", "hyper", "hyper_util", "reqwest", "h2", "rustls", "tower_http"];

/// Begins to log. None of these secrets is ever in it.
pub(super) fn init(secrets: &[String]) {
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let quiet = QUIET.iter().filter_map(|name| format!("{name}=warn").parse().ok());
    let filter = quiet.fold(asked, EnvFilter::add_directive);
    let writer = Redacted(Redactor::new(secrets));
    // a log on a full disk loses lines: telling that to stderr, which is that log, would panic
    let builder = tracing_subscriber::fmt().log_internal_errors(false);
    let builder = builder.with_env_filter(filter).with_writer(writer);
    if io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
}

/// Standard error behind a redactor: a secret that some text brought along stays out of it.
struct Redacted(Redactor);

impl<'a> MakeWriter<'a> for Redacted {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone())
    }
}

/// One event.
struct Line(Redactor);

impl Write for Line {
    /// An event is written with one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut kept = Vec::with_capacity(event.len());
        let mut redactor = self.0.clone();
        redactor.push(event, &mut |bytes| kept.extend_from_slice(bytes));
        redactor.finish(&mut |bytes| kept.extend_from_slice(bytes));
        io::stderr().lock().write_all(&kept)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
