//! The corpus of the fuzz target `sql_gate`, and what is put together of SQL's words at random, run by an ordinary
//! test. `fuzz/README.md` says how to fuzz.

#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "../../../../fuzz/src/sql_gate.rs"]
mod target;

use std::env;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

#[test]
fn the_corpus() {
    // The clone that runs the test, which need not be the one in which a shared target folder compiled it.
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let folder = Path::new(&package).join("../../../fuzz/corpus/sql_gate");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let fails = |file: &PathBuf| {
        let input = fs::read(file).unwrap();
        catch_unwind(|| target::sql_gate(&input)).is_err()
    };
    let failed: Vec<PathBuf> = files.into_iter().filter(fails).collect();
    assert!(failed.is_empty(), "the panics above are from {failed:?}");
}

/// Pieces of SQL.
const PIECES: [&str; 96] = [
    "select",
    "from",
    "where",
    "t",
    "a.b.c",
    "\"q\"",
    "'x'",
    "1",
    "(",
    ")",
    ",",
    "*",
    "with",
    "as",
    "union all",
    "join",
    "on",
    "=",
    "and",
    "or",
    "not",
    "in",
    "exists",
    "case",
    "when",
    "then",
    "else",
    "end",
    "::int",
    ":",
    "[",
    "]",
    "{",
    "}",
    "->",
    "=>",
    "->>",
    "$1",
    "$v",
    "@s/x",
    "@~",
    "@db.s.%t",
    "identifier('a.b')",
    "identifier(",
    "table(",
    "table('a.b')",
    "lateral",
    "flatten(",
    "at(",
    "before(",
    "timestamp =>",
    "statement =>",
    "stream =>",
    "changes(",
    "insert into",
    "insert all",
    "values",
    "update",
    "set",
    "delete from",
    "using",
    "merge into",
    "matched",
    ";",
    "--\n",
    "/*",
    "*/",
    "//",
    ".",
    "..",
    "nextval",
    "s.nextval",
    "last_query_id()",
    "result_scan(",
    "system$wait(",
    "to_query('select 1')",
    "to_query(",
    "sql =>",
    "group by all",
    "order by",
    "limit 1",
    "qualify",
    "over (",
    "partition by",
    "pivot(",
    "for",
    "semantic_view(",
    "metrics",
    "match_recognize(",
    "recursive",
    "explain",
    "use",
    "show tables",
    "create view v as",
    "drop table",
    "**",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn pieces_of_sql(pieces in prop::collection::vec((0..PIECES.len(), any::<bool>()), 1..24), is_query in any::<bool>()) {
        let mut sql = String::from(if is_query { "select a from t " } else { "" });
        for (piece, has_blank) in pieces {
            sql.push_str(PIECES[piece]);
            sql.push_str(if has_blank { " " } else { "" });
        }
        target::sql_gate(sql.as_bytes());
    }

    #[test]
    fn any_text(sql in "[ -~\\n\\ré\u{a0}\u{200b}]{0,60}") {
        target::sql_gate(sql.as_bytes());
    }
}
