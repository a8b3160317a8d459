//! The folders of this user's gateway, and their disks.

use std::path::{Path, PathBuf};

use snowgate_link::os::{Entry, EntryKind, User, look, user};

use super::check::{Area, Check};
use super::finding::{Examined, Finding, Fix};
use crate::config::Paths;
use crate::os::{Disk, System, disk_of, may_write, real_path};

/// Free bytes below which writes are about to fail, and below which that is near.
const FREE_BYTES_MIN: u64 = 16 << 20;
const FREE_BYTES_LOW: u64 = 256 << 20;

/// Bits that let others in.
const OTHERS: u32 = 0o077;

/// Bits that let others put files in and take them out, and the one that keeps them from what is not theirs.
const WRITTEN_BY_OTHERS: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// A folder, as it is found.
#[derive(Clone, Debug)]
pub(super) struct FolderFacts {
    /// What it is for.
    name: &'static str,
    path: PathBuf,
    /// `None`: it is missing, and is made when it is needed.
    entry: Option<Entry>,
    /// The nearest folder above it that is there: where it would be made.
    existing: PathBuf,
    may_write: bool,
    disk: Option<Disk>,
    /// Whether secrets are in it, or what tells of them.
    is_private: bool,
    /// The variable that moves it.
    variable: &'static str,
    us: User,
}

impl FolderFacts {
    fn of(name: &'static str, path: &Path, is_private: bool, variable: &'static str) -> Self {
        // A link to a folder is one.
        let entry = look(path).ok().flatten().map(|entry| match entry.kind {
            EntryKind::Link => real_path(path).and_then(|real| look(&real)).ok().flatten().unwrap_or(entry),
            _ => entry,
        });
        let existing = path.ancestors().find(|path| path.exists()).unwrap_or(path).to_owned();
        Self {
            name,
            path: path.to_owned(),
            entry,
            may_write: may_write(&existing),
            disk: disk_of(&existing).ok(),
            existing,
            is_private,
            variable,
            us: user(),
        }
    }
}

/// The folders.
pub(super) fn gather(paths: &Paths) -> Vec<FolderFacts> {
    let variable = paths.home_variable;
    vec![
        FolderFacts::of("state", &paths.state_dir, true, variable),
        FolderFacts::of("log", &paths.log_dir, true, variable),
        FolderFacts::of("data", &paths.data_dir, false, variable),
    ]
}

/// The folder of the config file. Who can write to it can take the file away, and with it every rule.
pub(super) fn gather_config(paths: &Paths) -> Option<FolderFacts> {
    let folder = paths.config_file.parent()?;
    Some(FolderFacts::of("config", folder, false, paths.home_variable))
}

/// What is wrong with it, if it is there.
pub(super) fn examine_config(folder: &FolderFacts) -> Option<Finding> {
    let entry = folder.entry.as_ref().filter(|entry| entry.kind == EntryKind::Directory)?;
    let is_open = entry.mode & WRITTEN_BY_OTHERS != 0 && entry.mode & STICKY == 0;
    if !is_open || entry.owner != folder.us {
        return None;
    }
    let (shown, mode) = (folder.path.display(), entry.mode & 0o777);
    let finding =
        Finding::critical(Check::FolderOpen, format!("every user can write to the config folder {shown}"))
            .because(format!(
                "{}: others can put another config, or none, in its place",
                System::OWN.said_of_access(mode)
            ))
            .mended_by(match System::OWN {
                System::Linux | System::MacOs => format!("chmod go-w {shown}"),
                System::Windows => System::OWN.command_to_close(&folder.path),
            });
    Some(finding.fixed_by(Fix::SetMode { path: folder.path.clone(), mode: mode & !0o022 }))
}

/// What is wrong with them.
pub(super) fn examine(folders: &[FolderFacts]) -> Examined {
    let mut findings: Vec<Finding> = Vec::new();
    for folder in folders {
        for finding in findings_of(folder) {
            // Folders share disks and parents: that is said once.
            if !findings.iter().any(|known| known.check == finding.check && known.cause == finding.cause) {
                findings.push(finding);
            }
        }
    }
    let free = folders.iter().filter_map(|folder| folder.disk).map(|disk| disk.free_bytes).min();
    let said = free.map_or_else(|| "folders".to_owned(), |free| format!("{} free", megabytes(free)));
    let details =
        folders.iter().map(|folder| format!("{}: {}", folder.name, folder.path.display())).collect();
    Examined::new(Area::Disk, said).with_details(details).with(findings)
}

