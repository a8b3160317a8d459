//! What a statement costs before it runs: `EXPLAIN USING JSON`, which needs no warehouse.
//!
//! | statement | |
//! |---|---|
//! | a query, INSERT, UPDATE, DELETE, MERGE, CREATE TABLE AS, the rows of a view | is explained |
//! | SHOW, DESCRIBE, EXPLAIN, USE, DDL, transactions, TRUNCATE, files | scans nothing |
//! | chains, CALL, scripts, COPY, SET from a query, what is not understood | cannot be explained |

use std::future::ready;

use serde::Deserialize;
use serde_json::Deserializer;
use sql_gate::{Access, Class, Statement};

use crate::backend::{BackendError, BoxFuture, Caps, ErrorKind, Estimate, WriteJournal};

/// How much of the answer is kept: what is looked for stands at its beginning.
pub(super) const CAPS: Caps = Caps { rows_max: 1, bytes_max: 1 << 20, count_rows_max: 0 };

/// What is to be done about the cost of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Costing {
    /// It scans nothing.
    Free,
    /// It is asked for.
    Explained,
    /// It cannot be, because of this.
    Unknown(&'static str),
}

/// What scans nothing, although it reads.
const METADATA: [&str; 6] = ["SHOW", "DESCRIBE", "DESC", "LIST", "LS", "EXPLAIN"];
/// What changes rows and can be explained.
const CHANGES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

/// What is to be done about the cost of `statement`.
pub(super) fn costing(statement: &Statement) -> Costing {
    let first = statement.verb.split(' ').next().unwrap_or_default();
    let reads = || statement.objects.iter().any(|object| object.access == Access::Read);
    if statement.is_chain {
        return Costing::Unknown("it is a chain of statements");
    }
    match statement.class {
        Class::Read if METADATA.contains(&first) => Costing::Free,
        Class::Read => Costing::Explained,
        Class::Write if CHANGES.contains(&first) => Costing::Explained,
        Class::Write if first == "TRUNCATE" => Costing::Free,
        Class::Write => Costing::Unknown("EXPLAIN does not take it"),
        Class::Ddl | Class::Session if first == "CREATE" && statement.verb.ends_with("TABLE") => {
            if reads() || statement.not_understood.is_some() { Costing::Explained } else { Costing::Free }
        }
        Class::Session if first == "SET" && (reads() || statement.not_understood.is_some()) => {
            Costing::Unknown("EXPLAIN does not take it")
        }
        Class::Context | Class::Ddl | Class::Transaction | Class::Session | Class::Admin | Class::File => {
            Costing::Free
        }
        Class::Call => Costing::Unknown("what it runs does not stand in its text"),
        Class::Unknown => Costing::Unknown("it is not understood"),
    }
}

/// The question for what `sql` costs. It begins a line, so that what the server says of places in it fits.
pub(super) fn question(sql: &str) -> String {
    format!("EXPLAIN USING JSON\n{sql}")
}

/// The journal of a question of ours: there is nothing to be fetched later, and nothing is changed.
#[derive(Debug)]
pub(super) struct NoJournal;

impl WriteJournal for NoJournal {
    fn begin<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>> {
        let message = "EXPLAIN would have changed something";
        Box::pin(ready(Err(BackendError::new(ErrorKind::Refused, message))))
    }

    fn record_query_id<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(ready(()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GlobalStats {
    #[serde(default)]
    partitions_total: u64,
    partitions_assigned: Option<u64>,
    bytes_assigned: Option<u64>,
}

/// What the answer says; `None`: it has no figures. The rest of the plan may be cut off.
pub(super) fn estimate(answer: &str) -> Option<Estimate> {
    let (_, stats) = answer.split_once("\"GlobalStats\"")?;
    let stats = stats.trim_start().strip_prefix(':')?;
    let stats: GlobalStats = Deserializer::from_str(stats).into_iter().next()?.ok()?;
    if stats.bytes_assigned.is_none() && stats.partitions_assigned.is_none() {
        return None;
    }
    let partitions = stats.partitions_assigned.map(|assigned| (assigned, stats.partitions_total));
    Some(Estimate { bytes: stats.bytes_assigned, partitions, ..Estimate::default() })
}

#[cfg(test)]
mod tests {
    use sql_gate::Dialect;

    use super::*;

    #[test]
    fn what_scans_is_explained_and_what_cannot_be_is_known() {
        use Costing::{Explained, Free, Unknown};
        for (sql, expected) in [
            ("select * from t", Explained),
            ("with c as (select 1) select * from c", Explained),
            ("(select 1) union all select 2", Explained),
            ("insert into t select * from u", Explained),
            ("merge into t using s on t.x = s.x when matched then delete", Explained),
            ("delete from t", Explained),
            ("create table t as select * from u", Explained),
            ("create or replace temporary table t as select * from u", Explained),
            ("create table t (x int)", Free),
            ("create view v as select * from t", Free),
            ("drop table t", Free),
            ("show tables", Free),
            ("describe table t", Free),
            ("explain select * from t", Free),
            ("list @s", Free),
            ("begin", Free),
            ("truncate table t", Free),
            ("grant select on t to role r", Free),
            ("set x = 1", Free),
            ("copy into t from @s", Unknown("EXPLAIN does not take it")),
            ("select 1 ->> select * from $1", Unknown("it is a chain of statements")),
            ("call p()", Unknown("what it runs does not stand in its text")),
            ("nonsense", Unknown("it is not understood")),
        ] {
            assert_eq!(costing(&sql_gate::read(sql, Dialect::Snowflake)), expected, "{sql}");
        }
        let set = sql_gate::read("set x = (select count(*) from t)", Dialect::Snowflake);
        assert!(matches!(costing(&set), Unknown(_)));
    }

    #[test]
    fn the_figures_are_read_although_the_plan_is_cut() {
        let whole = r#"{"GlobalStats":{"partitionsTotal":20,"partitionsAssigned":3,"bytesAssigned":1024},"Operations":[[{"id":0,"operation":"Result"}]]}"#;
        let expected = Estimate { bytes: Some(1024), partitions: Some((3, 20)), ..Estimate::default() };
        assert_eq!(estimate(whole), Some(expected));
        assert_eq!(estimate(&whole[..90]), Some(expected));
        assert_eq!(estimate("{\n  \"GlobalStats\" : {\"bytesAssigned\": 7}, \"x").unwrap().bytes, Some(7));
        for nothing in ["", "{}", "x", r#"{"GlobalStats":{}}"#, r#"{"GlobalStats":{"partitionsAss"#] {
            assert_eq!(estimate(nothing), None, "{nothing}");
        }
    }
}
