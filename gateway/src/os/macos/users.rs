//! The names of users, which are in no file here (getpwuid(3)).

use std::ffi::CStr;
use std::ptr;

use super::zeroed;

/// Bytes that an entry may have; a longer one is not read.
const ENTRY_BYTES_MAX: usize = 16 * 1024;

/// The name of a user of this system.
pub fn user_name(uid: u32) -> Option<String> {
    let mut text = vec![0; ENTRY_BYTES_MAX];
    // SAFETY: numbers and pointers, which may be null.
    let mut entry: libc::passwd = unsafe { zeroed() };
    let mut found = ptr::null_mut();
    // SAFETY: room for the entry, for as much text as is said, and for a pointer.
    let error =
        unsafe { libc::getpwuid_r(uid, &raw mut entry, text.as_mut_ptr(), text.len(), &raw mut found) };
    if error != 0 || found.is_null() {
        return None;
    }
    // SAFETY: of an entry that was found, the name is a text within `text` that ends with NUL.
    Some(unsafe { CStr::from_ptr(entry.pw_name) }.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_called_root() {
        assert_eq!(user_name(0).as_deref(), Some("root"));
        assert_eq!(user_name(0xdead_beef), None);
    }
}
