//! Which file systems are a network's.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Names of network file systems (mount(8)).
const NETWORKS: [(&str, &str); 5] =
    [("nfs", "NFS"), ("smbfs", "SMB"), ("afpfs", "AFP"), ("webdav", "WebDAV"), ("ftp", "FTP")];

/// The kind of the network's file system behind `path`, if it is one.
pub(in crate::os) fn network_of(path: &Path) -> Option<&'static str> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: numbers and arrays of numbers.
    let mut found: libc::statfs = unsafe { super::zeroed() };
    // SAFETY: a text that ends with NUL, and room for the structure.
    if unsafe { libc::statfs(path.as_ptr(), &raw mut found) } != 0 {
        return None;
    }
    // SAFETY: the system ends the name with NUL within the array.
    let name = unsafe { CStr::from_ptr(found.f_fstypename.as_ptr()) }.to_string_lossy();
    let known = NETWORKS.iter().find(|(known, _)| *known == name).map(|(_, shown)| *shown);
    let is_local = found.f_flags & libc::MNT_LOCAL.cast_unsigned() != 0;
    known.or((!is_local).then_some("network"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_is_on_this_machine() {
        assert_eq!(network_of(&std::env::temp_dir()), None);
    }
}
