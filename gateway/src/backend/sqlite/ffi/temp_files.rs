//! SQLite's default file system, with one difference: what a thread writes to temporary files is counted by
//! `budget`, and refused beyond it.
//!
//! An open file is the original's, followed by a [`Tail`]. A temporary file has methods of ours, which count
//! and call the original's; any other file is the original's alone.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use super::super::budget;

/// Files that are gone when they are closed, in the words of SQLite's flags.
const TEMPORARY: c_int = ffi::SQLITE_OPEN_TEMP_DB
    | ffi::SQLITE_OPEN_TRANSIENT_DB
    | ffi::SQLITE_OPEN_TEMP_JOURNAL
    | ffi::SQLITE_OPEN_SUBJOURNAL;

static ORIGINAL: OnceLock<Original> = OnceLock::new();

/// The file system that SQLite would use by itself.
struct Original(*mut sqlite3_vfs);

// SAFETY: SQLite shares its file systems among threads by these very pointers, and never frees this one.
unsafe impl Send for Original {}
// SAFETY: as above.
unsafe impl Sync for Original {}

/// What we keep behind the original's part of a temporary file.
struct Tail {
    original: *const sqlite3_io_methods,
    methods: sqlite3_io_methods,
    bytes: u64,
}

/// Makes ours the default for files that are opened from now on; returns SQLite's code.
pub(super) fn install() -> c_int {
    // SAFETY: SQLite is initialized first; the default's table stays where it is. Ours is leaked, because
    // SQLite keeps the pointer for good.
    unsafe {
        let code = ffi::sqlite3_initialize();
        let default = ffi::sqlite3_vfs_find(ptr::null());
        if code != ffi::SQLITE_OK || default.is_null() {
            return code;
        }
        let mut ours = *default;
        if ORIGINAL.set(Original(default)).is_err() {
            return ffi::SQLITE_MISUSE;
        }
        ours.szOsFile = c_int::try_from(tail_offset() + size_of::<Tail>()).unwrap_or(c_int::MAX);
        ours.zName = c"snowgate".as_ptr();
        ours.pNext = ptr::null_mut();
        ours.xOpen = Some(open);
        ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1)
    }
}

fn original() -> *mut sqlite3_vfs {
    ORIGINAL.get().map_or(ptr::null_mut(), |original| original.0)
}

/// Where the tail begins: behind the original's part, aligned.
fn tail_offset() -> usize {
    // SAFETY: the table is alive and not written any more.
    let size = unsafe { original().as_ref() }.map_or(0, |vfs| vfs.szOsFile);
    usize::try_from(size).unwrap_or(0).next_multiple_of(align_of::<Tail>())
}

/// # Safety
/// `file` was opened by [`open`], with methods of ours, and is used by this thread alone.
unsafe fn tail<'a>(file: *mut sqlite3_file) -> &'a mut Tail {
    // SAFETY: SQLite allocates `szOsFile` bytes, aligned to eight, and `open` wrote the tail.
    unsafe { &mut *file.cast::<u8>().add(tail_offset()).cast::<Tail>() }
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: the arguments are SQLite's, passed on to the file system that they are meant for. Where it sets
    // no methods, the file is not open and is not touched again.
    unsafe {
        let Some(open) = (*original()).xOpen else { return ffi::SQLITE_CANTOPEN };
        let code = open(original(), name, file, flags, out);
        let original = (*file).pMethods;
        if flags & TEMPORARY == 0 || original.is_null() {
            return code;
        }
        let mut methods = *original;
        methods.xClose = Some(close);
        methods.xWrite = Some(write);
        methods.xTruncate = Some(truncate);
        let place = file.cast::<u8>().add(tail_offset()).cast::<Tail>();
        place.write(Tail { original, methods, bytes: 0 });
        (*file).pMethods = &raw const (*place).methods;
        code
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the file is open. The original clears its own part.
    unsafe {
        let tail = tail(file);
        budget::release_temporary(tail.bytes);
        match (*tail.original).xClose {
            Some(close) => close(file),
            None => ffi::SQLITE_OK,
        }
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    data: *const c_void,
    bytes: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: the file is open, and the arguments are SQLite's.
    unsafe {
        let tail = tail(file);
        let end = u64::try_from(offset.saturating_add(bytes.into())).unwrap_or(0);
        let growth = end.saturating_sub(tail.bytes);
        if !budget::charge_temporary(growth) {
            return ffi::SQLITE_FULL;
        }
        tail.bytes += growth;
        match (*tail.original).xWrite {
            Some(write) => write(file, data, bytes, offset),
            None => ffi::SQLITE_IOERR_WRITE,
        }
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: the file is open.
    unsafe {
        let tail = tail(file);
        let less = tail.bytes.saturating_sub(u64::try_from(size).unwrap_or(0));
        budget::release_temporary(less);
        tail.bytes -= less;
        match (*tail.original).xTruncate {
            Some(truncate) => truncate(file, size),
            None => ffi::SQLITE_IOERR_TRUNCATE,
        }
    }
}
