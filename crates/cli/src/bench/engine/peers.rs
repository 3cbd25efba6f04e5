//! Other programs that run commands, where they are on PATH. Nothing is installed by this.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use blocks_exec::find_program;
use tokio::time::Instant;

use super::place::{Place, bash, command};
use crate::bench::process;
use crate::exit::Stop;

/// The Python that ansible itself runs with.
const OWN_PYTHON: &str = "ansible_python_interpreter={{ansible_playbook_python}}";
/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A peer, and how it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Script,
    Just,
    Mask,
    Ansible,
    Dbos,
}

impl Peer {
    pub(super) const ALL: [Peer; 5] = [Peer::Script, Peer::Just, Peer::Mask, Peer::Ansible, Peer::Dbos];

    pub(super) fn name(self) -> &'static str {
        match self {
            Peer::Script => "a bash script",
            Peer::Just => "just",
            Peer::Mask => "mask",
            Peer::Ansible => "ansible-playbook",
            Peer::Dbos => "DBOS on SQLite",
        }
    }

    /// What one command is there, and what of it is durable.
    pub(super) fn does(self) -> &'static str {
        match self {
            Peer::Script => "`bash -c` for each command, from a script; nothing is durable",
            Peer::Just => "one recipe for each command, all in one call; nothing is durable",
            Peer::Mask => "one call for each command, which is how mask is used; nothing is durable",
            Peer::Ansible => "one `shell` task for each command, in one playbook; nothing is durable",
            Peer::Dbos => {
                "one step of a workflow for each command, with `subprocess.run`; what a step returned is durable"
            }
        }
    }

    fn program(self) -> &'static str {
        match self {
            Peer::Script => "bash",
            Peer::Just => "just",
            Peer::Mask => "mask",
            Peer::Ansible => "ansible-playbook",
            Peer::Dbos => "python3",
        }
    }

    /// Where it is, or why it cannot be measured here.
    pub(super) async fn find(self) -> Result<PathBuf, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let name = self.program();
        let program = find_program(name, &path).ok_or_else(|| format!("{name} is not on PATH"))?;
        if self == Peer::Dbos {
            let words = ["-c", "import dbos"].map(str::to_owned);
            process::output(&program, &words, PATIENCE)
                .await
                .map_err(|_| format!("{} has no module dbos", program.display()))?;
        }
        Ok(program)
    }

    /// Fewer where one takes long.
    pub(super) fn commands(self, commands: usize) -> usize {
        if self == Peer::Ansible { commands.min(10) } else { commands }
    }
}

/// Milliseconds for each command. Two lengths are measured, and the difference counts: what a program does once is
/// not a command's.
pub(super) async fn run(peer: Peer, program: &Path, commands: usize) -> Result<f64, Stop> {
    if peer == Peer::Mask {
        return calls(program, commands).await;
    }
    let commands = peer.commands(commands);
    let short = (commands / 5).max(1);
    let less = once(peer, program, short).await?;
    let more = once(peer, program, commands).await?;
    Ok(super::per((more.saturating_sub(less)).as_secs_f64() * 1_000.0, commands - short))
}

async fn once(peer: Peer, program: &Path, commands: usize) -> Result<Duration, Stop> {
    let place = Place::new()?;
    let (name, text) = document(peer, commands)?;
    let file = place.path().join(name);
    std::fs::write(&file, text).map_err(Stop::failed)?;
    let file = file.display().to_string();
    let words: Vec<String> = match peer {
        Peer::Script => vec!["--noprofile".into(), "--norc".into(), file],
        Peer::Just => {
            let recipes = (1..=commands).map(|number| format!("c{number}"));
            ["--justfile".to_owned(), file].into_iter().chain(recipes).collect()
        }
        Peer::Ansible => {
            ["-i", "localhost,", "-c", "local", "-e", OWN_PYTHON, &file].map(str::to_owned).to_vec()
        }
        Peer::Mask | Peer::Dbos => vec![file],
    };
    let began = Instant::now();
    process::in_folder(program, &words, place.path(), PATIENCE).await?;
    Ok(began.elapsed())
}

async fn calls(mask: &Path, commands: usize) -> Result<f64, Stop> {
    let place = Place::new()?;
    let (name, text) = document(Peer::Mask, commands)?;
    let file = place.path().join(name);
    std::fs::write(&file, text).map_err(Stop::failed)?;
    let began = Instant::now();
    for number in 1..=commands {
        let words = ["--maskfile".to_owned(), file.display().to_string(), format!("c{number}")];
        process::in_folder(mask, &words, place.path(), PATIENCE).await?;
    }
    Ok(super::per(began.elapsed().as_secs_f64() * 1_000.0, commands))
}

/// The same commands, as each of them wants them.
fn document(peer: Peer, commands: usize) -> Result<(&'static str, String), Stop> {
    let mut text = String::new();
    let bash = bash()?;
    let bash = bash.display();
    let all = (1..=commands).map(|number| (number, command(number)));
    let name = match peer {
        Peer::Script => {
            for (_, command) in all {
                let _ = writeln!(text, "{bash} --noprofile --norc -c '{command}'");
            }
            "commands.sh"
        }
        Peer::Just => {
            let _ = writeln!(text, "set shell := [\"{bash}\", \"--noprofile\", \"--norc\", \"-c\"]");
            for (number, command) in all {
                let _ = writeln!(text, "c{number}:\n    @{command}");
            }
            "justfile"
        }
        Peer::Mask => {
            text.push_str("# Commands\n");
            for (number, command) in all {
                let _ = writeln!(text, "\n## c{number}\n\n```bash\n{command}\n```");
            }
            "maskfile.md"
        }
        Peer::Ansible => {
            text.push_str("- hosts: localhost\n  gather_facts: false\n  tasks:\n");
            for (_, command) in all {
                let _ = writeln!(text, "    - ansible.builtin.shell: '{command}'");
            }
            "commands.yml"
        }
        Peer::Dbos => {
            let _ = write!(
                text,
                "import os, subprocess\nfrom dbos import DBOS, DBOSConfig\n\
                 DBOS(config={{'name': 'bench', 'system_database_url': 'sqlite:///bench.sqlite', 'run_admin_server': False, 'log_level': 'ERROR'}})\n\
                 @DBOS.step()\ndef step(text):\n    return subprocess.run(['{bash}', '--noprofile', '--norc', '-c', text], capture_output=True, text=True, check=True).stdout\n\
                 @DBOS.workflow()\ndef all_of_them():\n    for number in range(1, {commands} + 1):\n        step(f'echo \"command {{number}}\"')\n\
                 DBOS.launch()\nall_of_them()\nos._exit(0)\n"
            );
            "commands.py"
        }
    };
    Ok((name, text))
}
