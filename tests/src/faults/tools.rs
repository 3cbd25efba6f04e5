//! What stands before `kubectl`, `curl` and what the examples call: it notes every call that changes something, and fails when
//! it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::cases::Fault;

/// Told apart without a process of its own; `FAULT` is a file with `ATTEMPT SCOPE KIND`, where an attempt may be `any`,
/// or `7+`: that one and every later one.
const SCRIPT: &str = r#"#!/bin/bash
case " $* " in
  *" draining "* | *" filling "* | *" restarting "* | *" putting "*) scope=change ;;
  *" scale "* | *" set env "* | *" rollout undo "* | *" POST "* | *" PUT "*) scope=change ;;
  *) scope=look ;;
esac
kind= told_of=
if [ -n "$BLOCKS_ATTEMPT" ] && [ -f FAULT ]; then
  read -r attempt wanted told <FAULT
  case $attempt in any) told_of=1 ;; *+) [ "$BLOCKS_ATTEMPT" -ge "${attempt%+}" ] && told_of=1 ;; esac
  if [ -n "$told_of" ] || [ "$attempt" = "$BLOCKS_ATTEMPT" ]; then
    if [ "$wanted" = all ] || [ "$wanted" = "$scope" ]; then kind=$told; fi
  fi
fi
note() { printf '%s %s %s %s\n' "$1" "$BLOCKS_RUN" "$BLOCKS_ATTEMPT" "NAME $*" >>SEEN; }
if [ -n "$kind" ]; then note fault "$kind" "$@"; fi
case $kind in
  exit-before) echo 'the connection to the server was refused' >&2; exit 1 ;;
  nonsense-before) echo '<html>502 bad gateway</html>'; exit 0 ;;
  hang-before) exec sleep 1000 ;;
esac
if [ "$scope" = change ]; then note effect "$@"; fi
case $kind in
  exit-after) REAL "$@" >/dev/null; echo 'the connection to the server was lost' >&2; exit 1 ;;
  nonsense-after) REAL "$@" >/dev/null; echo '<html>502 bad gateway</html>'; exit 0 ;;
  hang-after) REAL "$@"; exec sleep 1000 ;;
esac
exec REAL "$@"
"#;

/// Stands for the `echo` of an example: what it says that it does to something is kept as a file of that name, and taken away.
const SAY: &str = r#"#!/bin/bash
read -r verb what _ <<<"$1"
case $verb in
  draining | restarting) : >"THINGS/$what" ;;
  filling | putting) rm -f "THINGS/$what" ;;
esac
echo "$1"
"#;

/// What the tools were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Calls that were made to fail.
    pub faults: usize,
    /// Attempts that reached the service with a change.
    pub effects: BTreeSet<u32>,
    /// Changes that reached it and must not be repeated, by the attempt that made them.
    pub once: BTreeMap<u32, usize>,
}

/// The tools of one world.
#[derive(Debug)]
pub struct Tools {
    fault: PathBuf,
    seen: PathBuf,
    things: PathBuf,
}

impl Tools {
    /// Puts them before the real ones, in the folder that comes first on the commands' `PATH`.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn install(bin: &Path, folder: &Path) -> Tools {
        let tools =
            Tools { fault: folder.join("fault"), seen: folder.join("seen"), things: folder.join("things") };
        std::fs::create_dir_all(&tools.things).expect("the folder can be written");
        let say = folder.join("really-say");
        std::fs::write(&say, SAY.replace("THINGS", &tools.things.display().to_string())).expect("it is ours");
        let say = format!("bash '{}' \"$@\"", say.display());
        let blocks = crate::blocks();
        // the sandbox's kubectl is the program itself, called by that name
        let kubectl = format!("(exec -a kubectl '{}' \"$@\")", blocks.display());
        let curl = ["/usr/bin/curl", "/bin/curl", "/usr/local/bin/curl"];
        let curl = curl.into_iter().find(|path| Path::new(path).is_file()).expect("curl is installed");
        for (name, run, replace) in [
            ("kubectl", kubectl.as_str(), format!("exec -a kubectl '{}' \"$@\"", blocks.display())),
            ("curl", &format!("{curl} \"$@\""), format!("exec {curl} \"$@\"")),
            ("uptime", "/usr/bin/uptime \"$@\"", "exec /usr/bin/uptime \"$@\"".to_owned()),
            ("df", "/bin/df \"$@\"", "exec /bin/df \"$@\"".to_owned()),
            ("say", &say, format!("exec {say}")),
        ] {
            let text = SCRIPT
                .replace("exec REAL \"$@\"", &replace)
                .replace("REAL \"$@\"", run)
                .replace("NAME", name)
                .replace("FAULT", &format!("'{}'", tools.fault.display()))
                .replace("SEEN", &format!("'{}'", tools.seen.display()));
            let path = bin.join(name);
            // a link to the program would be written through
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, text).expect("the folder can be written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        tools
    }

    /// From now on calls of that attempt fail so, and with `onwards` those of later ones; of every attempt when none is named.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn fail(&self, attempt: Option<u32>, onwards: bool, fault: Fault, scope: &str) {
        let later = if onwards { "+" } else { "" };
        let attempt = attempt.map_or_else(|| "any".to_owned(), |attempt| format!("{attempt}{later}"));
        std::fs::write(&self.fault, format!("{attempt} {scope} {}\n", fault.word()))
            .expect("the folder can be written");
    }

    /// From now on nothing fails, and nothing is remembered of what was seen.
    pub fn mend(&self) {
        let _ = std::fs::remove_file(&self.fault);
    }

    /// Forgets what was seen.
    pub fn forget(&self) {
        self.mend();
        let _ = std::fs::remove_file(&self.seen);
    }

    /// What was said to have been changed, by name.
    #[must_use]
    pub fn things(&self) -> Vec<String> {
        let things = std::fs::read_dir(&self.things).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            things.map(|thing| thing.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// What was seen since.
    #[must_use]
    pub fn seen(&self, run: &str) -> Seen {
        let text = std::fs::read_to_string(&self.seen).unwrap_or_default();
        let mut seen = Seen::default();
        for line in text.lines() {
            let mut words = line.split(' ');
            let (what, of, attempt) = (words.next(), words.next(), words.next());
            if of != Some(run) {
                continue;
            }
            match (what, attempt.and_then(|attempt| attempt.parse().ok())) {
                (Some("fault"), _) => seen.faults += 1,
                (Some("effect"), Some(attempt)) => {
                    seen.effects.insert(attempt);
                    if line.contains(" rollout undo ") {
                        *seen.once.entry(attempt).or_default() += 1;
                    }
                }
                _ => {}
            }
        }
        seen
    }
}
