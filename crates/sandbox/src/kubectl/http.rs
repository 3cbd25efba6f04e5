//! The few lines of HTTP that a command line needs: one request, one answer, HTTP/1.0, loopback only.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::{Failure, TARGET_FILE};
use crate::shared::is_loopback;

const PATIENCE: Duration = Duration::from_secs(5);

/// The target's address, and the command line that every request names.
pub(super) struct Target {
    addr: SocketAddr,
    command: String,
    requests: Cell<usize>,
}

impl Target {
    /// Reads the target's URL from the private home, or says why there is none.
    pub(super) fn from_home(home: &Path, args: &[String]) -> Result<Self, String> {
        let file = home.join(TARGET_FILE);
        let text = std::fs::read_to_string(&file).map_err(|e| {
            format!(
                "error: not in a sandbox: cannot read {} ({e}); this kubectl reaches no cluster",
                file.display()
            )
        })?;
        let url =
            Url::parse(text.trim()).map_err(|e| format!("error: {} holds no url: {e}", file.display()))?;
        if !is_loopback(&url) {
            return Err(format!("error: not in a sandbox: {url} is not a loopback address"));
        }
        let addr = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80))
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.find(|a| a.ip().is_loopback()))
            .ok_or_else(|| format!("error: {url} has no address"))?;
        // A header holds one line of ASCII; the log needs to recognise the command, not to repeat it byte for byte.
        let command: String = std::iter::once("kubectl")
            .chain(args.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
            .take(1000)
            .collect();
        Ok(Self { addr, command, requests: Cell::new(0) })
    }

    /// How many requests were answered.
    pub(super) fn requests(&self) -> usize {
        self.requests.get()
    }

    /// Sends a request; returns status and body.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, String), Failure> {
        let unreachable = |e: std::io::Error| {
            Failure(format!(
                "The connection to the server {} was refused - did you specify the right host or port? ({e})",
                self.addr
            ))
        };
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect_timeout(&self.addr, PATIENCE).map_err(unreachable)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(unreachable)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(unreachable)?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nUser-Agent: kubectl/sandbox\r\nX-Kubectl-Command: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.addr,
            self.command,
            body.len()
        );
        stream.write_all(head.as_bytes()).map_err(unreachable)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(unreachable)?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        self.requests.set(self.requests.get() + 1);
        Ok((status, body.to_owned()))
    }

    /// Sends a request and expects success; a `Status` answer becomes `Error from server (Reason): message`.
    pub(super) fn text(&self, method: &str, path: &str, body: Option<&Value>) -> Result<String, Failure> {
        let (status, text) = self.send(method, path, body)?;
        if (200..300).contains(&status) {
            return Ok(text);
        }
        let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let reason = answer["reason"].as_str().unwrap_or("InternalError");
        let message = answer["message"].as_str().unwrap_or("the server could not answer");
        Err(Failure(format!("Error from server ({reason}): {message}")))
    }

    /// The same, for a JSON answer.
    pub(super) fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let text = self.text(method, path, body)?;
        serde_json::from_str(&text)
            .map_err(|e| Failure(format!("error: the server's answer is not JSON: {e}")))
    }
}
