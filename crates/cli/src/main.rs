//! The `blocks` binary: the only place where everything meets.

mod args;
mod bench;
mod commands;
mod config;
mod demo;
mod drill;
mod exit;
mod plugin;
mod printer;
mod random;
mod secret_key;

use std::path::Path;
use std::process::ExitCode;

use crate::exit::{Code, Stop};

fn main() -> ExitCode {
    blocks_crash::arm();
    let mut arguments = std::env::args_os();
    let called_as = arguments.next().unwrap_or_default();
    // In the sandbox's private folder `kubectl` is a link to this program.
    if Path::new(&called_as).file_name().is_some_and(|name| name == "kubectl") {
        return commands::sandbox::kubectl();
    }
    if arguments.next().is_some_and(|word| word == blocks_exec::SUPERVISE) {
        // Its standard error is a file in the run's folder.
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false);
        // on a full disk a log line is lost, and nothing else: telling stderr of it would panic
        let log = log.log_internal_errors(false);
        log.with_writer(std::io::stderr).init();
        return blocks_exec::supervise();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            printer::error(&format!("the runtime cannot start: {error}"));
            return ExitCode::from(Code::Failed as u8);
        }
    };
    // slack-morphism and reqwest share one TLS provider; without this line both would panic.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match runtime.block_on(commands::dispatch()) {
        Ok(code) => ExitCode::from(code as u8),
        Err(Stop { code, text }) => {
            printer::error(&text);
            ExitCode::from(code as u8)
        }
    }
}
