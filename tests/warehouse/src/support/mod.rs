//! What the stand-in shares with the tests that use it: how long anything may take, and where the files of
//! the tests are. It lives here because this is the lowest of their packages.

mod folder;
mod wait;

pub use folder::tests_dir;
pub use wait::{eventually, eventually_within, last_within, patience, until};
