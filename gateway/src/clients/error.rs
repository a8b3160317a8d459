//! Why a client's config was not changed.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::edit::EditError;
use crate::os::System;

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
    /// A new file in its place cannot have its owner and mode.
    #[error(
        "{} belongs to {owner}, which a new file in its place cannot be given, so it was left as it is",
        path.display()
    )]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: String,
        /// Why not.
        source: io::Error,
    },
    /// Another `snowgate` keeps the lock.
    #[error(
        "{} was left as it is, because another `snowgate`{} has been changing configs for {waited_s} s",
        path.display(),
        holder.map(|process| format!(" (process {process})")).unwrap_or_default()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// The lock.
        lock: PathBuf,
        /// The process that keeps it, if it has said so.
        holder: Option<u32>,
        /// How long it was waited for.
        waited_s: u64,
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
        /// Where it would be.
        folder: PathBuf,
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
            Self::Io { path, source, .. } | Self::Memory { folder: path, source, .. } if is_full(source) => {
                format!("make room on the disk of {}, then run the command again", path.display())
            }
            Self::Owner { owner, .. } => format!(
                "run the command as its owner ({owner}), or add the entry by hand: `snowgate install --print CLIENT` prints it"
            ),
            Self::Locked { lock, holder, .. } => {
                let which = holder.map_or_else(
                    || format!("that has {} open", lock.display()),
                    |process| format!("of the number {process}"),
                );
                format!("wait until the process {which} has ended, or end it, then run the command again")
            }
            Self::Io { what, path, .. } => {
                format!("check that you may {what} {}, then run the command again", path.display())
            }
            Self::NoFile { path } => format!("move {} away, then run the command again", path.display()),
            Self::ReadOnly { path } => format!(
                "if it is yours to change: `{}`, then run the command again; if another program writes it \
                 (Nix, a dotfiles manager), add the entry there: `snowgate install --print CLIENT` prints it",
                System::OWN.command_to_write(path)
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
            Self::Memory { folder, .. } => {
                format!("make sure that you may write to {}, then run the command again", folder.display())
            }
        }
    }
}

/// The disk has no room, or its user may have no more of it.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_files_name_the_file_the_cause_and_what_to_do() {
        let path = PathBuf::from("/x/mcp.json");
        let source = || io::Error::from(io::ErrorKind::PermissionDenied);
        let owner =
            ClientError::Owner { path: path.clone(), owner: "user id 7".to_owned(), source: source() };
        assert!(owner.to_string().starts_with("/x/mcp.json belongs to user id 7"), "{owner}");
        assert!(
            owner.next_step().contains("owner (user id 7)") && !owner.is_usage(),
            "{}",
            owner.next_step()
        );
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let full = ClientError::Io { what: "write to", path: "/x".into(), source: full };
        assert!(full.next_step().starts_with("make room on the disk of /x"), "{}", full.next_step());
        let memory = ClientError::Memory { path, folder: "/state/clients".into(), source: source() };
        assert!(memory.next_step().contains("/state/clients"), "{}", memory.next_step());
    }
}
