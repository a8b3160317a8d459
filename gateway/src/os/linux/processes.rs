//! Other processes of this user (proc(5)).

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::os::{Found, environment_of};

/// How many processes are looked at.
const PROCESSES_MAX: usize = 4096;

/// How much of a command line is read, in bytes.
const COMMAND_LINE_BYTES_MAX: u64 = 4096;

/// The file names of the programs that run as this user, with those of scripts; `None` where the system does not tell.
pub fn running_programs() -> Option<Vec<String>> {
    let own = rustix::process::geteuid().as_raw();
    let mut names = Vec::new();
    for entry in std::fs::read_dir("/proc").ok()?.filter_map(Result::ok).take(PROCESSES_MAX) {
        let folder = entry.path();
        let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        // One that has ended meanwhile is none.
        if !is_process || !std::fs::metadata(&folder).is_ok_and(|it| it.uid() == own) {
            continue;
        }
        let mut line = Vec::new();
        let Ok(file) = std::fs::File::open(folder.join("cmdline")) else { continue };
        if file.take(COMMAND_LINE_BYTES_MAX).read_to_end(&mut line).is_ok() {
            // The program, and the script that an interpreter runs.
            names.extend(line.split(|byte| *byte == 0).take(2).filter_map(file_name));
        }
    }
    Some(names)
}

/// Processes of this user whose program is called `name`, by process id; none where the system does not tell.
pub fn processes_named(name: &str) -> Vec<u32> {
    let ours = snowgate_link::os::user().number();
    let is_ours = |entry: &std::fs::DirEntry| entry.metadata().is_ok_and(|metadata| metadata.uid() == ours);
    let is_named = |entry: &std::fs::DirEntry| {
        std::fs::read_to_string(entry.path().join("comm")).is_ok_and(|found| found.trim_end() == name)
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pid = |entry: &std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut found: Vec<u32> = entries
        .filter_map(|entry| Some((pid(&entry)?, entry)))
        .filter(|(_, entry)| is_ours(entry) && is_named(entry))
        .map(|(pid, _)| pid)
        .collect();
    found.sort_unstable();
    found
}

/// The processes that were started with this value of the variable `name`; `None` where the system does not tell. Processes that
/// start and end meanwhile may be missed: look again.
///
/// Source: proc_pid_environ(5), proc_pid_exe(5). Between `execve` closing descriptors and the end of it, Linux gives a
/// process the new program but neither arguments nor environment.
pub fn processes_with(name: &str, value: &OsStr) -> Option<Found> {
    let mut found = Found::default();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that cannot be read is another user's, or has ended.
        let Some(environment) = environment_of(pid) else { continue };
        if environment.iter().any(|(its_name, its_value)| its_name == name && its_value == value) {
            found.pids.push(pid);
        } else if environment.is_empty() && is_starting(&entry.path()) {
            found.is_one_starting = true;
        }
    }
    Some(found)
}

/// Whether the process of `folder`, whose environment is empty, is a program of ours that is being started, and
/// not one that has ended, a thread of the kernel, or one that was started without variables.
fn is_starting(folder: &Path) -> bool {
    let Ok(program) = std::fs::read_link(folder.join("exe")) else { return false };
    let is_ours = program.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"snowgate"));
    let is_empty = |name: &str| std::fs::read(folder.join(name)).is_ok_and(|text| text.is_empty());
    // With arguments it may have its environment since the last look: that is for the next one to find.
    is_ours && (is_empty("cmdline") || !is_empty("environ"))
}

fn file_name(word: &[u8]) -> Option<String> {
    let word = String::from_utf8_lossy(word);
    Some(Path::new(word.as_ref()).file_name()?.to_string_lossy().into_owned())
}

/// When process `pid` started; `None` where none runs (one that only waits for its parent does not).
///
/// # Errors
/// The system could not be asked: no descriptors, no memory.
pub fn process_start(pid: u32) -> io::Result<Option<u64>> {
    // Fields as in proc(5). The second is the program's name in parentheses, which may hold anything.
    let stat = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let fields = stat.rfind(')').and_then(|end| stat.get(end + 1..));
    let mut fields = fields.unwrap_or_default().split_ascii_whitespace();
    let state = fields.next().unwrap_or_default();
    let born = fields.nth(18).and_then(|born| born.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((!matches!(state, "Z" | "X")).then_some(born))
}

/// Whether the error says that there is no such process: no such file, or one that ended while it was read.
fn is_absence(error: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_variable_alone() {
        let (name, value) = ("SNOWGATE_PROCESSES_TEST", std::process::id().to_string());
        let find = || processes_with(name, value.as_ref()).unwrap().pids;
        let spawn =
            |name: &str| std::process::Command::new("sleep").arg("60").env(name, &value).spawn().unwrap();
        let (mut child, mut other) = (spawn(name), spawn("SNOWGATE_PROCESSES_OTHER"));
        // `spawn` returns when the child's descriptors are closed, which is before it has its environment.
        let found = std::iter::repeat_with(find);
        let found = found.take(10_000).find(|found| !found.is_empty());
        for child in [&mut child, &mut other] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(found, Some(vec![child.id()]));
        assert_eq!(find(), Vec::<u32>::new());
    }

    #[test]
    fn a_program_of_ours_without_arguments_or_environment_is_being_started() {
        let folder = tempfile::tempdir().unwrap();
        let process = |program: &str, cmdline: &str, environ: &str| {
            let folder = tempfile::tempdir_in(&folder).unwrap();
            std::os::unix::fs::symlink(program, folder.path().join("exe")).unwrap();
            std::fs::write(folder.path().join("cmdline"), cmdline).unwrap();
            std::fs::write(folder.path().join("environ"), environ).unwrap();
            is_starting(folder.path())
        };
        assert!(process("/opt/snowgate-shim", "", ""));
        assert!(process("/opt/snowgate (deleted)", "", ""));
        assert!(process("/opt/snowgate", "snowgate\0serve\0", "HOME=/\0"), "it has both by now");
        assert!(!process("/opt/snowgate", "snowgate\0serve\0", ""), "it was started without variables");
        assert!(!process("/usr/bin/python3", "", ""), "another program");
        assert!(!is_starting(folder.path()), "it has ended");
    }
}
