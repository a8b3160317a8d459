//! Results that outlive their call: rows of one that was too large for it, and statements that took longer than it.
//!
//! Each has a *handle*, which is its session's alone. In the state folder, `results/SESSION/HANDLE.json` says what it is ([`Kept`]), and
//! `HANDLE.rows` has its rows where the warehouse does not keep them (`rows::spill`). Nothing of it is in the state file: a
//! result may be large, and is gone with its folder. `store` has the files, `handle` the names.
//!
//! **Invariant:** a handle is looked for in the folder of the session that asks, and nowhere else. The record is written last, by `rename`: what
//! is found is complete.

mod handle;
mod kept;
mod store;

pub use handle::Handle;
pub use kept::{Kept, KeptRows, PendingCall, RowSource};
pub use store::{ResultStore, ResultsView};
