//! Runbooks of a Git repository: fetched into the data folder, each commit laid out in a folder of its own, and the last good
//! one used while the repository cannot be reached.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::objects::Objects;
use super::program::{Bounds, Reach, git, run};
use super::tree;
use super::waits::{remove_old_locks, wait_for};
use crate::clock::{Clock as _, SystemClock};

/// Time that one fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(30);
/// How long somebody else who fetches is waited for.
const LOCK_TIME: Duration = Duration::from_secs(120);
/// How long one that could not be reached is left alone, unless somebody insists.
const AFTER_A_FAILURE: Duration = Duration::from_secs(45);
/// Time that a look into what was fetched may take.
const LOOK_TIME: Duration = Duration::from_secs(30);
/// Bytes that a repository may come to here.
const MOST: u64 = 1024 * 1024 * 1024;
/// The reference that holds what was fetched.
const FETCHED: &str = "refs/blocks/fetched";
const STATE: &str = "state.json";

/// Where runbooks are fetched from, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSource {
    url: String,
    branch: Option<String>,
    pin: Option<String>,
    folders: Vec<String>,
    place: PathBuf,
}

/// What is there of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The commit, lowercase hex.
    pub commit: String,
    /// The folder that it is laid out in.
    pub tree: PathBuf,
    /// When the repository was last reached.
    pub reached_at: DateTime<Utc>,
    /// Why the last try to reach it failed.
    pub problem: Option<String>,
    /// Files that were not laid out: links that lead out, names that cannot be shown, submodules.
    pub left_out: usize,
}

/// What is kept of it between processes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct State {
    branch: Option<String>,
    pin: Option<String>,
    commit: Option<String>,
    reached_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
    problem: Option<String>,
    #[serde(default)]
    left_out: usize,
}

impl GitSource {
    /// A source below a data folder. `folders` are those of the repository that hold runbooks.
    ///
    /// # Errors
    /// The key that cannot be used (`git`, `branch`, `pin` or `folders`), why, and what to write.
    pub fn new(
        data_dir: &Path,
        url: &str,
        branch: Option<&str>,
        pin: Option<&str>,
        folders: &[String],
    ) -> Result<GitSource, (&'static str, String, &'static str)> {
        // not shown: it may hold a password
        if let Some(reason) = wrong_url(url) {
            return Err((
                "git",
                format!("the repository's address {reason}"),
                "https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH, or a path",
            ));
        }
        if let Some(branch) = branch.filter(|branch| !is_branch(branch)) {
            return Err((
                "branch",
                format!("'{branch}' cannot be a branch"),
                "write its name, such as branch = \"main\"",
            ));
        }
        if let Some(pin) = pin.filter(|pin| !is_commit(pin)) {
            return Err((
                "pin",
                format!("'{pin}' is not a whole commit"),
                "write all 40 (or 64) characters that `git rev-parse COMMIT` prints",
            ));
        }
        if let Some(folder) = folders.iter().find(|folder| !is_inside(folder)) {
            return Err((
                "folders",
                format!("'{folder}' is no folder inside the repository"),
                "write it relative to the repository's root, such as \"runbooks\"",
            ));
        }
        let id: String = hex::encode(Sha256::digest(url.as_bytes())).chars().take(16).collect();
        Ok(GitSource {
            url: url.to_owned(),
            branch: branch.map(str::to_owned),
            pin: pin.map(str::to_ascii_lowercase),
            folders: folders.to_vec(),
            place: data_dir.join("git").join(id),
        })
    }

