//! SQLite's allocator: that of the process, asked by way of `budget`.
//!
//! Each block has its size in the eight bytes before it, as with SQLite's own default.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ffi::{c_int, c_void};
use std::ptr;

use rusqlite::ffi;

use super::super::budget;

/// Bytes before a block. SQLite asks for blocks that are aligned to eight bytes.
const HEADER_BYTES: usize = 8;

static METHODS: Methods = Methods(ffi::sqlite3_mem_methods {
    xMalloc: Some(allocate),
    xFree: Some(free),
    xRealloc: Some(reallocate),
    xSize: Some(size),
    xRoundup: Some(round_up),
    xInit: Some(initialize),
    xShutdown: Some(shut_down),
    pAppData: ptr::null_mut(),
});

struct Methods(ffi::sqlite3_mem_methods);

// SAFETY: the table is never written, and its one pointer is null.
unsafe impl Sync for Methods {}

/// Replaces SQLite's allocator; returns SQLite's code.
pub(super) fn install() -> c_int {
    // SAFETY: MALLOC takes one `const sqlite3_mem_methods *`, which SQLite copies; MEMSTATUS takes one int.
    // SQLite refuses both if it is in use. Its own statistics are off because nothing reads them, and they
    // take a lock of the whole process for each block.
    unsafe {
        let code = ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const METHODS.0);
        if code != ffi::SQLITE_OK {
            return code;
        }
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0 as c_int)
    }
}

/// The whole block of `bytes` usable bytes.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(HEADER_BYTES)?, HEADER_BYTES).ok()
}

unsafe extern "C" fn allocate(bytes: c_int) -> *mut c_void {
    let Ok(bytes) = usize::try_from(bytes) else { return ptr::null_mut() };
    let Some(layout) = layout(bytes).filter(|_| budget::charge(bytes)) else { return ptr::null_mut() };
    // SAFETY: the layout has eight bytes at least.
    let block = unsafe { alloc(layout) };
    if block.is_null() {
        budget::release(bytes);
        return ptr::null_mut();
    }
    // SAFETY: the block is aligned for the header and longer than it.
    unsafe {
        block.cast::<usize>().write(bytes);
        block.add(HEADER_BYTES).cast()
    }
}

/// The start of the block that SQLite knows as `pointer`, and its usable bytes.
///
/// # Safety
/// `pointer` comes from [`allocate`] or [`reallocate`] and has not been freed.
unsafe fn block_of(pointer: *mut c_void) -> (*mut u8, usize) {
    // SAFETY: the header is there, and aligned.
    unsafe {
        let block = pointer.cast::<u8>().sub(HEADER_BYTES);
        (block, block.cast::<usize>().read())
    }
}

unsafe extern "C" fn free(pointer: *mut c_void) {
    if pointer.is_null() {
        return;
    }
    // SAFETY: SQLite frees only what it was given, once; the layout is the one of the allocation.
    unsafe {
        let (block, bytes) = block_of(pointer);
        budget::release(bytes);
        if let Some(layout) = layout(bytes) {
            dealloc(block, layout);
        }
    }
}

unsafe extern "C" fn reallocate(pointer: *mut c_void, bytes: c_int) -> *mut c_void {
    let Ok(bytes) = usize::try_from(bytes) else { return ptr::null_mut() };
    // SAFETY: SQLite never passes null or zero here, only what it was given.
    let (block, before) = unsafe { block_of(pointer) };
    let (Some(old), Some(new)) = (layout(before), layout(bytes)) else { return ptr::null_mut() };
    if bytes > before && !budget::charge(bytes - before) {
        return ptr::null_mut();
    }
    // SAFETY: the block has the layout `old`; the new size has been checked with its own layout.
    let moved = unsafe { realloc(block, old, new.size()) };
    if moved.is_null() {
        budget::release(bytes.saturating_sub(before));
        return ptr::null_mut();
    }
    budget::release(before.saturating_sub(bytes));
    // SAFETY: as in `allocate`.
    unsafe {
        moved.cast::<usize>().write(bytes);
        moved.add(HEADER_BYTES).cast()
    }
}

unsafe extern "C" fn size(pointer: *mut c_void) -> c_int {
    if pointer.is_null() {
        return 0;
    }
    // SAFETY: SQLite asks only about what it was given.
    let (_, bytes) = unsafe { block_of(pointer) };
    c_int::try_from(bytes).unwrap_or(c_int::MAX)
}

unsafe extern "C" fn round_up(bytes: c_int) -> c_int {
    bytes.saturating_add(7) & !7
}

unsafe extern "C" fn initialize(_: *mut c_void) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn shut_down(_: *mut c_void) {}
