//! Statements of a fixed amount of work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use snowgate_tests::{Home, tool_text};

/// Rows that are counted to find out how fast this machine and these binaries are.
const TRIAL_ROWS: u64 = 200_000;

/// Trials; the fastest counts.
const TRIALS: usize = 5;

/// No two statements are alike, or they would share one run.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A statement that takes a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    rows: u64,
}

impl Scan {
    /// One of so many rows.
    pub(crate) fn of(rows: u64) -> Self {
        Self { rows }
    }

    /// One that takes about `time` where nothing else runs, on the gateway of `home`.
    pub(crate) fn calibrated(home: &Home, time: Duration) -> Self {
        let mut client = home.client();
        client.initialize_as("calibration", "2025-11-25");
        let trial = Self::of(TRIAL_ROWS);
        let run = |_| {
            let begun = Instant::now();
            tool_text(&client.query(&trial.sql()));
            begun.elapsed()
        };
        let fastest = (0..TRIALS).map(run).min().expect("a trial");
        client.leave();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let rows = (TRIAL_ROWS as f64 * time.as_secs_f64() / fastest.as_secs_f64()) as u64;
        Self::of(rows.max(1))
    }

    /// One with so many times less work.
    pub(crate) fn divided(self, by: u64) -> Self {
        Self::of((self.rows / by).max(1))
    }

    /// The text of the next one.
    pub(crate) fn sql(self) -> String {
        let (rows, number) = (self.rows, NUMBER.fetch_add(1, Ordering::Relaxed));
        format!(
            "with recursive n(i) as (select 1 union all select i + 1 from n limit {rows}) \
             select max(i), {number} from n"
        )
    }
}
