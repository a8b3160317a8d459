//! Words that stand where no statement is, and heads of any tokens.

use proptest::prelude::*;
use sql_gate::{Class, Dialect, Statement, read};

fn of(sql: &str) -> Statement {
    read(sql, Dialect::Snowflake)
}

/// Without a bound of time: what is looked at from each of its parts takes hours.
#[test]
fn long_names_that_have_no_end_are_read_once() {
    for begin in
        ["alter table t x ", "set x = ", "create task k after ", "create database d from ", "show tables in "]
    {
        for part in ["a.", "a..", "\"a\".", "a.b c.", ":a."] {
            of(&format!("{begin}{}(", part.repeat(100_000)));
        }
    }
}

proptest! {
    #[test]
    fn words_in_texts_comments_and_names_are_no_statements(
        what in prop::sample::select(vec![
            "drop table t", "begin", "use role r", "create temp table t (x int)", "call p()", "put x @s", "; delete from t",
            "->> delete from t",
        ]),
        how in 0..10usize,
    ) {
        let sql = [
            format!("select '{what}'"),
            format!("select \"{what}\" from t"),
            format!("select $${what}$$"),
            format!("select 1 -- {what}"),
            format!("select 1 // {what}"),
            format!("/* {what} */ select 1"),
            format!("show tables like '{what}'"),
            format!("describe table \"{what}\""),
            format!("list @s pattern = '{what}'"),
            format!("explain using text select '{what}' from t"),
        ];
        let found = of(&sql[how]);
        prop_assert_eq!(
            (found.class, found.refusal, found.context, found.is_chain),
            (Class::Read, None, None, false),
            "{}", &sql[how]
        );
    }

    #[test]
    fn any_tokens_behind_a_verb_have_a_class(
        verb in prop::sample::select(vec!["create table t", "alter task k", "show", "desc", "use", "copy into", "grant", "set x =",
            "create alert a if", "create index", "drop", "comment on", "explain", "alter session set", "list", "create database d from"]),
        rest in prop::collection::vec(prop::sample::select(vec!["(", ")", ".", ",", "=", "'a'", "'@s/x'", "\"q\"", "@", "%", "/", "from",
            "share", "as", "on", "select", "after", "tag", "then", "in", "table", "x", "1", "$v", ";", ":", "->>", "identifier", "$$b$$"]), 0..12),
    ) {
        let sql = format!("{verb} {}", rest.join(" "));
        of(&sql);
    }
}
