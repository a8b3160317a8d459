//! What this process uses of the system.

use std::time::Duration;

use super::system::{cpu, descriptor_limit, memory_bytes, open_descriptors};

/// What this process uses of the system; what the system does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Processor time, of all threads, in the program and in the system.
    pub cpu: Option<Duration>,
    /// Descriptors that are open.
    pub descriptors: u64,
    /// Descriptors that may be open; `None`: any number.
    pub descriptors_max: Option<u64>,
}

/// What this process uses now.
pub fn usage() -> Usage {
    Usage {
        memory_bytes: memory_bytes(),
        cpu: cpu(),
        descriptors: open_descriptors(),
        descriptors_max: descriptor_limit(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_descriptors_and_takes_time() {
        let usage = usage();
        assert!(usage.memory_bytes.is_some_and(|bytes| bytes > 100_000), "{usage:?}");
        assert!(usage.cpu.is_some() && usage.descriptors >= 3, "{usage:?}");
    }
}
