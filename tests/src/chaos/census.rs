//! What must not grow: descriptors, sessions, files and processes.

use std::path::{Path, PathBuf};

use super::actor::Actor;
use super::databases::DATABASES;
use crate::harness::Home;
use crate::harness::descriptors;
use warehouse::support::{last_within, patience};

/// Descriptors that a shim may have more of at the end than the one that had most at the start: none. It
/// holds its pipes, the pipe of its signals and its connection, before and after.
const SHIM_GROWTH_MAX: usize = 0;

/// Descriptors that a backend connection has at most: a database, its write-ahead log and its index, and the
/// same of a second one that is attached.
const CONNECTION_DESCRIPTORS_MAX: usize = 6;

/// Descriptors that the gateway may have more of at the end than the first one at the start, besides those of
/// its connections.
const GATEWAY_GROWTH_MAX: usize = 4;

/// The files that a run may leave besides those that were there when it began to go wrong.
const RUN_FILES: [&str; 6] = [
    "run",
    "run/gateway.lock",
    "run/start.lock",
    "run/gateway.stderr",
    "run/gateway.stderr.previous",
    "state/audit.head",
];

/// The folders of what is written on and on, file after file.
const SERIES: [&str; 2] = ["state/audit", "state/logs"];

/// What is there while nothing goes wrong.
#[derive(Debug)]
pub(super) struct Census {
    /// The descriptors of the shim that has most.
    shims: usize,
    /// The gateway's, without those of its sessions.
    gateway: usize,
    files: Vec<PathBuf>,
}

impl Census {
    /// Counts while every client has its connection and none asks anything.
    ///
    /// # Panics
    /// No gateway runs, or sessions are left of shims that are gone.
    pub(super) fn take(home: &Home, actors: &[Actor<'_>]) -> Self {
        let sessions =
            home.sessions_until("each client has one session", |sessions| sessions.len() == actors.len());
        let gateway = descriptors(home.gateway_pid()).expect("a running gateway");
        Self {
            shims: actors.iter().filter_map(|actor| descriptors(actor.pid())).max().unwrap_or(0),
            gateway: gateway.saturating_sub(sessions.len()),
            files: home.files(),
        }
    }

    /// What there is more of in `later` than there may be.
    pub(super) fn growth(&self, later: &Self, connections_max: usize) -> Vec<String> {
        let mut grown = Vec::new();
        if later.shims > self.shims + SHIM_GROWTH_MAX {
            grown.push(format!("a shim has {} descriptors, at first {}", later.shims, self.shims));
        }
        let gateway_max = self.gateway + connections_max * CONNECTION_DESCRIPTORS_MAX + GATEWAY_GROWTH_MAX;
        if later.gateway > gateway_max {
            grown.push(format!(
                "the gateway has {} descriptors besides those of its sessions, at first {}",
                later.gateway, self.gateway
            ));
        }
        grown
    }

    /// Waits until nothing runs in `home`, and gives what is left there that should not be.
    pub(super) fn left_behind(&self, home: &Home) -> Vec<String> {
        let processes = last_within(patience(), || home.processes(), Vec::is_empty);
        let mut left: Vec<String> =
            processes.iter().map(|process| format!("{process:?} is left behind")).collect();
        let files = home.files().into_iter().filter(|file| !self.may_stay(file));
        left.extend(files.map(|file| format!("the file {} is left behind", file.display())));
        left
    }

    fn may_stay(&self, file: &Path) -> bool {
        let is_run_file = RUN_FILES.iter().any(|name| file == Path::new(name));
        let was_there = !file.starts_with("run") && self.files.iter().any(|known| known == file);
        let is_next = series(file).is_some() && self.files.iter().any(|known| series(known) == series(file));
        is_run_file || was_there || is_next || is_of_sqlite(file)
    }
}

/// What the files of a stream, or of the audit trail, have in common: a full one is followed by the next, whose name differs in its
/// day and number.
fn series(file: &Path) -> Option<(&Path, &str)> {
    let folder = file.parent().filter(|folder| SERIES.iter().any(|series| *folder == Path::new(series)))?;
    Some((folder, file.file_name()?.to_str()?.split('.').next()?))
}

/// The write-ahead log and the index that a killed gateway leaves beside a database.
fn is_of_sqlite(file: &Path) -> bool {
    let names = DATABASES.iter().flat_map(|name| [format!("{name}.db-wal"), format!("{name}.db-shm")]);
    file.parent() == Some(Path::new("data/databases")) && names.into_iter().any(|name| file.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(shims: usize, gateway: usize, files: &[&str]) -> Census {
        Census { shims, gateway, files: files.iter().map(PathBuf::from).collect() }
    }

    #[test]
    fn more_descriptors_are_told() {
        let before = census(8, 30, &[]);
        assert_eq!(before.growth(&census(8, 30, &[]), 0), Vec::<String>::new());
        assert_eq!(before.growth(&census(9, 30, &[]), 0).len(), 1);
        assert_eq!(before.growth(&census(8, 30 + GATEWAY_GROWTH_MAX + 1, &[]), 0).len(), 1);
    }

    #[test]
    fn only_known_files_may_stay() {
        let there = ["state/known", "run/gateway.sock", "run/g.123", "state/audit/audit.00000001.jsonl"];
        let before = census(0, 0, &there);
        let next = "state/audit/audit.00000002.jsonl";
        for file in ["state/known", "run/start.lock", "data/databases/ALPHA.db-wal", next] {
            assert!(before.may_stay(Path::new(file)), "{file}");
        }
        let other = "state/audit/note.00000002.jsonl";
        for file in ["state/unknown", "run/gateway.sock", "run/g.123", "run/g.124", "ALPHA.db-wal", other] {
            assert!(!before.may_stay(Path::new(file)), "{file}");
        }
    }
}
