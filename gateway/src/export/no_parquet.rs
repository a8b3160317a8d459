//! Parquet in builds without it.

use std::io;

use super::{Encoder, PartFile};
use crate::rows::{Column, RowBlock};

/// What is said instead.
const ABSENT: &str = "this build of Snowgate has no parquet (the cargo feature `parquet`)";

#[derive(Debug)]
struct NoParquet;

pub(super) fn encoder() -> Box<dyn Encoder> {
    Box::new(NoParquet)
}

impl Encoder for NoParquet {
    fn begin(&mut self, _: &[Column], _: &mut PartFile) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, ABSENT))
    }

    fn write(&mut self, _: &RowBlock, _: &mut PartFile) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, ABSENT))
    }

    fn finish(&mut self, _: &mut PartFile) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, ABSENT))
    }
}
