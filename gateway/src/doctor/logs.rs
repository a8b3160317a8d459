//! The last errors of the log, grouped.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::check::{Area, Check};
use super::finding::{Examined, Finding};
use crate::streams::{Line, StreamName, Timestamp, newest_log};

/// Bytes of the end of the stream that are read.
const TAIL_BYTES_MAX: u64 = 256 << 10;

/// Errors that are named, the newest, and characters of each.
const NAMED_MAX: usize = 5;
const CHARS_MAX: usize = 240;

/// How old they may be.
const AGE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Errors that say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErrorGroup {
    said: String,
    times: usize,
    /// As lines have it.
    last: String,
}

/// What is known of the log.
pub(super) type LogFacts = Vec<ErrorGroup>;

/// Looks.
pub(super) fn gather(log_dir: &Path) -> LogFacts {
    let Some(file) = newest_log(log_dir, StreamName::Error) else { return Vec::new() };
    let text = tail(&file, TAIL_BYTES_MAX).unwrap_or_default();
    let since = SystemTime::now().checked_sub(AGE_MAX).unwrap_or(SystemTime::UNIX_EPOCH);
    group(&text, &Timestamp(since).to_string())
}

/// The end of a file, from the beginning of a line; `bytes_max` at most.
pub(super) fn tail(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(bytes_max);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(match text.split_once('\n') {
        Some((_, whole)) if start > 0 => whole.to_owned(),
        _ => text,
    })
}

/// The errors in `text` that are not older than `since`, the newest last.
fn group(text: &str, since: &str) -> Vec<ErrorGroup> {
    let mut groups: VecDeque<ErrorGroup> = VecDeque::new();
    let lines = text.lines().filter_map(Line::read);
    for line in lines.filter(|line| line.level == "ERROR" && line.timestamp.as_str() >= since) {
        let error = line.field("error").and_then(|error| error.as_str()).unwrap_or_default();
        let said = if error.is_empty() { line.message.clone() } else { format!("{}: {error}", line.message) };
        let said: String =
            said.chars().map(|char| if char.is_control() { ' ' } else { char }).take(CHARS_MAX).collect();
        let times = match groups.iter().position(|group| group.said == said) {
            Some(at) => groups.remove(at).map_or(0, |group| group.times),
            None => 0,
        };
        groups.push_back(ErrorGroup { said, times: times + 1, last: line.timestamp });
        if groups.len() > NAMED_MAX {
            groups.pop_front();
        }
    }
    groups.into()
}

/// What the log says.
pub(super) fn examine(log_dir: &Path, groups: &LogFacts) -> Examined {
    let findings = groups.iter().rev().map(|group| {
        let times = if group.times == 1 { "once".to_owned() } else { format!("{} times", group.times) };
        Finding::note(Check::LoggedErrors, format!("logged {times} within a day: {}", group.said))
            .because(format!("last at {}", group.last))
            .mended_by("snowgate logs --stream error")
    });
    let said = format!("{} kinds of errors within a day", groups.len());
    Examined::new(Area::Logs, said).with_details(vec![log_dir.display().to_string()]).with(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(time: &str, level: &str, message: &str) -> String {
        format!(
            "{{\"timestamp\":\"2027-01-01T{time}:00.000000Z\",\"level\":\"{level}\",\"message\":\"{message}\"}}\n"
        )
    }

    #[test]
    fn errors_that_say_the_same_are_one_and_old_ones_none() {
        let text = [
            line("09:00", "ERROR", "old"),
            line("10:00", "ERROR", "a"),
            line("10:01", "ERROR", "b"),
            line("10:02", "WARN", "c"),
            line("10:03", "ERROR", "a"),
        ];
        let groups = group(&text.concat(), "2027-01-01T10:00:00.000000Z");
        let shown: Vec<_> = groups.iter().map(|group| (group.said.as_str(), group.times)).collect();
        assert_eq!(shown, [("b", 1), ("a", 2)]);
        let many: String = (0..20).map(|at| line("10:00", "ERROR", &format!("e{at}"))).collect();
        assert_eq!(group(&many, "").len(), NAMED_MAX);
    }

    #[test]
    fn only_whole_lines_of_the_end_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "first\nsecond\nthird\n").unwrap();
        assert_eq!(tail(&path, 10).unwrap(), "third\n");
        assert_eq!(tail(&path, 100).unwrap(), "first\nsecond\nthird\n");
    }
}
