//! What the analyst does: the same questions to each server, in its own tools.

use serde_json::{Value, json};

/// The orders by status: few rows, large sums.
const BY_STATUS: &str =
    "select o_orderstatus, count(*) as orders, sum(o_totalprice) as total from orders group by 1 order by 1";
/// The ten best customers: a join.
const BEST: &str = "select c_name, c_mktsegment, n_name, count(*) as orders, round(sum(o_totalprice), 2) as total from customer join orders on o_custkey = c_custkey join nation on n_nationkey = c_nationkey group by c_custkey order by total desc limit 10";
/// 50 orders of a month, with all columns.
const ROWS: &str = "select * from orders where o_orderdate like '1996-01%' order by o_orderkey limit 50";
/// What is exported: 1,000 rows of all columns.
const EXPORTED: &str = "select * from orders order by o_orderkey limit 1000";

/// A step of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Which table has the orders?
    Find,
    /// Its columns.
    Look,
    /// Three rows of three columns.
    ByStatus,
    /// Ten rows of five columns.
    Best,
    /// 50 rows of nine columns.
    Rows,
    /// 1,000 rows of nine columns into a file.
    Export,
}

/// Whose tools are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Snowgate's.
    Snowgate,
    /// mcp-server-sqlite's.
    Sqlite,
    /// dbhub's.
    Dbhub,
}

impl Step {
    /// In the order in which they are taken.
    pub(crate) const ALL: [Self; 6] =
        [Self::Find, Self::Look, Self::ByStatus, Self::Best, Self::Rows, Self::Export];

    /// What the tables call it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Find => "find the table",
            Self::Look => "look at it",
            Self::ByStatus => "query: 3 rows of 3 columns",
            Self::Best => "query: 10 rows of 5",
            Self::Rows => "query: 50 rows of 9",
            Self::Export => "export 1,000 rows of 9",
        }
    }

    /// The tool that is called, and its arguments.
    pub(crate) fn call(self, dialect: Dialect) -> (&'static str, Value) {
        match self {
            Self::Find => match dialect {
                Dialect::Snowgate => ("search_objects", json!({"pattern": "order", "kinds": "table"})),
                Dialect::Sqlite => ("list_tables", json!({})),
                Dialect::Dbhub => ("search_objects", json!({"object_type": "table", "pattern": "%order%"})),
            },
            Self::Look => match dialect {
                Dialect::Snowgate => ("describe_table", json!({"table": "orders"})),
                Dialect::Sqlite => ("describe_table", json!({"table_name": "orders"})),
                Dialect::Dbhub => (
                    "search_objects",
                    json!({"object_type": "table", "pattern": "orders", "detail_level": "full"}),
                ),
            },
            Self::ByStatus => query(dialect, BY_STATUS),
            Self::Best => query(dialect, BEST),
            Self::Rows => query(dialect, ROWS),
            // The peers cannot export: a model has to read the rows. That it then has to write them somewhere, which
            // would cost as much again, is not counted.
            Self::Export if dialect == Dialect::Snowgate => {
                ("export_result", json!({"query": EXPORTED, "name": "orders.csv"}))
            }
            Self::Export => query(dialect, EXPORTED),
        }
    }
}

fn query(dialect: Dialect, sql: &str) -> (&'static str, Value) {
    match dialect {
        Dialect::Snowgate => ("execute_query", json!({"query": sql})),
        Dialect::Sqlite => ("read_query", json!({"query": sql})),
        Dialect::Dbhub => ("execute_sql", json!({"sql": sql})),
    }
}
