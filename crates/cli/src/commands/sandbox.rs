//! `blocks sandbox`: the stand-ins, and their kubectl.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use blocks_sandbox::{SandboxConfig, kubectl as stand_in, target};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;

use super::serve::wait_for_the_end;
use crate::args::SandboxArgs;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Permissions of folders that hold a demo's secrets, journal and programs: nobody else may look or write.
const PRIVATE: u32 = 0o700;

/// The folder's parts.
pub(crate) struct Folder {
    /// Holds the only kubectl that the sandbox's commands find.
    pub(crate) bin: PathBuf,
    /// Their HOME.
    pub(crate) home: PathBuf,
}

/// Runs the sandbox until it is told to stop. The first line on stdout says where it listens.
pub(crate) async fn run(args: &SandboxArgs, output: Output) -> Result<Code, Stop> {
    if args.target {
        return serve_target(args).await;
    }
    let mut target = start_target().await?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => fresh_dir("blocks-sandbox")?,
    };
    let folder = prepare(&dir, &target.url)?;
    let mut config = SandboxConfig::demo(args.listen);
    take_secrets(&mut config);
    config.target_url = Some(target.url.parse().map_err(Stop::failed)?);
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| Stop::failed(format!("cannot listen on {}: {error}", args.listen)))?;
    let sandbox = blocks_sandbox::start(config, listener).await.map_err(Stop::failed)?;
    let (url, mail) = (sandbox.url(), sandbox.mail);
    match output {
        Output::Json => printer::json(&json!({
            "url": url, "page": format!("{url}/"), "target": target.url, "smtp": mail.to_string(), "bin": folder.bin, "home": folder.home,
        })),
        Output::Text => {
            printer::data(&format!(
                "sandbox  {url}\npage     {url}/\ntarget   {}\nsmtp     {mail}\nfolder   {}",
                target.url,
                dir.display()
            ));
            printer::note(
                "open the page in a browser; slack.api_url is URL/slack/api, pagerduty.api_url is URL/pagerduty; POST URL/control/blocks-url tells it where Blocks listens",
            );
        }
    }
    wait_for_the_end(args.end_with_stdin).await?;
    sandbox.shutdown().await;
    // Ends only the process that was started here.
    let _ = target.child.kill().await;
    Ok(Code::Success)
}

/// A demo's own secrets come by the environment, like everybody's.
fn take_secrets(config: &mut SandboxConfig) {
    let take = |name: &str, into: &mut String| {
        if let Ok(value) = std::env::var(name) {
            *into = value;
        }
    };
    take("SLACK_BOT_TOKEN", &mut config.slack.bot_token);
    take("SLACK_APP_TOKEN", &mut config.slack.app_token);
    take("SLACK_SIGNING_SECRET", &mut config.slack.signing_secret);
    take("PAGERDUTY_API_TOKEN", &mut config.pagerduty.api_token);
    if let Some(service) = config.pagerduty.services.first_mut() {
        take("PAGERDUTY_ROUTING_KEY", &mut service.routing_key);
    }
    take("SMTP_PASSWORD", &mut config.mail.password);
    take("STATUSPAGE_API_KEY", &mut config.statuspage.api_key);
    if let Ok(value) = std::env::var("PAGERDUTY_WEBHOOK_SECRET") {
        config.pagerduty.webhook_secrets = vec![value];
    }
}

struct TargetProcess {
    url: String,
    child: tokio::process::Child,
}

/// Starts the target service as its own process. It ends when its standard input closes, so it cannot outlive us.
#[expect(clippy::disallowed_methods, reason = "the sandbox starts its own binary as the target service")]
async fn start_target() -> Result<TargetProcess, Stop> {
    let program = std::env::current_exe().map_err(Stop::failed)?;
    let mut child = tokio::process::Command::new(program)
        .args(["sandbox", "--target", "--end-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Stop::failed(format!("the target service cannot be started: {error}")))?;
    let stdout = child.stdout.take().ok_or_else(|| Stop::failed("the target service has no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let url = lines
        .next_line()
        .await
        .map_err(Stop::failed)?
        .ok_or_else(|| Stop::failed("the target service ended before it listened"))?;
    Ok(TargetProcess { url, child })
}

async fn serve_target(args: &SandboxArgs) -> Result<Code, Stop> {
    let listener =
        TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.map_err(Stop::failed)?;
    printer::data(&format!("http://{}", listener.local_addr().map_err(Stop::failed)?));
    let serving = target::serve(listener, target::TargetConfig::default());
    tokio::select! {
        ended = serving => ended.map_err(Stop::failed)?,
        ended = wait_for_the_end(args.end_with_stdin) => ended?,
    }
    Ok(Code::Success)
}

/// Makes the folder: `bin/kubectl` is a link to this program, `home` says where the target is.
pub(crate) fn prepare(dir: &Path, target_url: &str) -> Result<Folder, Stop> {
    let folder = Folder { bin: dir.join("bin"), home: dir.join("home") };
    let target_file = folder.home.join(stand_in::TARGET_FILE);
    let make = || -> std::io::Result<()> {
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(PRIVATE);
        private.create(&folder.bin)?;
        private.create(&folder.home)?;
        if let Some(parent) = target_file.parent() {
            private.create(parent)?;
        }
        std::fs::write(&target_file, target_url)?;
        let link = folder.bin.join("kubectl");
        match std::fs::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(std::env::current_exe()?, &link)
    };
    make().map_err(|error| {
        Stop::failed(format!("the sandbox's folder {} cannot be made: {error}", dir.display()))
    })?;
    Ok(folder)
}

/// A fresh private folder in the temporary folder.
pub(crate) fn fresh_dir(prefix: &str) -> Result<PathBuf, Stop> {
    let dir = tempfile::Builder::new()
        .prefix(&format!("{prefix}-"))
        .permissions(std::fs::Permissions::from_mode(PRIVATE))
        .tempdir()
        .map_err(|error| Stop::failed(format!("no folder can be made in the temporary folder: {error}")))?;
    Ok(dir.keep())
}

/// Being the sandbox's kubectl: speaks to the target that `$HOME` names, refuses everything else, forwards nothing.
pub(crate) fn kubectl() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let code = stand_in::run(&arguments, &mut out, &mut err, &home);
    let _ = out.flush();
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_private() {
        let dir = fresh_dir("blocks-test").unwrap();
        let folder = prepare(&dir.join("sandbox"), "http://127.0.0.1:1").unwrap();
        for made in [&dir, &dir.join("sandbox"), &folder.bin, &folder.home] {
            let mode = std::fs::metadata(made).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, PRIVATE, "{}: {mode:o}", made.display());
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
