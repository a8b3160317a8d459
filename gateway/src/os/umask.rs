//! The mask of this process's files: all that it makes is private, but for the few files that are not its user's alone.

use std::sync::OnceLock;

use snowgate_link::os;

/// That of the caller, from before [`make_files_private`].
static OF_CALLER: OnceLock<u32> = OnceLock::new();

/// Makes every folder and file that this process creates, and those it starts, private to the user.
pub fn make_files_private() {
    let before = os::make_files_private();
    // Called again, it finds its own mask.
    OF_CALLER.get_or_init(|| before);
}

/// The mask with which this process was started; private as long as [`make_files_private`] has not run.
pub fn umask_of_caller() -> u32 {
    OF_CALLER.get().copied().unwrap_or(0o077)
}
