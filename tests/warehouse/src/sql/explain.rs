//! `EXPLAIN USING JSON`: the plan of a statement that is understood, with the figures that the test has set.

use serde_json::json;

use super::words::Words;
use super::{Plan, STATEMENTS, SqlError, World};
use crate::result::{Column, ResultSet, StatementType};

/// What EXPLAIN says of every statement.
#[derive(Clone, Copy, Debug)]
pub struct PlanFigures {
    /// Micro-partitions of its tables.
    pub partitions_total: u64,
    /// Those that it scans.
    pub partitions_assigned: u64,
    /// Their bytes.
    pub bytes_assigned: u64,
}

impl Default for PlanFigures {
    fn default() -> Self {
        Self { partitions_total: 1, partitions_assigned: 1, bytes_assigned: 1024 }
    }
}

/// What cannot be explained.
const NOT_EXPLAINED: [&str; 3] = ["show", "describe", "use"];

pub(super) fn explain(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    if words.accept("using") {
        words.expect("json")?;
    }
    if NOT_EXPLAINED.iter().any(|word| words.is(word)) {
        return Err(words.unexpected());
    }
    let Some((_, parse)) = STATEMENTS.iter().find(|(first, _)| words.accept_all(first)) else {
        return Err(words.unexpected());
    };
    let explained = parse(words)?;
    let action = move |world: &mut World<'_>| {
        // It is compiled: names that there are not are errors. A change is not carried out for that.
        if !explained.changes {
            (explained.action)(world)?;
        }
        let figures = world.catalog.plan;
        let plan = json!({
            "GlobalStats": {
                "partitionsTotal": figures.partitions_total,
                "partitionsAssigned": figures.partitions_assigned,
                "bytesAssigned": figures.bytes_assigned,
            },
            "Operations": [[{"id": 0, "operation": "Result"}]],
        });
        let row = vec![Some(plan.to_string())];
        Ok(ResultSet::listed(StatementType::Describe, vec![Column::text("content")], vec![row]))
    };
    Ok(Plan::metadata(action))
}
