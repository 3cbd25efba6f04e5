//! The script that bash is given: brings the carried state, then sources the command's own file.
//!
//! Sourcing keeps the line numbers of bash's messages those of the command. What carries is written by an EXIT trap:
//! a command that ends the shell past it (`exec`, its own EXIT trap, a kill) leaves no state, which is then known.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The last line of a state file that was written to its end.
pub(crate) const STATE_END: &[u8] = b"# end of state\n";

/// The last line of a state file that holds a secret where it cannot be left out.
pub(crate) const STATE_SECRET: &[u8] = b"# a secret\n";

/// What the script says of a variable without which it does not begin the command.
pub(crate) const NO_VALUE: &str = "has no value: what was to set it was passed over, failed, or is in doubt";

/// What the script is made of.
pub(crate) struct Parts<'a> {
    /// The command's text as a file.
    pub(crate) command: &'a Path,
    /// Variables and functions are written here.
    pub(crate) new_state: &'a Path,
    /// The working directory is written here.
    pub(crate) new_directory: &'a Path,
    /// The state to start from.
    pub(crate) carried: Option<&'a Path>,
    /// Made instead of running the command when the carried state does not load.
    pub(crate) refused: &'a Path,
    /// Names handed on from outside: one that a command unset stays unset for the next.
    pub(crate) handed_on: &'a BTreeSet<String>,
    /// Names of parameters, which win over carried variables.
    pub(crate) parameters: &'a BTreeSet<String>,
    /// Names of those parameters that are secret, whose values never reach the state.
    pub(crate) secrets: &'a BTreeSet<String>,
    /// Variables without which the command does not begin.
    pub(crate) must_be_set: &'a BTreeSet<String>,
}

/// Shell variables that are bash's own or ours; everything else carries.
const NOT_CARRIED: &str = "BLOCKS_*|BASH|BASHOPTS|BASHPID|BASH_*|COMP_*|DIRSTACK|EPOCHREALTIME|EPOCHSECONDS|EUID|\
                           FUNCNAME|GROUPS|HISTCMD|LINENO|PIPESTATUS|POSIXLY_CORRECT|PPID|PWD|RANDOM|SECONDS|\
                           SHELLOPTS|SHLVL|SRANDOM|UID|_";

/// The script's text.
///
/// Only paths made by us and checked variable names are put into it, never a value.
pub(crate) fn wrapper(parts: &Parts<'_>) -> Vec<u8> {
    let mut script = Vec::new();
    let mut add = |piece: &[u8]| script.extend_from_slice(piece);
    for (number, name) in parts.secrets.iter().enumerate() {
        // The command may set the variable to something else.
        add(format!("BLOCKS_s{number}=${name}\n").as_bytes());
    }
    add(b"__blocks_save() {\n");
    // A subshell that took the trap along, or an `exit` inside a function, whose local variables would hide the
    // real ones: no state rather than a wrong one.
    add(b"  builtin [ \"$BASHPID\" = \"$$\" ] || builtin return 0\n");
    add(b"  builtin set +euxvfC +o posix; builtin shopt -u nocasematch extdebug; builtin trap - DEBUG ERR RETURN\n");
    add(b"  for BLOCKS_n in \"${FUNCNAME[@]:1}\"; do\n");
    add(b"    case $BLOCKS_n in source|main) ;; *) builtin return 0 ;; esac\n  done\n");
    // Gone from here on, so that the list of functions is the command's own.
    add(b"  builtin unset -f __blocks_save\n  builtin umask 077\n  builtin pwd >| ");
    add(&quoted(parts.new_directory));
    // A function's text may need extended patterns to be read back, whatever the options are then.
    add(b"\n  BLOCKS_x=\n  {\n    builtin printf 'builtin shopt -s extglob\\n'\n");
    add(b"    for BLOCKS_n in");
    for first in (b'a'..=b'z').chain(b'A'..=b'Z').chain([b'_']) {
        add(&[b' ', b'"', b'$', b'{', b'!', first, b'@', b'}', b'"']);
    }
    add(b"; do\n      case $BLOCKS_n in ");
    add(NOT_CARRIED.as_bytes());
    for name in parts.secrets {
        add(format!("|{name}").as_bytes());
    }
    add(b") builtin continue ;; esac\n");
    if !parts.secrets.is_empty() {
        add(&without_secrets(parts.secrets));
    }
    // No `builtin` before `declare`: bash then would not read array values. Functions come last, so none hides it.
    // A value carries, `readonly` does not: a parameter of that name must still win.
    add(b"      case ${!BLOCKS_n@a} in\n        *r*)\n");
    add(b"          BLOCKS_d=$(builtin declare -p \"$BLOCKS_n\"); BLOCKS_d=${BLOCKS_d#declare -}\n");
    add(b"          BLOCKS_f=${BLOCKS_d%% *}; BLOCKS_f=${BLOCKS_f//r/}\n");
    add(b"          builtin printf 'declare -%s %s\\n' \"${BLOCKS_f:--}\" \"${BLOCKS_d#* }\" ;;\n");
    add(b"        *) builtin declare -p \"$BLOCKS_n\" ;;\n      esac\n    done\n");
    for name in parts.handed_on {
        add(format!("    [[ -v {name} ]] || builtin printf 'builtin unset -v {name}\\n'\n").as_bytes());
    }
    add(b"    builtin declare -f\n    builtin printf 'builtin shopt -u extglob\\nBLOCKS_loaded=1\\n'\n");
    add(b"    if builtin [ -n \"$BLOCKS_x\" ]; then builtin printf '# a secret\\n'; else builtin printf '# end of state\\n'; fi\n");
    add(b"  } >| ");
    add(&quoted(parts.new_state));
    add(b"\n}\nbuiltin trap '{ __blocks_save; } 2>/dev/null' EXIT\n");
    if let Some(carried) = parts.carried {
        carry(&mut script, carried, parts);
    }
    for name in parts.must_be_set {
        // an array without elements, and one without a first element, is set to bash only where it is declared
        let declared =
            format!("$(builtin declare -p {name} 2>/dev/null) == \"declare -\"+([^n\\ ])\" {name}=\"*");
        script.extend(
            format!("[[ -v {name} || {declared} ]] || {{ builtin printf '{name} {NO_VALUE}' >&2; ")
                .into_bytes(),
        );
        script.extend_from_slice(b"builtin trap - EXIT; builtin : >| ");
        script.extend(quoted(parts.refused));
        script.extend_from_slice(b"; builtin exit 125; }\n");
    }
    script.extend_from_slice(b"builtin set -o pipefail\nbuiltin source ");
    script.extend(quoted(parts.command));
    // Nothing may follow: the command's status is the script's, and its options would act on us.
    script.push(b'\n');
    script
}