    /// The repository as people are shown it: without user.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.url.split_once("://") {
            Some((scheme, rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                format!("{scheme}://{host}/{path}")
            }
            None => self.url.clone(),
        }
    }

    /// The configured branch.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.branch.as_deref()
    }

    /// Whether the configuration names the commit.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.pin.is_some()
    }

    /// The folders of a laid out commit that hold runbooks.
    pub(crate) fn folders_in(&self, tree: &Path) -> Vec<PathBuf> {
        self.folders
            .iter()
            .map(|folder| if folder == "." { tree.to_path_buf() } else { tree.join(folder) })
            .collect()
    }

    /// The repository and the commit that a folder of ours was laid out from, with the commit's own folder.
    pub(super) fn laid_out(&self, folder: &Path) -> Option<(PathBuf, String, PathBuf)> {
        let trees = std::fs::canonicalize(self.trees()).ok()?;
        let below = folder.strip_prefix(&trees).ok()?;
        let commit = below.components().next()?.as_os_str().to_str().filter(|name| is_commit(name))?;
        Some((self.bare(), commit.to_owned(), trees.join(commit)))
    }

    /// What was fetched last and is as configured.
    ///
    /// # Errors
    /// Why there is nothing.
    pub fn fetched(&self) -> Result<Fetched, String> {
        let state = self.state();
        let none = || state.problem.clone().unwrap_or_else(|| "it was not fetched yet".to_owned());
        let (Some(commit), Some(reached_at)) = (state.commit.clone(), state.reached_at) else {
            return Err(none());
        };
        let tree = self.trees().join(&commit);
        if !tree.is_dir() {
            return Err(none());
        }
        Ok(Fetched { commit, tree, reached_at, problem: state.problem, left_out: state.left_out })
    }

    /// Asks the repository for what is new, unless it was asked less than `patience` ago or the pinned commit is here. One
    /// that could not be reached is left alone for a while, unless there is no patience at all.
    ///
    /// # Errors
    /// Why it could not; what was fetched before stays in use.
    pub fn refresh(&self, patience: Option<Duration>) -> Result<(), String> {
        let written = |error: std::io::Error| format!("{} cannot be written: {error}", self.place.display());
        create_private(&self.place).map_err(written)?;
        let lock = File::create(self.place.join("lock")).map_err(written)?;
        // two that fetch would lay out one folder twice; whoever waits finds it done
        if patience.is_none_or(|patience| patience.is_zero()) || self.fetched().is_err() {
            wait_for(&lock, LOCK_TIME).map_err(written)?;
        } else if lock.try_lock().is_err() {
            return Ok(()); // somebody is at it, and what is here will do
        }
        let mut state = self.state();
        if self.pin.is_some() && state.commit == self.pin && self.fetched().is_ok() {
            return Ok(());
        }
        let now = SystemClock.now();
        // a repository that does not answer is not waited for by everybody who asks
        let patience = patience.map(|wanted| if state.problem.is_some() { AFTER_A_FAILURE } else { wanted });
        let is_fresh = state
            .tried_at
            .zip(patience)
            .is_some_and(|(tried, patience)| (now - tried).abs().to_std().is_ok_and(|age| age < patience));
        if is_fresh {
            return state.problem.map_or(Ok(()), Err);
        }
        state.tried_at = Some(now);
        let result = self.fetch();
        match &result {
            Ok((commit, left_out)) => {
                state.commit = Some(commit.clone());
                state.reached_at = Some(now);
                state.left_out = *left_out;
                state.problem = None;
            }
            Err(reason) => state.problem = Some(reason.clone()),
        }
        self.keep(&state).map_err(written)?;
        result.map(|_| ())
    }

    fn fetch(&self) -> Result<(String, usize), String> {
        let bare = self.bare();
        // whoever ended in the middle, as at a time limit, has left the locks of git, and every later fetch would stop at them
        remove_old_locks(&bare, 2 * FETCH_TIME);
        let bounds = Bounds { time: LOOK_TIME, output: 64 * 1024, folder: None };
        if !bare.join("HEAD").is_file() {
            create_private(&bare).map_err(|error| error.to_string())?;
            let mut init = git(&bare, Reach::Here);
            // no template: it would bring hooks
            init.args(["init", "--quiet", "--bare", "--template=", "."]);
            run(init, bounds)?;
        }
        let from =
            self.branch.as_ref().map_or_else(|| "HEAD".to_owned(), |name| format!("refs/heads/{name}"));
        let mut fetch = git(&bare, Reach::Remote);
        fetch.args([
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--force",
            "--",
        ]);
        fetch.arg(&self.url).arg(format!("+{from}:{FETCHED}"));
        run(fetch, Bounds { time: FETCH_TIME, folder: Some((&bare, MOST)), ..bounds })?;
        let newest = Objects::of(&bare)?.hash(format!("{FETCHED}^{{commit}}").as_bytes())?;
        let newest = newest.map(|(object, _)| object.id).ok_or("the branch holds no commit")?;
        let commit = match &self.pin {
            None => newest,
            Some(pin) => {
                let mut is_on = git(&bare, Reach::Here);
                is_on.args(["merge-base", "--is-ancestor", pin, &newest]);
                run(is_on, bounds).map_err(|_| {
                    format!(
                        "the pinned commit {pin} is not on {}",
                        self.branch.as_deref().unwrap_or("the default branch")
                    )
                })?;
                pin.clone()
            }
        };
        create_private(&self.trees()).map_err(|error| error.to_string())?;
        let left_out = tree::lay_out(&bare, &commit, &self.trees().join(&commit))?;
        Ok((commit, left_out))
    }

    /// What is kept, as far as it is about this branch and pin.
    fn state(&self) -> State {
        let text = std::fs::read(self.place.join(STATE)).unwrap_or_default();
        let state: State = serde_json::from_slice(&text).unwrap_or_default();
        let fits = state.branch == self.branch && state.pin == self.pin;
        let is_known = state.commit.as_deref().is_none_or(is_commit);
        if fits && is_known {
            state
        } else {
            State { branch: self.branch.clone(), pin: self.pin.clone(), ..State::default() }
        }
    }

    fn keep(&self, state: &State) -> std::io::Result<()> {
        let new = self.place.join("state.new");
        std::fs::write(&new, serde_json::to_vec(state)?)?;
        std::fs::rename(new, self.place.join(STATE))
    }

    fn bare(&self) -> PathBuf {
        self.place.join("repository")
    }

    fn trees(&self) -> PathBuf {
        self.place.join("commits")
    }
}

