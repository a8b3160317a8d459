//! The strategies that the gateway under test has, and the config that chooses one.

use std::sync::LazyLock;

use snowgate_tests::Home;

/// Longer than anybody waits here.
const WAIT_MS: u32 = 600_000;

/// More than any client sends here.
const QUEUE_MAX: u32 = 1_000;

/// In which order requests get their slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strategy {
    /// As the config names it.
    pub(crate) name: &'static str,
}

/// Those there may be, the default first.
const NAMES: [&str; 5] = ["weighted_fair", "fair_share", "priority_based", "round_robin", "fifo"];

/// A gateway from before the allocator.
const BEFORE: Strategy = Strategy { name: "fifo (no allocator)" };

static KNOWN: LazyLock<Vec<Strategy>> = LazyLock::new(|| {
    let home = Home::new();
    let is_known = |strategy: &Strategy| {
        home.configure(&format!("[allocator]\nstrategy = '{}'\n", strategy.name));
        home.run(&["config", "check"]).code == Some(0)
    };
    NAMES.map(|name| Strategy { name }).into_iter().filter(is_known).collect()
});

impl Strategy {
    /// All that the gateway has, the default first.
    pub(crate) fn all() -> Vec<Self> {
        if has_allocator() { KNOWN.clone() } else { vec![BEFORE] }
    }

    /// What a gateway does whose config chooses none.
    pub(crate) fn default() -> Self {
        Self::all()[0]
    }

    /// Whether clients are told apart.
    pub(crate) fn is_fair(self) -> bool {
        !self.name.starts_with("fifo")
    }

    /// Whether the weights of profiles count.
    pub(crate) fn has_weights(self) -> bool {
        self.name == "weighted_fair"
    }

    /// The config for so many connections, all open from the start. `lane_slots`: `None`: the default.
    pub(crate) fn config(self, connections: usize, lane_slots: Option<usize>) -> String {
        let pool = format!("[pool]\nconnections_max = {connections}\nconnections_min = {connections}\n");
        if self == BEFORE {
            return format!("{pool}wait_timeout_ms = {WAIT_MS}\n");
        }
        let lane = lane_slots.map(|slots| format!("lane_slots = {slots}\n")).unwrap_or_default();
        let name = self.name;
        format!(
            "{pool}[allocator]\nstrategy = '{name}'\nmax_wait_ms = {WAIT_MS}\nqueue_max = {QUEUE_MAX}\n{lane}"
        )
    }
}

/// Whether requests wait in an allocator; else in one line.
pub(crate) fn has_allocator() -> bool {
    !KNOWN.is_empty()
}
