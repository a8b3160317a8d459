//! Log files: one a day, a further one if a day's grows too large; the oldest are removed.
//!
//! Not `tracing_appender::rolling`, because that neither sets the files' mode nor bounds their size.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The most bytes in one file, not counting the line that exceeds it.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The most files kept: with [`FILE_BYTES_MAX`] the log never takes more than 112 MiB.
const FILES_MAX: usize = 7;

const SECONDS_PER_DAY: u64 = 86_400;
const PREFIX: &str = "gateway.";
const SUFFIX: &str = ".log";

/// The newest log file in `log_dir`; `None` if there is none or the folder cannot be read.
pub fn newest_log(log_dir: &Path) -> Option<PathBuf> {
    list(log_dir).ok()?.pop().map(|name| log_dir.join(name.to_string()))
}

/// `gateway.<year>-<month>-<day>.log`, or `gateway.<date>.<number>.log` for a day's further files. Ordered by
/// age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    date: String,
    number: u32,
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let (date, number) = match inner.split_once('.') {
            Some((date, number)) => (date, number.parse().ok()?),
            None => (inner, 0),
        };
        let is_date = date.len() == 10 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        is_date.then(|| Self { date: date.to_owned(), number })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.number {
            0 => write!(f, "{PREFIX}{}{SUFFIX}", self.date),
            number => write!(f, "{PREFIX}{}.{number}{SUFFIX}", self.date),
        }
    }
}

/// The log's files, oldest first.
fn list(log_dir: &Path) -> io::Result<Vec<Name>> {
    let entries = fs::read_dir(log_dir)?.filter_map(Result::ok);
    let mut names: Vec<Name> = entries.filter_map(|entry| Name::parse(entry.file_name().to_str()?)).collect();
    names.sort_unstable();
    Ok(names)
}

/// The writer of log lines. One thread uses it, so a line is never split between files.
#[derive(Debug)]
pub(super) struct RollingFile {
    folder: PathBuf,
    file_bytes_max: u64,
    name: Name,
    file: File,
    bytes: u64,
}

impl RollingFile {
    /// Creates `folder` (0700) if it is missing, and opens today's file (0600) at its end.
    pub(super) fn open(folder: &Path, file_bytes_max: u64) -> io::Result<Self> {
        make_private_folder(folder)?;
        let name = find_newest(&today(), folder)?;
        let (file, bytes) = open_private(&folder.join(name.to_string()))?;
        let rolling = Self { folder: folder.to_owned(), file_bytes_max, name, file, bytes };
        rolling.prune();
        Ok(rolling)
    }

    fn roll(&mut self, name: Name) -> io::Result<()> {
        (self.file, self.bytes) = open_private(&self.folder.join(name.to_string()))?;
        self.name = name;
        self.prune();
        Ok(())
    }

    /// The file for the next line, if that is another one.
    fn next_name(&self, today: String) -> Option<Name> {
        if today != self.name.date {
            return Some(Name { date: today, number: 0 });
        }
        (self.bytes >= self.file_bytes_max).then(|| Name { date: today, number: self.name.number + 1 })
    }

    /// Best effort: a file that cannot be removed now is tried again at the next roll.
    fn prune(&self) {
        let names = list(&self.folder).unwrap_or_default();
        let surplus = names.len().saturating_sub(FILES_MAX);
        for name in &names[..surplus] {
            let _ = fs::remove_file(self.folder.join(name.to_string()));
        }
    }
}

impl Write for RollingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(name) = self.next_name(today()) {
            // If the new file cannot be opened, lines still go to the old one.
            let _ = self.roll(name);
        }
        // All of it, because the rest of a half-written line could land in the next file.
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn find_newest(date: &str, folder: &Path) -> io::Result<Name> {
    let newest = list(folder)?.into_iter().rfind(|name| name.date == date);
    Ok(newest.unwrap_or_else(|| Name { date: date.to_owned(), number: 0 }))
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    const FOLDER_MODE: u32 = 0o700;
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(FOLDER_MODE))
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

fn open_private(path: &Path) -> io::Result<(File, u64)> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

fn today() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date(since_epoch.as_secs() / SECONDS_PER_DAY)
}

/// The UTC date of a day counted from 1970-01-01, as `year-month-day`. Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>), whose year begins in March.
fn date(day: u64) -> String {
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        let cases = [(0, "1970-01-01"), (58, "1970-02-28"), (59, "1970-03-01"), (11_016, "2000-02-29")];
        for (day, expected) in cases.into_iter().chain([(20_453, "2025-12-31"), (20_454, "2026-01-01")]) {
            assert_eq!(date(day), expected);
        }
    }

    #[test]
    fn the_newest_log_is_found_by_date_and_number() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(newest_log(dir.path()), None);
        assert_eq!(newest_log(&dir.path().join("missing")), None);
        for name in ["gateway.2026-01-02.9.log", "gateway.2026-01-02.10.log", "gateway.2025-12-31.log"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::write(dir.path().join("gateway.zzz.log"), "").unwrap();
        assert_eq!(newest_log(dir.path()), Some(dir.path().join("gateway.2026-01-02.10.log")));
    }

    #[test]
    fn files_roll_by_size_and_the_oldest_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("gateway.2020-01-01.log"), "old").unwrap();
        fs::write(dir.path().join("stderr.log"), "not ours").unwrap();
        let mut file = RollingFile::open(dir.path(), 10).unwrap();
        for _ in 0..FILES_MAX * 2 {
            file.write_all(b"0123456789\n").unwrap();
        }
        let names = list(dir.path()).unwrap();
        assert_eq!(names.len(), FILES_MAX);
        assert!(names.iter().all(|name| name.date != "2020-01-01"));
        assert!(dir.path().join("stderr.log").exists());
    }

    #[test]
    fn a_restart_continues_in_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            RollingFile::open(dir.path(), FILE_BYTES_MAX).unwrap().write_all(b"line\n").unwrap();
        }
        assert_eq!(fs::read_to_string(newest_log(dir.path()).unwrap()).unwrap(), "line\nline\n");
    }

    #[test]
    fn a_new_day_begins_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = RollingFile::open(dir.path(), FILE_BYTES_MAX).unwrap();
        assert_eq!(file.next_name(today()), None);
        let next = file.next_name("9999-01-01".to_owned()).unwrap();
        assert_eq!(next.to_string(), "gateway.9999-01-01.log");
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_file_are_private() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a").join("logs");
        RollingFile::open(&folder, FILE_BYTES_MAX).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&newest_log(&folder).unwrap()), 0o600);
    }
}