/// Within the list of variables: one whose value holds a secret is written with the secret's name in its place, so
/// that `auth="Bearer $TOKEN"` carries and the value stays out of the file. Where that is not possible (an array, a
/// reference) nothing of the state is kept.
fn without_secrets(secrets: &BTreeSet<String>) -> Vec<u8> {
    let mut part = Vec::new();
    let mut add = |piece: &str| part.extend_from_slice(piece.as_bytes());
    let each: String = secrets.iter().enumerate().map(|(n, name)| format!(" {n}:{name}")).collect();
    add("      BLOCKS_r=\"$BLOCKS_n[@]\"; BLOCKS_h=\n");
    add(&format!("      for BLOCKS_t in \"${{!BLOCKS_r}}\"; do for BLOCKS_i in{each}; do\n"));
    add("        BLOCKS_w=BLOCKS_s${BLOCKS_i%%:*}\n");
    add(
        "        if [[ -z ${!BLOCKS_w-} ]]; then BLOCKS_x=1; elif [[ $BLOCKS_t == *\"${!BLOCKS_w}\"* ]]; then BLOCKS_h=1; fi\n",
    );
    add("      done; done\n");
    add("      if [[ -n $BLOCKS_h ]]; then\n");
    add("        BLOCKS_f=${!BLOCKS_n@a}; BLOCKS_f=${BLOCKS_f//r/}\n");
    add(
        "        if [[ -n $BLOCKS_x || -R $BLOCKS_n || $BLOCKS_f == *[!x]* ]]; then BLOCKS_x=1; builtin continue; fi\n",
    );
    add("        BLOCKS_t=${!BLOCKS_n}; BLOCKS_o=\n");
    add("        while builtin :; do\n          BLOCKS_b=$BLOCKS_t; BLOCKS_k=\n");
    add(&format!("          for BLOCKS_i in{each}; do\n"));
    add("            BLOCKS_w=BLOCKS_s${BLOCKS_i%%:*}; BLOCKS_p=${BLOCKS_t%%\"${!BLOCKS_w}\"*}\n");
    add(
        "            if [[ ${#BLOCKS_p} -lt ${#BLOCKS_b} ]]; then BLOCKS_b=$BLOCKS_p; BLOCKS_k=$BLOCKS_i; fi\n",
    );
    add("          done\n");
    add("          builtin printf -v BLOCKS_q %q \"$BLOCKS_b\"; BLOCKS_o+=$BLOCKS_q\n");
    add("          if [[ -z $BLOCKS_k ]]; then builtin break; fi\n");
    add("          BLOCKS_w=BLOCKS_s${BLOCKS_k%%:*}; BLOCKS_o+=\"\\\"\\$${BLOCKS_k#*:}\\\"\"\n");
    add("          BLOCKS_t=${BLOCKS_t#\"$BLOCKS_b${!BLOCKS_w}\"}\n        done\n");
    add("        builtin printf 'declare -%s %s=%s\\n' \"${BLOCKS_f:--}\" \"$BLOCKS_n\" \"$BLOCKS_o\"\n");
    add("        builtin continue\n      fi\n");
    part
}

fn carry(script: &mut Vec<u8>, carried: &Path, parts: &Parts<'_>) {
    for (number, name) in parts.parameters.iter().enumerate() {
        script.extend(format!("BLOCKS_v{number}=${name}\n").into_bytes());
    }
    script.extend_from_slice(b"builtin source ");
    script.extend(quoted(carried));
    script.extend_from_slice(
        b"\nif builtin [ \"${BLOCKS_loaded-}\" != 1 ]; then builtin trap - EXIT; builtin : >| ",
    );
    script.extend(quoted(parts.refused));
    script.extend_from_slice(b"; builtin exit 125; fi\nbuiltin unset -v BLOCKS_loaded\n");
    for (number, name) in parts.parameters.iter().enumerate() {
        // Unset first: the carried one may be an array, an integer or a reference.
        let lines = format!(
            "builtin unset -n {name}; builtin unset -v {name}; builtin export {name}=\"$BLOCKS_v{number}\"\n\
             builtin unset -v BLOCKS_v{number}\n"
        );
        script.extend(lines.into_bytes());
    }
}

/// A path as one word of shell.
fn quoted(path: &Path) -> Vec<u8> {
    let mut word = vec![b'\''];
    for &byte in path.as_os_str().as_bytes() {
        if byte == b'\'' { word.extend_from_slice(b"'\\''") } else { word.push(byte) }
    }
    word.push(b'\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word() {
        assert_eq!(quoted(Path::new("/a b/$(x)'y")), b"'/a b/$(x)'\\''y'");
    }
}
