//! All metrics as text for Prometheus: those that are counted as requests end (`telemetry/metrics`), and those that are read from
//! the snapshot behind `status` when they are asked for. So `status`, `/metrics`, `snowgate metrics` and the file agree.
//!
//! `families` has a table of each group of families with how each is read, `scrape` what they are read from, `reference` the page
//! in `docs/`.

mod encode;
mod families;
mod file;
mod reference;
mod samples;
mod scrape;

pub use encode::{Format, metrics_text};
pub(in crate::observe) use families::problems;
pub use file::MetricsFile;
pub use reference::metrics_reference;
pub(in crate::observe) use samples::{number, part};
