//! Users by their security identifiers.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::OnceLock;

use windows_sys::Win32::Security::{GetTokenInformation, TOKEN_QUERY, TOKEN_USER, TokenUser};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::check;
use super::security::written;

/// Room for a `TOKEN_USER` and its identifier (SECURITY_MAX_SID_SIZE is 68 bytes), in words, so that it is aligned.
const TOKEN_USER_WORDS: usize = 16;

/// A user of the system; it is shown as its security identifier (`S-1-5-21-…`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(pub String);

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl User {
    /// One with this number, of no machine or domain: for samples of messages.
    pub fn of_number(number: u32) -> Self {
        Self(number.to_string())
    }

    /// The last part of the identifier, which tells the users of one machine or domain apart.
    pub fn number(&self) -> u32 {
        self.0.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// The user of this process.
pub fn user() -> User {
    static OWN: OnceLock<User> = OnceLock::new();
    OWN.get_or_init(|| {
        // SAFETY: a pseudo handle, which is always valid.
        let own = unsafe { GetCurrentProcess() };
        // Every process has a token that it may look at. Without one nothing is this user's: all checks fail.
        user_of(own).unwrap_or_else(|_| User("S-1-0-0".to_owned()))
    })
    .clone()
}

/// The user of a process, of which there is a handle that allows to ask for that.
pub(super) fn user_of(process: *mut std::ffi::c_void) -> io::Result<User> {
    let mut token = ptr::null_mut();
    // SAFETY: a handle that the caller holds, and room for another.
    check(unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) })?;
    // SAFETY: it was just opened, and nothing else knows it.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    let mut words = [0_u64; TOKEN_USER_WORDS];
    let mut used = 0;
    // SAFETY: as many bytes of room as are said.
    check(unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            words.as_mut_ptr().cast(),
            u32::try_from(size_of_val(&words)).unwrap_or(0),
            &raw mut used,
        )
    })?;
    // SAFETY: the call has written a TOKEN_USER there, whose identifier lies behind it.
    let sid = unsafe { (*words.as_ptr().cast::<TOKEN_USER>()).User.Sid };
    // SAFETY: an identifier of the token, in the room above.
    unsafe { written(sid) }.map(User)
}
