//! No small disk: only Linux has one that a test can mount.

use std::io;
use std::path::PathBuf;

use std::convert::Infallible;

/// A mounted disk that can be full; there is none here.
#[derive(Debug)]
pub struct SmallDisk(Infallible);

impl SmallDisk {
    pub(in crate::harness) fn mount(_folder: PathBuf, _bytes: u64) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// From here on nothing can be written to it.
    pub fn set_read_only(&self) {
        match self.0 {}
    }

    /// Takes up all space that is left.
    ///
    /// # Errors
    /// Never: there is no disk.
    pub fn fill(&self) -> io::Result<Full> {
        match self.0 {}
    }
}

/// A disk without space; there is none here.
#[derive(Debug)]
pub struct Full(Infallible);

impl Drop for Full {
    fn drop(&mut self) {
        match self.0 {}
    }
}
