//! A headless Chromium with one tab, for the pages that Blocks serves.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::Outcome;
use super::devtools::DevTools;
use super::find::{CHROMIUM, Found, find};
use crate::until_or_show;

/// A cold start on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Between two tries to remove the profile of a browser that is being ended.
const PAUSE: Duration = Duration::from_millis(20);
const TRIES_TO_REMOVE: u32 = 100;

/// What a picture shows.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// What is seen.
    Window,
    /// An element, as far as it is not hidden in a list that scrolls: so many pixels from its top.
    Top(&'a str, f64),
    /// The same from its bottom.
    Bottom(&'a str, f64),
}

/// The browser; ended when dropped.
#[derive(Debug)]
pub struct Chromium {
    tools: DevTools,
    child: Child,
    /// Its profile.
    folder: tempfile::TempDir,
}

impl Chromium {
    /// Starts it with a fresh profile.
    ///
    /// # Panics
    /// When a Chromium that is there does not start.
    pub async fn start() -> Outcome<Chromium> {
        let found = match find(&crate::repository(), &CHROMIUM) {
            Ok(found) => found,
            Err(why) => return Outcome::NotHere(why),
        };
        let folder =
            tempfile::Builder::new().prefix("blocks-chromium-").tempdir().expect("a folder can be made");
        let mut child = command(&found, &folder).spawn().expect("chromium can be started");
        let errors = child.stderr.take().expect("its errors are ours");
        let mut lines = BufReader::new(errors).lines();
        let listening = async {
            let mut said = Vec::new();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = line.strip_prefix("DevTools listening on ") {
                    return Ok(address.to_owned());
                }
                said.push(line);
            }
            Err(said.join("\n"))
        };
        let address = tokio::time::timeout(START, listening).await.expect("chromium says where it listens");
        let address = address.unwrap_or_else(|said| panic!("chromium does not start: {said}"));
        // It would stop when nobody read what it says.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Outcome::Started(Chromium { tools: DevTools::connect(&address).await, child, folder })
    }

    /// Sets the size of the window and whether it is dark, and goes to an address.
    pub async fn open(&mut self, address: &str, size: (u32, u32), dark: bool) {
        let (width, height) = size;
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.tools.call("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
        let motion = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        self.tools.call("Emulation.setEmulatedMedia", json!({ "features": [scheme, motion] })).await;
        self.tools.call("Page.navigate", json!({ "url": address })).await;
        let wanted = serde_json::to_string(address).expect("an address is a string");
        self.until(
            "the page is there",
            &format!("document.readyState === 'complete' && location.href === {wanted}"),
        )
        .await;
    }

    /// Sets the size of the window.
    pub async fn resize(&mut self, (width, height): (u32, u32)) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.tools.call("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Lets no page run scripts of its own, or lets them again.
    pub async fn without_scripts(&mut self, without: bool) {
        self.tools.call("Emulation.setScriptExecutionDisabled", json!({ "value": without })).await;
    }

    /// The value of an expression in the page.
    ///
    /// # Panics
    /// When it throws.
    pub async fn value(&mut self, expression: &str) -> Value {
        let wanted = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.tools.call("Runtime.evaluate", wanted).await;
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub async fn until(&mut self, what: &str, expression: &str) {
        let expression = format!("!!({expression})");
        until_or_show(what, async || {
            let tools = &mut self.tools;
            let wanted = json!({ "expression": expression, "returnByValue": true });
            let result = tools.call("Runtime.evaluate", wanted).await;
            if result["result"]["value"] == true {
                return Ok(());
            }
            let text = json!({ "expression": "document.body.innerText", "returnByValue": true });
            Err(tools.call("Runtime.evaluate", text).await["result"]["value"].to_string())
        })
        .await;
    }

    /// Types a text where the focus is.
    pub async fn type_text(&mut self, text: &str) {
        self.tools.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses one key: `Tab`, `Enter`, `Escape`, or `Shift+Tab`.
    ///
    /// # Panics
    /// For any other key.
    pub async fn key(&mut self, key: &str) {
        let (name, modifiers) = key.strip_prefix("Shift+").map_or((key, 0), |name| (name, 8));
        let code = match name {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            other => panic!("no test presses {other}"),
        };
        let mut event = json!({
            "type": "rawKeyDown", "key": name, "code": name, "windowsVirtualKeyCode": code, "modifiers": modifiers,
        });
        if name == "Enter" {
            event["type"] = json!("keyDown");
            event["text"] = json!("\r");
        }
        self.tools.call("Input.dispatchKeyEvent", event.clone()).await;
        event["type"] = json!("keyUp");
        self.tools.call("Input.dispatchKeyEvent", event).await;
    }

    /// A picture, PNG.
    ///
    /// # Panics
    /// When there is no such element.
    pub async fn picture(&mut self, of: Part<'_>) -> Vec<u8> {
        let mut wanted = json!({ "format": "png", "optimizeForSpeed": false });
        if let Part::Top(selector, most) | Part::Bottom(selector, most) = of {
            let selector = serde_json::to_string(selector).expect("a selector is a string");
            let place = self
                .value(&format!(
                    "(() => {{ document.activeElement.blur(); const found = document.querySelector({selector}); \
                     const r = found.getBoundingClientRect(); return [r.x + scrollX, r.y + scrollY, r.width, r.height]; }})()"
                ))
                .await;
            let at = |index: usize| place[index].as_f64().expect("the element is there");
            let height = at(3).min(most);
            let y = if matches!(of, Part::Bottom(..)) { at(1) + at(3) - height } else { at(1) };
            wanted["clip"] = json!({ "x": at(0), "y": y, "width": at(2), "height": height, "scale": 1 });
            wanted["captureBeyondViewport"] = json!(true);
        }
        let data = self.tools.call("Page.captureScreenshot", wanted).await;
        base64(data["data"].as_str().expect("a picture comes back"))
    }

    /// What the pages complained of so far.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.tools.complaints
    }
}

impl Drop for Chromium {
    /// Its helpers are of its process group; each of them may write into the profile until it is gone.
    fn drop(&mut self) {
        let group = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        for _ in 0..TRIES_TO_REMOVE {
            match std::fs::remove_dir_all(self.folder.path()) {
                Err(error) if error.kind() != ErrorKind::NotFound => std::thread::sleep(PAUSE),
                _ => return,
            }
        }
    }
}

/// What the browser has written in base 64.
fn base64(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            // The upper bits have gone out already.
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}

#[expect(clippy::disallowed_methods, reason = "tests start a browser")]
fn command(found: &Found, folder: &tempfile::TempDir) -> Command {
    let profile = folder.path().join("profile");
    let mut command = Command::new(found.folder.join("chromium"));
    command.env_clear().envs(found.environment()).env("HOME", folder.path()).env("LANG", "C.UTF-8");
    command.env("FONTCONFIG_FILE", fonts(found, folder)).env("TMPDIR", folder.path());
    command.args([
        "--headless",
        // The pages are our own, and a container has no namespaces to build a sandbox from.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-breakpad",
        "--disable-component-update",
        "--disable-extensions",
        "--disable-sync",
        "--no-first-run",
        "--no-default-browser-check",
        "--hide-scrollbars",
        // Letters in shades of grey: the same on every machine, and smaller pictures.
        "--disable-lcd-text",
        "--remote-debugging-port=0",
    ]);
    // Nothing but this machine is ever asked, not even for a name.
    command.arg("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost");
    command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// The fonts of the system and those that came along: pictures look alike on a machine that has none.
fn fonts(found: &Found, folder: &tempfile::TempDir) -> PathBuf {
    let file = folder.path().join("fonts.conf");
    let own =
        found.tree.as_ref().map(|tree| format!("<dir>{}</dir>", tree.join("usr/share/fonts").display()));
    let text = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig>\
         <include ignore_missing=\"yes\">/etc/fonts/fonts.conf</include><dir>/usr/share/fonts</dir>{}\
         <cachedir>{}</cachedir></fontconfig>",
        own.unwrap_or_default(),
        folder.path().join("fonts-cache").display()
    );
    std::fs::write(&file, text).expect("the folder can be written");
    file
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_read() {
        assert_eq!(super::base64("aGVsbG8="), b"hello");
        assert_eq!(super::base64("/+8A"), [0xff, 0xef, 0x00]);
    }
}
