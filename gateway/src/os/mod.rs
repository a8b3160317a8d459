//! System calls about the process itself: signals and descriptors, and another's environment. Below every folder.

mod descriptors;
mod environment;
mod signals;
mod usage;

pub use descriptors::{
    RAISE_LIMIT, descriptor_limit, is_out_of_descriptors, open_descriptors, raise_descriptor_limit,
    test_out_of_descriptors,
};
pub use environment::environment_of;
pub use signals::{Signal, block_signals, unblock_signals_in, wait_for_signal, wake};
pub use usage::{Usage, usage};
