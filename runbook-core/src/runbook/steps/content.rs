//! Blocks that show what to write into a file: run in its place, they would do it now and here.

use super::super::blocks::Fence;
use super::super::codes;
use super::super::forbidden::sentences;
use super::super::info::Info;
use super::Builder;

/// Why a block's commands do not run.
pub(super) const CONTENT: &str = "it is the content of a file";
/// Bytes of a text and of a line that are looked at.
const LONGEST: usize = 4096;

/// Words that say, whatever else the sentence holds, that the block below is what a file holds.
const SAYS: &[&str] = &[
    "with the following content",
    "with this content",
    "with the content:",
    "with content:",
    "with contents:",
    "with the contents:",
    "the following contents",
    "file containing:",
    "file containing the following",
    "script containing:",
    "script containing the following",
    "file should contain",
    "file should look like",
    "file looks like",
    "script looks like",
    "script should look like",
    "crontab entry",
    "cron entry",
    "cron job entry",
    "contents of the script:",
    "content of the script:",
];
/// The same at the beginning of the sentence: "download it and save it as" speaks of a command.
const SAVES: &[&str] = &["save this ", "save it as", "save the following", "save the script as"];
/// What is put somewhere.
const PUT: &[&str] = &["add ", "append ", "put ", "paste ", "insert "];
/// Into where it is put.
const INTO: &[&str] = &["to ", "into ", "in ", "at the end of "];
/// What stands for the block in such a sentence.
const POINTERS: &[&str] = &[
    "this",
    "these",
    "the following",
    "the line",
    "the lines",
    "it ",
    "below",
    "to your ",
    "to the ",
    "to `",
    "to /",
    "to ~",
    "in your ",
    "to crontab",
];
/// Files of which a part is put there.
const FILES: &[&str] = &[
    "crontab",
    "bashrc",
    "bash_profile",
    "zshrc",
    ".profile",
    "/etc/",
    "/usr/",
    "/opt/",
    "/var/",
    "~/.",
    ".sh",
    ".conf",
    ".cfg",
    ".ini",
    ".service",
    ".timer",
    ".env",
    "dockerfile",
    "makefile",
    "jenkinsfile",
    " file",
    " script",
];

impl Builder<'_> {
    /// The reason why a block that shows a file's content does not run. `above` is the text directly above it.
    ///
    /// Attributes are written for this program alone, so whoever wrote them means the block to run.
    pub(super) fn content(&mut self, fence: &Fence<'_>, info: &Info, above: &str) -> Option<&'static str> {
        let script = fence.text.starts_with("#!");
        if info.has_attributes() || !script && (!says_content(above) || writes(&fence.text)) {
            return None;
        }
        let line = if script { fence.line + 1 } else { fence.line };
        let line = line.min(fence.end_line);
        let why = if script { "this block begins with `#!`" } else { "the text above says so" };
        self.note(
            codes::FILE_CONTENT,
            (line, self.lines.indent(line)),
            format!("{why}: it is the content of a file, so it does not run"),
            "write the file by a command (`cat > FILE <<'EOF'`), or tag the block as text; any attribute, such as a \
             name, says that it is meant to run",
        );
        Some(CONTENT)
    }
}

/// Whether a text introduces what a file holds.
fn says_content(text: &str) -> bool {
    let looked_at = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text).to_ascii_lowercase();
    let Some(last) = sentences(&looked_at).last() else { return false };
    if SAYS.iter().any(|words| last.contains(words)) {
        return true;
    }
    let last = last.trim_start_matches(|c: char| !c.is_alphanumeric());
    let last = ["then ", "and ", "next, ", "now ", "finally, "]
        .iter()
        .find_map(|lead| last.strip_prefix(lead))
        .unwrap_or(last);
    if SAVES.iter().any(|words| last.starts_with(words)) {
        return true;
    }
    // `Add a node to the file` names what is added; the block is then how that is done
    PUT.iter().any(|put| last.starts_with(put))
        && INTO.iter().any(|into| last.contains(&format!(" {into}")))
        && POINTERS.iter().any(|pointer| last.contains(pointer))
        && names_block(last)
        && FILES.iter().any(|file| last.contains(file))
}

/// `Add this ...`, `Add the following ...`, `Add to ...`.
fn names_block(sentence: &str) -> bool {
    let rest = sentence.split_once(' ').map_or("", |(_, rest)| rest);
    ["this", "these", "the following", "the line", "it ", "to ", "the below", "the content", "below"]
        .iter()
        .any(|begin| rest.starts_with(begin))
}

/// Whether a block is itself how the file is written, or is a session.
fn writes(text: &str) -> bool {
    let text = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text);
    let first = text.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with('#'));
    let edits =
        ["vi ", "vim ", "nano ", "sed ", "crontab ", "tee ", "sudo ", "kubectl ", "echo ", "printf ", "cat "];
    super::super::console::is_session(text)
        || text.lines().any(|line| line.contains("<<"))
        || first.is_some_and(|line| edits.iter().any(|edit| line.starts_with(edit)) && !line.starts_with('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_introduces_a_file_is_told_from_what_introduces_a_command() {
        for yes in [
            "Create `/usr/local/bin/check` with the following content:",
            "Create a unit. Create /etc/systemd/system/web.service with this content:",
            "Save this as /usr/local/bin/check:",
            "Save this as `check.sh`",
            "The script looks like this:",
            "Add this line to the crontab:",
            "Add the following to your `~/.bashrc`:",
            "Add to your ~/.bashrc:",
            "Then append the following line to /etc/hosts:",
            "The file should contain:",
            "Put this into /etc/cron.d/backup:",
        ] {
            assert!(says_content(yes), "{yes}");
        }
        for no in [
            "Run this:",
            "The output should contain:",
            "The output looks like this:",
            "Add a node to the cluster:",
            "Add the user to the group in the following way:",
            "Add this node to the cluster:",
            "Create the file:",
            "Look at the content of the file:",
            "Download the file and save it as `a.json`:",
            "Save this as /usr/local/bin/check. Then run it:",
            "",
        ] {
            assert!(!says_content(no), "{no}");
        }
        for yes in ["cat > /etc/a <<E\na\nE\n", "$ ls\n", "# x\necho a >> ~/.bashrc\n", "crontab -e\n"] {
            assert!(writes(yes), "{yes}");
        }
        for no in ["0 3 * * * /usr/local/bin/backup\n", "export A=b\n", "rm -rf /srv/old\n"] {
            assert!(!writes(no), "{no}");
        }
    }
}
