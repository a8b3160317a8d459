//! What is asked.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use snowgate_tests::Random;

/// Rows of a statement of some milliseconds, and of one that takes a while.
const SHORT_ROWS: u64 = 4_000;
const LONG_ROWS: u64 = 80_000;

/// No two reads are alike, or they would share one run, and no two writes have one key.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Short,
    Long,
    Write,
    LongWrite,
    Metadata,
    /// Makes state, so that the session has a connection of its own from then on.
    Temporary,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Short, Self::Long, Self::Write, Self::LongWrite, Self::Metadata, Self::Temporary];
}

/// A call, and the key of the row that it writes.
pub(crate) struct Call {
    pub(crate) kind: Kind,
    pub(crate) key: Option<String>,
    tool: &'static str,
    arguments: Value,
}

impl Call {
    /// `makes_state`: whether it may be one that does.
    pub(crate) fn draw(random: &mut Random, makes_state: bool) -> Self {
        let kind = random.weighted(&[
            (25, Kind::Short),
            (25, Kind::Long),
            (20, Kind::Write),
            (10, Kind::LongWrite),
            (20, Kind::Metadata),
            (if makes_state { 10 } else { 0 }, Kind::Temporary),
        ]);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let key = format!("k{number}");
        let query = |sql: String| ("execute_query", json!({"query": sql}));
        let (tool, arguments) = match kind {
            Kind::Short => query(counting(SHORT_ROWS, number)),
            Kind::Long => query(counting(LONG_ROWS, number)),
            Kind::Write => query(format!("insert into log values ('{key}')")),
            Kind::LongWrite => query(format!(
                "insert into log with recursive n(i) as (select 1 union all select i + 1 from n limit {SHORT_ROWS}) \
                 select '{key}' from n where i = {SHORT_ROWS}"
            )),
            Kind::Temporary => query(format!("create temp table t{number}(a)")),
            Kind::Metadata if random.percent(50) => ("list_tables", json!({})),
            Kind::Metadata => ("describe_table", json!({"table": "log"})),
        };
        let is_write = matches!(kind, Kind::Write | Kind::LongWrite);
        Self { kind, key: is_write.then_some(key), tool, arguments }
    }

    pub(crate) fn params(&self) -> Value {
        json!({"name": self.tool, "arguments": self.arguments})
    }
}

fn counting(rows: u64, number: u64) -> String {
    format!(
        "with recursive n(i) as (select 1 union all select i + 1 from n limit {rows}) \
         select max(i), {number} from n"
    )
}

/// A statement that never ends.
pub(crate) fn endless() -> String {
    counting(u64::MAX >> 1, NUMBER.fetch_add(1, Ordering::Relaxed))
}
