//! `EXPLAIN USING JSON` and `USING TABULAR`: the plan of a statement that is understood, with the figures that the test has set.

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

/// A plan of three steps, in rows.
fn tabular(figures: PlanFigures) -> ResultSet {
    let figure = |figure: u64| Some(figure.to_string());
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let step = |id: &str, parent: &str, operation: &str, objects: &str, expressions: &str| {
        vec![text("1"), text(id), text(parent), text(operation), text(objects), None, text(expressions)]
    };
    let figures = [
        figure(figures.partitions_total),
        figure(figures.partitions_assigned),
        figure(figures.bytes_assigned),
    ];
    let nothing = || [None, None, None];
    let all = vec![None, None, None, text("GlobalStats"), None, None, None];
    let rows = vec![
        [all, figures.to_vec()].concat(),
        [step("0", "", "Result", "", "ORDERS.ID"), nothing().to_vec()].concat(),
        [step("1", "[0]", "Filter", "", "ORDERS.ID > 1"), nothing().to_vec()].concat(),
        [step("2", "[1]", "TableScan", "SALES.PUBLIC.ORDERS", "ID"), figures.to_vec()].concat(),
    ];
    let columns = [
        "step",
        "id",
        "parentOperators",
        "operation",
        "objects",
        "alias",
        "expressions",
        "partitionsTotal",
        "partitionsAssigned",
        "bytesAssigned",
    ];
    ResultSet::listed(StatementType::Describe, columns.map(Column::text).into(), rows)
}

/// What cannot be explained.
const NOT_EXPLAINED: [&str; 3] = ["show", "describe", "use"];

pub(super) fn explain(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let is_tabular = words.accept_all(&["using", "tabular"]);
    if !is_tabular && words.accept("using") {
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
        if is_tabular {
            return Ok(tabular(figures));
        }
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
