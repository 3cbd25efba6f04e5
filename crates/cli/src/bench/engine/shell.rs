//! What the engine gave to bash, to be given to bash again without the engine.

use std::path::{Path, PathBuf};

use crate::exit::Stop;

/// The files of one run's commands, in order.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    /// Where they were, which their text names.
    from: PathBuf,
    /// Of each command: the script, and the command's own text.
    files: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Shell {
    /// Reads them from a run's folder.
    pub(super) fn read(folder: &Path, commands: usize) -> Result<Shell, Stop> {
        let read = |name: String| {
            std::fs::read(folder.join(&name)).map_err(|error| {
                Stop::failed(format!(
                    "the run's folder does not have {name}, which the floor is made of: {error}"
                ))
            })
        };
        let files = (1..=commands)
            .map(|number| Ok((read(format!("{number}.wrapper.sh"))?, read(format!("{number}.command.sh"))?)))
            .collect::<Result<_, Stop>>()?;
        Ok(Shell { from: folder.to_path_buf(), files })
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// The first so many of them.
    pub(super) fn first(&self, commands: usize) -> Shell {
        Shell { from: self.from.clone(), files: self.files.iter().take(commands).cloned().collect() }
    }

    /// Writes them into another folder, and that folder's name into them.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Stop> {
        let (from, to) = (self.from.display().to_string(), folder.display().to_string());
        for ((wrapper, command), number) in self.files.iter().zip(1..) {
            let wrapper = String::from_utf8_lossy(wrapper).replace(&from, &to);
            std::fs::write(folder.join(format!("{number}.wrapper.sh")), wrapper).map_err(Stop::failed)?;
            std::fs::write(folder.join(format!("{number}.command.sh")), command).map_err(Stop::failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_name_the_folder_that_they_are_in() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let text = format!("source '{}/1.command.sh'\n", old.path().display());
        std::fs::write(old.path().join("1.wrapper.sh"), text).unwrap();
        std::fs::write(old.path().join("1.command.sh"), "true").unwrap();
        let shell = Shell::read(old.path(), 1).unwrap();
        assert!(Shell::read(old.path(), 2).is_err());
        shell.write(new.path()).unwrap();
        let text = std::fs::read_to_string(new.path().join("1.wrapper.sh")).unwrap();
        assert_eq!(text, format!("source '{}/1.command.sh'\n", new.path().display()));
    }
}