fn findings_of(folder: &FolderFacts) -> Vec<Finding> {
    let FolderFacts { name, path, existing, .. } = folder;
    let (shown, at) = (path.display(), existing.display());
    let move_it = format!("or set {} to a folder that you can write to", folder.variable);
    if let Some(entry) = folder.entry.as_ref().filter(|entry| entry.kind != EntryKind::Directory) {
        let what = format!("the {name} folder {shown} is no folder, but {}", kind_of(entry.kind));
        return vec![
            Finding::critical(Check::FolderKind, what)
                .because(format!("something else is at {shown}"))
                .mended_by(format!("move {shown} away, {move_it}")),
        ];
    }
    if !existing.is_dir() {
        let what = format!("the {name} folder {shown} cannot be made");
        return vec![
            Finding::critical(Check::FolderKind, what)
                .because(format!("{at} is not a folder"))
                .mended_by(format!("move {at} away, {move_it}")),
        ];
    }
    let mut found = Vec::new();
    if let Some(entry) = folder.entry.as_ref().filter(|entry| entry.owner != folder.us) {
        found.push(
            Finding::critical(
                Check::FolderForeign,
                format!("the {name} folder {shown} belongs to another user"),
            )
            .because(format!("{shown}: its owner is user {}, and you are user {}", entry.owner, folder.us))
            .mended_by(match System::OWN {
                System::Linux | System::MacOs => {
                    let command = System::OWN.command_to_own(path, &folder.us.to_string());
                    format!("run as its owner, or as root: {command}")
                }
                System::Windows => {
                    let command = System::OWN.command_to_own(path, &folder.us.to_string());
                    format!("run as its owner, or as administrator: {command}")
                }
            }),
        );
    }
    match folder.disk {
        Some(disk) if disk.is_read_only => found.push(
            Finding::critical(
                Check::DiskReadOnly,
                format!("the {name} folder {shown} is on a read-only file system"),
            )
            .because(format!("the file system of {at} is mounted read-only"))
            .mended_by(match System::OWN {
                System::Linux => {
                    format!("mount it read-write (dmesg says whether a fault made it read-only), {move_it}")
                }
                System::MacOs | System::Windows => format!("make the disk writable, {move_it}"),
            }),
        ),
        _ if !folder.may_write => found.push(
            Finding::critical(
                Check::FolderUnwritable,
                format!("the {name} folder {shown} cannot be written to"),
            )
            .because(format!("you have no permission to write to {at}"))
            .mended_by(match System::OWN {
                System::Linux | System::MacOs => format!("chmod u+rwx {at}, {move_it}"),
                System::Windows => format!("{}, {move_it}", System::OWN.command_to_close(existing)),
            }),
        ),
        Some(disk) => found.extend(space(folder, disk)),
        None => {}
    }
    if let (Some(network), "state") = (folder.disk.and_then(|disk| disk.network), *name) {
        found.push(
            Finding::warning(
                Check::NetworkDisk,
                format!("the state folder {shown} is on a network disk ({network})"),
            )
            .because("SQLite's locks and write-ahead log need a disk of this machine")
            .mended_by(format!("set {} to a folder on a disk of this machine", folder.variable)),
        );
    }
    if let Some(entry) = folder.entry.as_ref().filter(|entry| folder.is_private && entry.mode & OTHERS != 0)
        && entry.owner == folder.us
    {
        found.push(
            Finding::warning(
                Check::FolderOpen,
                format!("other users can look into the {name} folder {shown}"),
            )
            .because(format!("{shown}: {}", System::OWN.said_of_access(entry.mode)))
            .mended_by(System::OWN.command_to_close(path))
            .fixed_by(Fix::SetMode { path: path.clone(), mode: 0o700 }),
        );
    }
    found
}

fn space(folder: &FolderFacts, disk: Disk) -> Option<Finding> {
    let at = folder.existing.display();
    let what = format!("the disk of the {} folder {} ", folder.name, folder.path.display());
    let step = match System::OWN {
        System::Linux | System::MacOs => {
            format!("free some space (df -h {at}; du -xh {at} | sort -h | tail)")
        }
        System::Windows => "free some space (Settings, System, Storage shows what takes it)".to_owned(),
    };
    if disk.free_files == Some(0) {
        let cause = format!("no more files can be made on the disk of {at} (df -i)");
        return Some(Finding::critical(Check::DiskFull, what + "is full").because(cause).mended_by(step));
    }
    let cause = format!("{} are free on it", megabytes(disk.free_bytes));
    match disk.free_bytes {
        0..FREE_BYTES_MIN => {
            Some(Finding::critical(Check::DiskFull, what + "is full").because(cause).mended_by(step))
        }
        FREE_BYTES_MIN..FREE_BYTES_LOW => {
            Some(Finding::warning(Check::DiskFull, what + "is nearly full").because(cause).mended_by(step))
        }
        _ => None,
    }
}

pub(super) fn kind_of(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Directory => "a folder",
        EntryKind::Socket => "a socket",
        EntryKind::Link => "a link that leads nowhere",
        EntryKind::File => "a file",
        EntryKind::Other => "a device or a pipe",
    }
}

