//! The tool `explain_query`: how a statement would run and what it would read, in few lines. It never runs.
//!
//! The statement is read and admitted as if it were to run: what may not run is not explained. Then its plan is asked for:
//! `EXPLAIN QUERY PLAN` of SQLite, with the gateway's own estimate, and `EXPLAIN USING TABULAR` of Snowflake. Nothing is in
//! the journal, and no bound of cost refuses it: what it costs is the question.

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::model::CallToolResult;
use sql_gate::{Class, Dialect, Statement};

use super::arguments::{self as args, InvalidArguments};
use super::call::{Call, CallError, Work, text_result};
use super::describe_table::shortened;
use super::facts::RowFormat;
use super::plan_names::PlanNames;
use super::table::Source;
use super::tool_name::ToolName;
use crate::backend::{
    BackendError, Caps, Collector, Completion, Context, ErrorKind, Estimate, Operation, Rule,
};
use crate::isolation::SessionGate;
use crate::telemetry::StatementFacts;

/// What has a plan: the first word of a statement.
const PLANNED: [&str; 9] =
    ["SELECT", "WITH", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE", "CREATE"];

/// Steps that are shown, at most.
const STEPS_MAX: usize = 200;

/// A step's expressions are cut to this many characters.
const EXPRESSIONS_CHARS_MAX: usize = 120;

/// The deepest level that is shown by blanks.
const DEPTH_MAX: usize = 20;

/// One step of a plan.
#[derive(Debug)]
struct Step {
    id: String,
    parent: Option<String>,
    text: String,
}

impl Call {
    pub(super) async fn explain_query(
        &self,
        tool: ToolName,
        arguments: args::ExplainQuery,
    ) -> Result<CallToolResult, CallError> {
        let args::ExplainQuery { query, database, schema } = arguments;
        let (query, digest) = self.digest(query).await;
        let facts = StatementFacts::new(digest, &query, self.shared.telemetry.keeps_text);
        self.record.seen().statement = Some(facts);
        let (query, statement, pattern) = self.read_statement(query, digest).await?;
        self.active.note_pattern(&pattern);
        let names = if self.profile.names.has_lists() { PlanNames::of(&pattern) } else { PlanNames::All };
        if let Some(facts) = &mut self.record.seen().statement {
            facts.pattern = Some(pattern);
        }
        check_has_plan(tool, &statement)?;
        let change = Context { database, schema, ..Context::default() };
        let pool = self.shared.pool(&self.profile).await?;
        let gate =
            SessionGate::new(&self.session, &self.profile, &self.facts.context.context, pool.backend());
        gate.admit_context(pool.backend(), &change)?;
        gate.admit_kind(&statement)?;
        self.check_may_run(&statement)?;
        let dialect = pool.backend().dialect();
        // The statement begins a line, so that what the server says of places in it fits.
        let sql = match dialect {
            Dialect::Sqlite => format!("EXPLAIN QUERY PLAN\n{query}"),
            Dialect::Snowflake => format!("EXPLAIN USING TABULAR\n{query}"),
        };
        let statement = Arc::new(sql_gate::read(&sql, dialect));
        let operation = Operation::statement(sql);
        let work = Work { statement: Some(statement), ..Work::reading(operation, STEPS_MAX as u64 + 1) };
        let done = self.run_in(self.call_context(change).await?, work).await?;
        let estimate = self.record.seen().estimate;
        Ok(self.plan(&done, dialect, estimate, &names).await)
    }

    /// A connection that is read-only refuses changes by itself when they run.
    fn check_may_run(&self, statement: &Statement) -> Result<(), BackendError> {
        if !statement.class.may_change() || self.profile.may_change() {
            return Ok(());
        }
        let message = format!(
            "{} is not explained: it may not run, because the connection is read-only",
            statement.verb
        );
        Err(BackendError::new(ErrorKind::Refused, message).with_rule(Rule::ReadOnly))
    }

    async fn plan(
        &self,
        done: &Completion,
        dialect: Dialect,
        estimate: Option<Estimate>,
        names: &PlanNames,
    ) -> CallToolResult {
        let (steps, figures) = match dialect {
            Dialect::Sqlite => (sqlite_steps(&done.rows, names), estimate),
            Dialect::Snowflake => snowflake_steps(&done.rows, names),
        };
        if figures.is_some() {
            self.record.seen().estimate = figures;
        }
        let mut lines = tree(&steps);
        if steps.len() > STEPS_MAX {
            lines.truncate(STEPS_MAX);
            lines.push("and more steps".to_owned());
        }
        lines.push(summary(dialect, figures));
        if self.facts.line.format == RowFormat::Text {
            return text_result(lines.join("\n"));
        }
        let caps = Caps { rows_max: u64::MAX, bytes_max: u64::MAX, count_rows_max: 0 };
        let mut rows = Collector::new(caps);
        rows.set_columns(vec!["plan".to_owned()]);
        for line in lines {
            rows.push(vec![Some(line)]);
        }
        let done = Completion::of_rows(rows);
        self.rows(done, Source::Catalog).await
    }
}

/// Whether a statement has a plan at all.
fn check_has_plan(tool: ToolName, statement: &Statement) -> Result<(), InvalidArguments> {
    let first = statement.verb.split(' ').next().unwrap_or_default();
    if statement.is_chain {
        return Err(InvalidArguments::new(tool, "`query` is one statement"));
    }
    let is_planned = PLANNED.iter().any(|word| word.eq_ignore_ascii_case(first))
        && matches!(
            statement.class,
            Class::Read | Class::Write | Class::Ddl | Class::Session | Class::Unknown
        );
    if is_planned {
        return Ok(());
    }
    let what = if first.is_empty() { "it" } else { first };
    let why = format!("only queries and changes of rows have a plan; {what} has none");
    Err(InvalidArguments::new(tool, why))
}

/// The rows of EXPLAIN QUERY PLAN: id, parent, an unused number, detail.
fn sqlite_steps(rows: &Collector, names: &PlanNames) -> Vec<Step> {
    let step = |row: Vec<Option<&str>>| {
        let cell = |at: usize| row.get(at).copied().flatten();
        Some(Step {
            id: cell(0)?.to_owned(),
            parent: cell(1).filter(|parent| *parent != "0").map(str::to_owned),
            text: shortened(&names.shown(cell(3)?), EXPRESSIONS_CHARS_MAX),
        })
    };
    rows.rows().filter_map(|row| step(row.collect())).collect()
}

/// The rows of EXPLAIN USING TABULAR, and its GlobalStats.
fn snowflake_steps(rows: &Collector, names: &PlanNames) -> (Vec<Step>, Option<Estimate>) {
    let at = |name: &str| rows.columns().iter().position(|column| column.eq_ignore_ascii_case(name));
    // Newer servers have a list in the place of the parent.
    let parent = at("parent").or_else(|| at("parentOperators"));
    let (id, operation, objects, expressions) = (at("id"), at("operation"), at("objects"), at("expressions"));
    let figures = ["partitionsTotal", "partitionsAssigned", "bytesAssigned"].map(at);
    let (mut steps, mut estimate) = (Vec::new(), None);
    for row in rows.rows() {
        let row: Vec<Option<&str>> = row.collect();
        let cell = |at: Option<usize>| row.get(at?).copied().flatten().filter(|cell| !cell.is_empty());
        let Some(name) = cell(operation) else { continue };
        let [total, assigned, bytes] = figures.map(|at| cell(at).and_then(|cell| cell.parse::<u64>().ok()));
        if name.eq_ignore_ascii_case("GlobalStats") {
            let partitions = assigned.map(|assigned| (assigned, total.unwrap_or(assigned)));
            let known = bytes.is_some() || partitions.is_some();
            estimate = known.then_some(Estimate { bytes, partitions, ..Estimate::default() });
            continue;
        }
        let mut text = name.to_owned();
        if let Some(objects) = cell(objects) {
            text.push_str(&format!(" {}", shortened(&names.shown_objects(objects), EXPRESSIONS_CHARS_MAX)));
        }
        // Columns of what lies behind a view are among them.
        if let Some(expressions) = cell(expressions).filter(|_| names.are_all()) {
            text.push_str(&format!(" [{}]", shortened(expressions, EXPRESSIONS_CHARS_MAX)));
        }
        if let Some(assigned) = assigned {
            let part = Estimate {
                bytes,
                partitions: Some((assigned, total.unwrap_or(assigned))),
                ..Estimate::default()
            };
            text.push_str(&format!(": {}", part.shown().trim_start_matches("about ")));
        }
        let parent = cell(parent).and_then(first_number);
        steps.push(Step { id: cell(id).unwrap_or_default().to_owned(), parent, text });
    }
    (steps, estimate)
}

/// The first number in "3", or in "[3, 4]".
fn first_number(text: &str) -> Option<String> {
    let digits: String =
        text.chars().skip_while(|char| !char.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

/// A line for each step, behind as many blanks as it is deep.
fn tree(steps: &[Step]) -> Vec<String> {
    let mut depths: HashMap<&str, usize> = HashMap::new();
    let line = |step: &Step, depth: usize| format!("{}{}", "  ".repeat(depth.min(DEPTH_MAX)), step.text);
    let mut lines = Vec::with_capacity(steps.len() + 2);
    for step in steps {
        let parent = step.parent.as_deref().and_then(|parent| depths.get(parent));
        let depth = parent.map_or(0, |depth| depth + 1);
        depths.insert(&step.id, depth);
        lines.push(line(step, depth));
    }
    lines
}

fn summary(dialect: Dialect, estimate: Option<Estimate>) -> String {
    match (dialect, estimate) {
        (Dialect::Sqlite, Some(estimate)) => format!("(visits {}; not run)", estimate.shown()),
        (Dialect::Snowflake, Some(estimate)) => {
            format!("(scans {}, at most; not run)", estimate.shown().trim_start_matches("about "))
        }
        (_, None) => "(no estimate; not run)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(columns: &[&str], rows: &[&[Option<&str>]]) -> Collector {
        let mut collector = Collector::new(Caps { rows_max: 99, bytes_max: 1 << 20, count_rows_max: 0 });
        collector.set_columns(columns.iter().map(|&name| name.to_owned()).collect());
        for row in rows {
            collector.push(row.iter().map(|cell| cell.map(str::to_owned)).collect());
        }
        collector
    }

    #[test]
    fn a_plan_of_snowflake_is_a_tree_with_its_figures() {
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
        let (none, one) = (None, Some("1"));
        let plan = rows(
            &columns,
            &[
                &[
                    none,
                    none,
                    none,
                    Some("GlobalStats"),
                    none,
                    none,
                    none,
                    Some("8"),
                    Some("2"),
                    Some("1024"),
                ],
                &[one, Some("0"), none, Some("Result"), none, none, Some("T.ID"), none, none, none],
                &[one, one, Some("[0]"), Some("Filter"), none, none, Some("T.ID > 1"), none, none, none],
                &[
                    one,
                    Some("2"),
                    Some("[1]"),
                    Some("TableScan"),
                    Some("D.S.T"),
                    none,
                    Some("ID"),
                    Some("8"),
                    Some("2"),
                    Some("1024"),
                ],
            ],
        );
        let (steps, estimate) = snowflake_steps(&plan, &PlanNames::All);
        assert_eq!(
            tree(&steps),
            [
                "Result [T.ID]",
                "  Filter [T.ID > 1]",
                "    TableScan D.S.T [ID]: 1 kB in 2 of 8 micro-partitions"
            ]
        );
        assert_eq!(
            summary(Dialect::Snowflake, estimate),
            "(scans 1 kB in 2 of 8 micro-partitions, at most; not run)"
        );
    }

    #[test]
    fn a_plan_of_sqlite_is_a_tree_too() {
        let plan = rows(
            &["id", "parent", "notused", "detail"],
            &[
                &[Some("3"), Some("0"), Some("0"), Some("COMPOUND QUERY")],
                &[Some("4"), Some("3"), Some("0"), Some("LEFT-MOST SUBQUERY")],
                &[Some("6"), Some("4"), Some("0"), Some("SCAN t")],
            ],
        );
        assert_eq!(
            tree(&sqlite_steps(&plan, &PlanNames::All)),
            ["COMPOUND QUERY", "  LEFT-MOST SUBQUERY", "    SCAN t"]
        );
        assert_eq!(summary(Dialect::Sqlite, None), "(no estimate; not run)");
    }

    #[test]
    fn what_has_no_plan_is_refused() {
        for (sql, has_plan) in [
            ("select 1", true),
            ("with x as (select 1) select * from x", true),
            ("delete from t", true),
            ("explain select 1", false),
            ("pragma user_version = 1", false),
            ("begin", false),
            ("", false),
            ("drop table t", false),
            ("vacuum", false),
        ] {
            let statement = sql_gate::read(sql, Dialect::Sqlite);
            let checked = check_has_plan(ToolName::ExplainQuery, &statement);
            assert_eq!(checked.is_ok(), has_plan, "{sql}: {} {:?}", statement.verb, statement.class);
        }
    }
}
