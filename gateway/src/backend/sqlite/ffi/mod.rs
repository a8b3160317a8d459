//! The calls for which rusqlite has no safe function: naming a connection's main database, and bounding what
//! SQLite takes of memory and of the disk. Nothing outside this folder is unsafe.
#![allow(unsafe_code)]

mod heap;
mod name;
mod temp_files;

use std::sync::Once;

pub(super) use name::NamedConnection;
use rusqlite::ffi;

/// Has SQLite ask `budget` for memory and for temporary files. Call it before anything else uses SQLite: its
/// allocator cannot be replaced later. Further calls do nothing.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let heap = heap::install();
        let temp_files = temp_files::install();
        for (what, code) in [("memory", heap), ("temporary files", temp_files)] {
            if code != ffi::SQLITE_OK {
                tracing::error!(code, "SQLite's {what} cannot be bounded");
            }
        }
    });
}
