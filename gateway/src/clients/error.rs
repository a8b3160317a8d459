//! Why a client's config was not changed.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::edit::EditError;

/// A client's config file that stays as it is.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// It cannot be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no file.
    #[error("{} is no file", path.display())]
    NoFile {
        /// What was found.
        path: PathBuf,
    },
    /// It may not be written to.
    #[error("{} is read-only, so it was left as it is", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// It has another name, too (a hard link), which a new file in its place would not have.
    #[error("{} has another name, too (a hard link), so it was left as it is", path.display())]
    HardLinked {
        /// The file.
        path: PathBuf,
    },
    /// The folder that the command was called in is gone, so there is no project.
    #[error("the current folder is gone or cannot be read, so there is no project")]
    NoFolder,
    /// It is larger than any config.
    #[error("{} has more than {bytes_max} bytes, so it was left as it is", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// It is not UTF-8.
    #[error("{} is not UTF-8 text, so it was left as it is", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It does not parse, or not as a config.
    #[error("{} was left as it is", path.display())]
    Edit {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: EditError,
    },
    /// The change would have been another one than meant. It was not written.
    #[error("{} was left as it is, because the change would have touched more than the entry", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
    },
    /// Another program wrote it meanwhile, again and again.
    #[error("{} was left as it is, because another program keeps changing it", path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// An entry of that name launches another program.
    #[error("{} has an entry `{name}` that launches {command}, so it was left as it is", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// Its program.
        command: String,
    },
    /// The client has no files of that scope.
    #[error("{client} reads no config of a project")]
    NoProject {
        /// The client.
        client: &'static str,
    },
    /// What the file was before could not be written down.
    #[error("{} was left as it is, because no backup of it could be made", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ClientError {
    /// Whether the command line has to be another one.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Foreign { .. } | Self::NoProject { .. } | Self::NoFolder)
    }

    /// What the user can do about it.
    pub(crate) fn next_step(&self) -> String {
        match self {
            Self::Io { what, path, .. } => {
                format!("check that you may {what} {}, then run the command again", path.display())
            }
            Self::NoFile { path } => format!("move {} away, then run the command again", path.display()),
            Self::ReadOnly { path } => format!(
                "if it is yours to change: `chmod u+w '{}'`, then run the command again; if another program writes it \
                 (Nix, a dotfiles manager), add the entry there: `snowgate install --print CLIENT` prints it",
                path.display()
            ),
            Self::HardLinked { .. } => {
                "add the entry by hand, or replace the other name with a symbolic link; \
                                        `snowgate install --print CLIENT` prints the entry"
                    .to_owned()
            }
            Self::NoFolder => "go to the project's folder, then run the command again".to_owned(),
            Self::TooLarge { .. } | Self::NotText { .. } | Self::Unsafe { .. } => {
                "add the entry by hand: `snowgate install --print CLIENT` prints it".to_owned()
            }
            Self::Edit { source: EditError::Syntax { .. }, .. } => {
                "mend the file at that place, then run the command again".to_owned()
            }
            Self::Edit { source: EditError::Duplicate { key, .. }, .. } => {
                format!("keep one `{key}`, then run the command again")
            }
            Self::Edit { .. } => {
                "correct it, or add the entry by hand: `snowgate install --print CLIENT` prints it".to_owned()
            }
            Self::Changing { .. } => "close the client, then run the command again".to_owned(),
            Self::Foreign { .. } => {
                "choose another name with `--name`, or replace that entry with `--force`".to_owned()
            }
            Self::NoProject { .. } => "leave `--scope project` away".to_owned(),
            Self::Memory { .. } => "make room or check the permissions of Snowgate's state folder".to_owned(),
        }
    }
}
