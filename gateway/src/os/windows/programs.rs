//! Other programs: found, started without a window, read without waiting.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read};
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;

use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;
use windows_sys::Win32::UI::Shell::ShellExecuteW;
use windows_sys::Win32::UI::WindowsAndMessaging::SW_SHOWNORMAL;

use crate::os::Browser;
use snowgate_link::os::{look_into, wide};

/// What has a handle.
pub(in crate::os) use std::os::windows::io::AsRawHandle as Handle;

/// Where programs are looked for if `PATH` is not set.
pub(in crate::os) const DEFAULT_PATH: &str = r"C:\Windows\System32";

/// What the names of programs end with if `PATHEXT` is not set.
const DEFAULT_ENDINGS: &str = ".COM;.EXE;.BAT;.CMD";

/// The program's file: `path` itself if its name ends as programs' do, or with such an ending behind it.
pub(in crate::os) fn program_file(path: &Path) -> Option<PathBuf> {
    let endings = std::env::var("PATHEXT").ok().filter(|text| !text.is_empty());
    program_with(path, endings.as_deref().unwrap_or(DEFAULT_ENDINGS))
}

fn program_with(path: &Path, endings: &str) -> Option<PathBuf> {
    let endings = endings.split(';').filter_map(|ending| ending.strip_prefix('.'));
    let has = |ending: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    let names = endings.flat_map(|ending| {
        let whole = has(ending).then(|| path.to_owned());
        let mut longer = OsString::from(path);
        longer.push(".");
        longer.push(ending.to_lowercase());
        whole.into_iter().chain([PathBuf::from(longer)])
    });
    names.into_iter().find(|file| file.is_file())
}

/// There are no signals to be let through; a program that this process starts has no window.
pub fn unblock_signals_in(command: &mut Command) -> &mut Command {
    command.creation_flags(CREATE_NO_WINDOW)
}

/// [`read_ready`] never waits.
pub(in crate::os) fn read_without_waiting(_pipe: &impl Handle) -> io::Result<()> {
    Ok(())
}

/// Reads what is there; `WouldBlock`: nothing just now. 0: the other end is closed.
pub(in crate::os) fn read_ready(pipe: &mut (impl Read + Handle), bytes: &mut [u8]) -> io::Result<usize> {
    match look_into(pipe) {
        Ok(0) => Err(ErrorKind::WouldBlock.into()),
        Ok(available) => {
            let room = bytes.len().min(usize::try_from(available).unwrap_or(usize::MAX));
            pipe.read(&mut bytes[..room])
        }
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(error),
    }
}

/// For tests: what runs as long as its stdin, a pipe, is open.
#[cfg(test)]
pub fn program_that_waits() -> Command {
    let mut command = Command::new("cmd");
    command.args(["/d", "/c", "pause"]);
    command
}

/// What opens addresses where the user has not said it: the system, which knows the user's browser.
pub(in crate::os) fn system_browser() -> Option<Browser> {
    Some(Browser::System)
}

/// Opens `address` in the user's browser. By a call: in a command line for `cmd`, `&` and `%` would have a meaning.
///
/// # Errors
/// The system's, or it is no address of a page.
pub fn open_in_browser(address: &str) -> io::Result<()> {
    // Anything else could name a program.
    if !address.starts_with("https://") && !address.starts_with("http://") {
        return Err(ErrorKind::InvalidInput.into());
    }
    let (verb, address) = (wide("open"), wide(OsStr::new(address)));
    // SAFETY: texts that end with NUL; no window, no arguments, no folder.
    let result = unsafe {
        ShellExecuteW(
            ptr::null_mut(),
            verb.as_ptr(),
            address.as_ptr(),
            ptr::null(),
            ptr::null(),
            SW_SHOWNORMAL,
        )
    };
    // Numbers up to 32 are errors (ShellExecuteW).
    if result.addr() > 32 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::os::programs::find_program;
    use crate::os::{RunError, run_bounded};

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_is_found_by_the_endings_of_programs() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["tool.exe", "tool", "script.cmd", "named.exe.bat", "text.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let path = folder.path().as_os_str();
        let find = |name: &str| Some(find_program(Path::new(name), path).ok()?.file_name()?.to_owned());
        assert_eq!(find("tool"), Some("tool.exe".into()));
        assert_eq!(find("tool.exe"), Some("tool.exe".into()));
        assert_eq!(find("script"), Some("script.cmd".into()));
        assert_eq!(find("named.exe"), Some("named.exe.bat".into()));
        assert_eq!((find("text"), find("text.txt"), find("none")), (None, None, None));
        assert!(find_program(Path::new("tool"), OsStr::new(".;;x")).is_err(), "not in the current folder");
    }

    fn cmd(script: &str, bound: Duration) -> Result<crate::os::Said, RunError> {
        let mut command = crate::os::program("cmd").unwrap();
        command.arg("/d").arg("/c").raw_arg(script);
        run_bounded(&mut command, bound, 64)
    }

    #[test]
    fn what_it_says_is_read_up_to_a_bound() {
        let said = cmd("echo fine& echo odd>&2& exit 3", LONG).unwrap();
        assert_eq!((said.out.trim(), said.err.trim(), said.status.code()), ("fine", "odd", Some(3)));
        let much = cmd("for /l %i in (1,1,200) do @echo 0123456789", LONG).unwrap();
        assert_eq!(much.out.len(), 64);
    }

    #[test]
    fn one_that_hangs_is_ended_with_what_it_has_started() {
        let began = Instant::now();
        // It waits for an answer that does not come: the other one's standard input is a pipe of its own.
        let slow = cmd("cmd /d /c for /l %i in () do @rem", Duration::from_millis(500)).unwrap_err();
        assert!(matches!(slow, RunError::Slow { .. }), "{slow}");
        assert!(began.elapsed() < LONG);
        let missing = run_bounded(&mut Command::new(r"C:\nowhere\program.exe"), LONG, 64).unwrap_err();
        assert!(matches!(missing, RunError::Io(_)), "{missing}");
    }

    #[test]
    fn only_addresses_of_pages_are_opened() {
        for other in ["calc.exe", "file:///C:/Windows/System32/calc.exe", "", "javascript:1"] {
            assert_eq!(open_in_browser(other).unwrap_err().kind(), ErrorKind::InvalidInput, "{other}");
        }
    }
}
