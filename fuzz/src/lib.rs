//! The bodies of the fuzz targets: ordinary functions that panic if a property does not hold.
//!
//! The targets run these functions under libFuzzer. The test `shim/tests/corpora.rs` includes this file too
//! and runs the same functions over the inputs in `corpus`, without libFuzzer and a nightly compiler.

mod frames;
mod gateway_link;
mod hello;
mod input;
mod lines;
mod model;
mod shim_link;

pub use frames::frames;
pub use gateway_link::gateway_link;
pub use hello::hello;
pub use lines::lines;
pub use shim_link::shim_link;
