//! Arguments and environment of another process: `KERN_PROCARGS2` of sysctl(3). Only root is told those of other users.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::ptr;

/// What is longer is not read, in bytes: the system allows 1 MiB (`ARG_MAX`).
const BYTES_MAX: usize = 4 << 20;

/// What a process was started with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Started {
    /// With the program's name before the others.
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
}

/// The variables that process `pid`, which is this user's, was started with; `None` where the system does not
/// tell. They may hold secrets: keep them no longer than they are looked at.
pub fn environment_of(pid: u32) -> Option<Vec<(OsString, OsString)>> {
    started(pid).map(|started| started.environment)
}

/// What process `pid` was started with; `None` where the system does not tell.
pub(super) fn started(pid: u32) -> Option<Started> {
    let mut name = [libc::CTL_KERN, libc::KERN_PROCARGS2, i32::try_from(pid).ok()?];
    let mut bytes = vec![0_u8; argument_bytes_max()?.min(BYTES_MAX)];
    let mut length = bytes.len();
    // SAFETY: a name of three parts, and as much room as `length` says; the last two say that nothing is changed.
    let done = unsafe {
        libc::sysctl(name.as_mut_ptr(), 3, bytes.as_mut_ptr().cast(), &raw mut length, ptr::null_mut(), 0)
    };
    (done == 0).then(|| parse(bytes.get(..length)?)).flatten()
}

/// How many bytes arguments and environment may have (`KERN_ARGMAX`).
fn argument_bytes_max() -> Option<usize> {
    let mut name = [libc::CTL_KERN, libc::KERN_ARGMAX];
    let (mut number, mut length) = (0_i32, size_of::<i32>());
    // SAFETY: a name of two parts, and room for a number.
    let done = unsafe {
        libc::sysctl(name.as_mut_ptr(), 2, (&raw mut number).cast(), &raw mut length, ptr::null_mut(), 0)
    };
    usize::try_from(number).ok().filter(|_| done == 0)
}

/// The number of arguments, the program's path, zeros, the arguments and the variables, each with a zero behind it. Other words
/// follow behind an empty one.
fn parse(bytes: &[u8]) -> Option<Started> {
    let (count, rest) = bytes.split_first_chunk()?;
    let count = usize::try_from(i32::from_ne_bytes(*count)).ok()?;
    let path = rest.iter().position(|byte| *byte == 0)?;
    let zeros = rest[path..].iter().take_while(|byte| **byte == 0).count();
    let mut words = rest[path + zeros..].split(|byte| *byte == 0).map(OsStr::from_bytes);
    let arguments: Vec<OsString> = words.by_ref().take(count).map(OsStr::to_owned).collect();
    let environment = words.take_while(|word| !word.is_empty()).filter_map(|word| {
        let word = word.as_bytes();
        let at = word.iter().position(|byte| *byte == b'=')?;
        Some((OsStr::from_bytes(&word[..at]).to_owned(), OsStr::from_bytes(&word[at + 1..]).to_owned()))
    });
    let environment = environment.collect();
    (arguments.len() == count).then_some(Started { arguments, environment })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_environment_are_told_apart() {
        let bytes = [&2_i32.to_ne_bytes()[..], b"/bin/x\0\0\0\0x\0\0A=1\0B=b=c\0\0stack_guard=1\0"].concat();
        let started = parse(&bytes).unwrap();
        assert_eq!(started.arguments, ["x", ""]);
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        assert_eq!(started.environment, [pair("A", "1"), pair("B", "b=c")]);
        for short in [&b""[..], &[0, 0, 0, 0], &[9, 0, 0, 0, b'x', 0, b'y', 0]] {
            assert_eq!(parse(short), None, "{short:?}");
        }
    }

    #[test]
    fn this_process_is_told_its_own() {
        let started = started(std::process::id()).unwrap();
        assert_eq!(started.arguments.first(), std::env::args_os().next().as_ref());
        assert!(started.environment.iter().any(|(name, _)| name == "PATH"));
    }
}
