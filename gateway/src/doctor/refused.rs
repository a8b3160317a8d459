//! Passwords that `doctor` was refused: who and when, so that another run does not lock the user. Nothing of the password is kept.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use snowgate_link::os;

use super::network::now_s;
use crate::backend::snowflake::SnowflakeSettings;

/// How long a refused password counts, in seconds: as long as in a gateway.
const COUNTS_FOR_S: i64 = 600;

/// Bytes of the file, at most, and lines that are kept.
const FILE_BYTES_MAX: u64 = 16 << 10;
const LINES_MAX: usize = 64;

const FILE: &str = "doctor.refused";

/// Whose passwords were refused.
#[derive(Debug)]
pub(super) struct RefusedPasswords {
    path: PathBuf,
    /// Account and user, and when, in seconds since 1970.
    lines: Vec<(String, i64)>,
    /// Those that do not count in this run, and are kept for the next one.
    overridden: Vec<(String, i64)>,
}

fn who(settings: &SnowflakeSettings) -> String {
    format!("{}/{}", settings.account.as_str(), settings.user.to_uppercase())
        .replace(char::is_whitespace, "_")
}

impl RefusedPasswords {
    /// Those in the state folder that still count.
    pub(super) fn read(state: &Path) -> Self {
        let path = state.join(FILE);
        let is_small =
            fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= FILE_BYTES_MAX);
        let text = if is_small { fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
        let line = |line: &str| {
            let (at, who) = line.split_once(' ')?;
            Some((who.to_owned(), at.parse().ok()?))
        };
        let now = now_s();
        let counts = |(_, at): &(String, i64)| (now - COUNTS_FOR_S..=now).contains(at);
        let lines = text.lines().filter_map(line).filter(counts).collect();
        Self { path, lines, overridden: Vec::new() }
    }

    /// What was refused until now does not count: it is sent again, once.
    pub(super) fn overriding_earlier(self) -> Self {
        Self { overridden: self.lines, lines: Vec::new(), ..self }
    }

    /// Whether a password of this user was refused.
    pub(super) fn has(&self, settings: &SnowflakeSettings) -> bool {
        let who = who(settings);
        self.lines.iter().any(|(known, _)| *known == who)
    }

    /// One was refused just now.
    pub(super) fn note(&mut self, settings: &SnowflakeSettings) {
        self.lines.push((who(settings), now_s()));
        self.write();
    }

    /// One was taken.
    pub(super) fn forget(&mut self, settings: &SnowflakeSettings) {
        let who = who(settings);
        let all = self.lines.len() + self.overridden.len();
        for lines in [&mut self.lines, &mut self.overridden] {
            lines.retain(|(known, _)| *known != who);
        }
        if self.lines.len() + self.overridden.len() < all {
            self.write();
        }
    }

    /// Where that cannot be written, the next run does not know.
    fn write(&self) {
        let lines = self.overridden.iter().chain(&self.lines);
        let skip = lines.clone().count().saturating_sub(LINES_MAX);
        let text: String = lines.skip(skip).map(|(who, at)| format!("{at} {who}\n")).collect();
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let _ = fs::create_dir_all(folder)
            .and_then(|()| os::open_private(&self.path, true))
            .and_then(|mut file| file.write_all(text.as_bytes()));
    }
}
