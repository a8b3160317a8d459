//! The families that are read from the snapshot, with how each is read.

mod allocator;
mod backend;
mod clients;
mod pool;
mod process;

pub(in crate::observe) use self::process::problems;
use super::samples::{Samples, count, flag, number, part, seconds};
use super::scrape::Scrape;
use crate::telemetry::metrics::{Description, Kind};

/// A family that is read when it is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) description: Description,
    pub(super) read: fn(&Scrape, &mut Samples),
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Family> {
    [process::FAMILIES, clients::FAMILIES, pool::FAMILIES, allocator::FAMILIES, backend::FAMILIES]
        .into_iter()
        .flatten()
}

type Labels = &'static [&'static str];

const fn gauge(
    name: &'static str,
    labels: Labels,
    help: &'static str,
    read: fn(&Scrape, &mut Samples),
) -> Family {
    Family { description: Description { name, kind: Kind::Gauge, help, labels }, read }
}

const fn counter(
    name: &'static str,
    labels: Labels,
    help: &'static str,
    read: fn(&Scrape, &mut Samples),
) -> Family {
    Family { description: Description { name, kind: Kind::Counter, help, labels }, read }
}
