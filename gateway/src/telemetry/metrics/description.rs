//! What a family of metrics is: for its HELP and TYPE, and for the reference.

/// What every name begins with.
pub const PREFIX: &str = "snowgate";

/// How the values of a family behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They only grow, until the gateway starts anew.
    Counter,
    /// They rise and fall.
    Gauge,
    /// Counts of observations in buckets, and their sum.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A family of metrics.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Its name without [`PREFIX`] and the suffix of its kind; with its unit.
    pub name: &'static str,
    /// How its values behave.
    pub kind: Kind,
    /// What it says, without a full stop.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
}

impl Description {
    /// Its whole name.
    pub fn full_name(&self) -> String {
        let suffix = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{PREFIX}_{}{suffix}", self.name)
    }
}
