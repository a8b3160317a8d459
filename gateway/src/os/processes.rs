//! Other processes of this user.

use std::path::Path;

/// How many processes are looked at.
const PROCESSES_MAX: usize = 4096;

/// How much of a command line is read, in bytes.
const COMMAND_LINE_BYTES_MAX: u64 = 4096;

/// The file names of the programs that run as this user, with those of scripts; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn running_programs() -> Option<Vec<String>> {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;
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

/// See above.
#[cfg(not(target_os = "linux"))]
pub fn running_programs() -> Option<Vec<String>> {
    let _ = (PROCESSES_MAX, COMMAND_LINE_BYTES_MAX, file_name as fn(&[u8]) -> Option<String>);
    None
}

/// Processes of this user whose program is called `name`, by process id; none where the system does not tell.
#[cfg(target_os = "linux")]
pub fn processes_named(name: &str) -> Vec<u32> {
    use std::os::unix::fs::MetadataExt as _;

    let ours = snowgate_link::os::euid();
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

/// See above.
#[cfg(not(target_os = "linux"))]
pub fn processes_named(_name: &str) -> Vec<u32> {
    Vec::new()
}

fn file_name(word: &[u8]) -> Option<String> {
    let word = String::from_utf8_lossy(word);
    Some(Path::new(word.as_ref()).file_name()?.to_string_lossy().into_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_one_that_runs() {
        let own = std::env::current_exe().unwrap();
        let name = own.file_name().unwrap().to_string_lossy().into_owned();
        assert!(running_programs().unwrap().contains(&name));
    }
}
