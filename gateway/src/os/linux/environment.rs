//! The environment that another process was started with.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt;

/// An environment that is longer is not read, in bytes.
const ENVIRONMENT_BYTES_MAX: u64 = 4 << 20;

/// The variables that process `pid`, which is this user's, was started with; `None` where the system does not
/// tell. They may hold secrets: keep them no longer than they are looked at.
pub fn environment_of(pid: u32) -> Option<Vec<(OsString, OsString)>> {
    let mut text = Vec::new();
    let file = std::fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(ENVIRONMENT_BYTES_MAX).read_to_end(&mut text).ok()?;
    let pair = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b'=')?;
        Some((OsString::from_vec(line[..at].to_vec()), OsString::from_vec(line[at + 1..].to_vec())))
    };
    Some(text.split(|byte| *byte == 0).filter_map(pair).collect())
}