fn megabytes(bytes: u64) -> String {
    match bytes >> 20 {
        megabytes @ 0..10_240 => format!("{megabytes} MiB"),
        megabytes => format!("{} GiB", megabytes >> 10),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::observe::Severity;

    fn folder() -> FolderFacts {
        let entry = Entry { kind: EntryKind::Directory, owner: User::of_number(7), mode: 0o700 };
        let disk = Disk {
            bytes: 1 << 41,
            free_bytes: 1 << 40,
            free_files: None,
            is_read_only: false,
            network: None,
        };
        FolderFacts {
            name: "state",
            path: "/".into(),
            entry: Some(entry),
            existing: "/".into(),
            may_write: true,
            disk: Some(disk),
            is_private: true,
            variable: "HOME",
            us: User::of_number(7),
        }
    }

    fn found(change: impl FnOnce(&mut FolderFacts)) -> Vec<(Severity, Check)> {
        let mut folder = folder();
        change(&mut folder);
        findings_of(&folder).iter().map(|finding| (finding.severity, finding.check)).collect()
    }

    #[test]
    fn each_way_in_which_a_folder_can_be_unusable_is_told_apart() {
        use Severity::{Critical, Warning};
        let set = |folder: &mut FolderFacts, change: &dyn Fn(&mut Disk)| {
            let mut disk = folder.disk.unwrap();
            change(&mut disk);
            folder.disk = Some(disk);
        };
        let entry = |kind, uid, mode| Some(Entry { kind, owner: User::of_number(uid), mode });
        assert_eq!(found(|_| {}), []);
        assert_eq!(found(|f| f.entry = None), []);
        assert_eq!(found(|f| f.entry = entry(EntryKind::File, 7, 0o600)), [(Critical, Check::FolderKind)]);
        assert_eq!(found(|f| f.existing = std::env::current_exe().unwrap()), [(Critical, Check::FolderKind)]);
        assert_eq!(found(|f| f.us = User::of_number(8)), [(Critical, Check::FolderForeign)]);
        assert_eq!(found(|f| set(f, &|disk| disk.is_read_only = true)), [(Critical, Check::DiskReadOnly)]);
        assert_eq!(found(|f| f.may_write = false), [(Critical, Check::FolderUnwritable)]);
        assert_eq!(found(|f| set(f, &|disk| disk.free_bytes = 4096)), [(Critical, Check::DiskFull)]);
        assert_eq!(found(|f| set(f, &|disk| disk.free_files = Some(0))), [(Critical, Check::DiskFull)]);
        assert_eq!(found(|f| set(f, &|disk| disk.free_bytes = 100 << 20)), [(Warning, Check::DiskFull)]);
        assert_eq!(found(|f| set(f, &|disk| disk.network = Some("NFS"))), [(Warning, Check::NetworkDisk)]);
        let open = entry(EntryKind::Directory, 7, 0o755);
        assert_eq!(found(|f| f.entry = open.clone()), [(Warning, Check::FolderOpen)]);
        assert_eq!(found(|f| (f.entry, f.is_private) = (open, false)), []);
    }

    #[test]
    fn a_config_folder_that_every_user_can_write_to_is_named_and_closed() {
        let found = |mode, us| {
            let entry = Some(Entry { kind: EntryKind::Directory, owner: User::of_number(7), mode });
            examine_config(&FolderFacts { name: "config", entry, us: User::of_number(us), ..folder() })
        };
        for (mode, us) in [(0o755, 7), (0o775, 7), (0o1777, 7), (0o777, 8)] {
            assert!(found(mode, us).is_none(), "{mode:o} {us}");
        }
        let open = found(0o777, 7).unwrap();
        assert_eq!((open.severity, open.check), (Severity::Critical, Check::FolderOpen));
        assert_eq!(open.fix, Some(Fix::SetMode { path: "/".into(), mode: 0o755 }));
    }

    #[test]
    fn what_folders_share_is_said_once() {
        let mut folders = [folder(), folder()];
        for folder in &mut folders {
            folder.may_write = false;
        }
        let diagnosis = super::super::finding::Diagnosis::of(vec![examine(&folders)]);
        assert_eq!(diagnosis.findings.len(), 1);
        for (folder, path) in folders.iter_mut().zip(["/", "/usr"]) {
            folder.may_write = true;
            folder.path = path.into();
            folder.entry = Some(Entry { kind: EntryKind::Directory, owner: User::of_number(7), mode: 0o755 });
        }
        let diagnosis = super::super::finding::Diagnosis::of(vec![examine(&folders)]);
        assert_eq!(diagnosis.findings.len(), 2, "each has a mode of its own");
    }
}
