//! Console sessions: only what follows a `$ ` prompt is a command, the rest is sample output.

use super::shell::lex;

/// No command of a session is continued over more lines than this.
const MOST_LINES: usize = 200;

/// Whether a fence of another language is written as a session all the same.
pub(crate) fn is_session(text: &str) -> bool {
    text.lines()
        .map(str::trim_start)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .is_some_and(|line| prompted(line).is_some())
}

/// The session's commands and comments as shell text; output lines become empty, so that line numbers stay true.
pub(crate) fn to_shell(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut shell = String::with_capacity(text.len());
    let mut i = 0;
    while let Some(line) = lines.get(i) {
        i += 1;
        if let Some(command) = prompted(line.trim_start()) {
            let mut whole = format!("{command}\n");
            for _ in 0..MOST_LINES {
                let Some(next) = lines.get(i).filter(|next| prompted(next.trim_start()).is_none()) else {
                    break;
                };
                if lex(&whole).complete() {
                    break;
                }
                whole.push_str(next.strip_prefix("> ").unwrap_or(next));
                whole.push('\n');
                i += 1;
            }
            shell.push_str(&whole);
        } else {
            // other white space is part of a word for a shell, so `#` would begin no comment
            if line.trim_start_matches([' ', '\t']).starts_with('#') {
                shell.push_str(line);
            }
            shell.push('\n');
        }
    }
    shell
}

fn prompted(line: &str) -> Option<&str> {
    if line == "$" { Some("") } else { line.strip_prefix("$ ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_prompted_lines_run() {
        let session = "# look\n$ kubectl get pods \\\n    -n prod\nNAME READY\nweb 1/1\n# Expected: 1/1\n$ echo 'a\n> b'\na\nb\n";
        let shell = "# look\nkubectl get pods \\\n    -n prod\n\n\n# Expected: 1/1\necho 'a\nb'\n\n\n";
        assert_eq!(to_shell(session), shell);
        assert!(is_session(session));
    }

    #[test]
    fn an_open_quote_does_not_swallow_the_next_prompt() {
        assert_eq!(to_shell("$ echo 'a\n$ ls\n"), "echo 'a\nls\n");
    }

    #[test]
    fn plain_shell_is_no_session() {
        assert!(!is_session("echo $ HOME\n$ x\n"));
        assert!(!is_session("$HOME/bin/x\n"));
        assert_eq!(to_shell("\u{c}# output\n \t# comment\n"), "\n \t# comment\n");
        assert!(!is_session(""));
    }
}