impl Fetched {
    /// When the repository was last reached, while it cannot be.
    #[must_use]
    pub fn unreached_since(&self) -> Option<String> {
        self.problem.as_ref().map(|_| self.reached_at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// What is wrong with a repository's address.
fn wrong_url(url: &str) -> Option<&'static str> {
    let scheme =
        url.split_once("://").map(|(scheme, rest)| (scheme, rest.split('/').next().unwrap_or_default()));
    if url.is_empty() || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Some("is empty or holds blanks or control characters");
    }
    if url.starts_with('-') || url.contains("://-") || url.contains("@-") || url.contains(":-") {
        return Some("begins with '-', which a program would take for an option");
    }
    // git would start the program `git-remote-HELPER`
    if url.split('/').next().is_some_and(|first| first.contains("::")) {
        return Some("names a transport helper");
    }
    match scheme {
        Some((_, host)) if host.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) => {
            Some("holds a password, and would show it")
        }
        Some(("https" | "ssh" | "file", _)) | None => None,
        Some(_) => Some("is reached in a way that cannot be trusted"),
    }
}

/// The rules of `git check-ref-format`, and no more than that.
pub(super) fn is_branch(name: &str) -> bool {
    let bad = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    !name.is_empty()
        && name.len() <= 250
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.chars().any(bad)
        && !["..", "//", "@{", "/."].iter().any(|part| name.contains(part))
        && !name.split('/').any(|part| part.ends_with(".lock"))
        && name != "@"
}

/// A whole commit.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A folder that cannot lead out.
pub(super) fn is_inside(folder: &str) -> bool {
    !folder.is_empty()
        && !folder.starts_with('/')
        && !folder.contains('\0')
        && !folder.split('/').any(|part| part == ".." || part.eq_ignore_ascii_case(".git"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(url: &str, branch: Option<&str>, pin: Option<&str>, folder: &str) -> Option<&'static str> {
        let made = GitSource::new(Path::new("/data"), url, branch, pin, &[folder.to_owned()]);
        made.err().map(|(key, ..)| key)
    }

    #[test]
    fn what_git_would_take_for_something_else_is_refused() {
        for url in [
            "https://h/x.git",
            "ssh://git@h/x",
            "git@h:x.git",
            "/srv/x.git",
            "../x",
            "file:///srv/x",
            "https://user@h/x",
        ] {
            assert_eq!(wrong(url, None, None, "."), None, "{url}");
        }
        for url in [
            "",
            "-u",
            "--upload-pack=x",
            "ext::sh -c x",
            "ext::sh",
            "fd::7",
            "git://h/x",
            "http://h/x",
            "https://u:p@h/x",
            "ssh://-oProxyCommand=x/y",
            "git@-oProxyCommand=x:y",
            "a\nb",
            "h:-x",
            "ftp://h/x",
        ] {
            assert_eq!(wrong(url, None, None, "."), Some("git"), "{url}");
        }
        for branch in ["main", "release/2.1", "a-b"] {
            assert_eq!(wrong("/x", Some(branch), None, "."), None, "{branch}");
        }
        for branch in
            ["", "-f", "a..b", "a b", "a:b", "+a", "a~1", "@", "a@{1}", "/a", "a/", "a.lock", "a/.b", "a\n"]
        {
            let expected = if branch == "+a" { None } else { Some("branch") };
            assert_eq!(wrong("/x", Some(branch), None, "."), expected, "{branch:?}");
        }
        assert_eq!(wrong("/x", None, Some(&"a1".repeat(20)), "."), None);
        for pin in ["", "abc1234", "HEAD", "--all", &"g1".repeat(20)] {
            assert_eq!(wrong("/x", None, Some(pin), "."), Some("pin"), "{pin}");
        }
        for folder in ["..", "a/../..", "/etc", "", ".git", "a/.GIT/hooks"] {
            assert_eq!(wrong("/x", None, None, folder), Some("folders"), "{folder}");
        }
        let shown = |url: &str| GitSource::new(Path::new("/d"), url, None, None, &[]).unwrap().shown();
        assert_eq!(shown("https://user@h/x"), "https://h/x");
        assert_eq!(shown("git@h:x"), "git@h:x");
    }
}
