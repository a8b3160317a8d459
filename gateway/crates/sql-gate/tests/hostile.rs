//! Texts that are made to exhaust a parser: each gets an answer, in time that grows with its length.

#![allow(clippy::unwrap_used)]

use std::thread;

use sql_gate::{Class, Dialect, Statement, read};

fn chain(first: &str, link: &str, count: usize) -> String {
    format!("{first}{}", link.repeat(count))
}

fn nested(before: &str, open: &str, middle: &str, close: &str, count: usize) -> String {
    format!("{before}{}{middle}{}", open.repeat(count), close.repeat(count))
}

/// Reads on a stack as small as any thread's is that calls the gate.
fn read_anywhere(sql: String) -> Statement {
    let reader = thread::Builder::new().stack_size(1 << 20);
    let reading = reader.spawn(move || {
        let sqlite = read(&sql, Dialect::Sqlite);
        assert!(sqlite.class != Class::Read || sqlite.refusal.is_none() || !sql.is_empty());
        read(&sql, Dialect::Snowflake)
    });
    reading.unwrap().join().expect("the gate does not panic")
}

const CHAINS: [(&str, &str); 21] = [
    ("select a", " and a"),
    ("select a", " or a"),
    ("select a", "||a"),
    ("select a", "::int"),
    ("select a", "+1"),
    ("select a", "-1"),
    ("select a", " * 1"),
    ("select a", "[1]"),
    ("select a", ".b"),
    ("select a", ":b"),
    ("select a", " is null"),
    ("select a", " = a"),
    ("select a", " in (1)"),
    ("select a", " not like 'x'"),
    ("select a", " between 1 and 2"),
    ("select 1", " union all select 1"),
    ("select 1", " intersect select 1"),
    ("select * from t", " join t"),
    ("select * from t", " join t on 1 = 1"),
    ("select * from t", " cross join t"),
    ("select * from t", ", t"),
];

const NESTINGS: [(&str, &str, &str, &str); 27] = [
    ("select ", "(", "1", ")"),
    ("select ", "[", "1", "]"),
    ("select ", "{'a':", "1", "}"),
    ("select ", "f(", "1", ")"),
    ("select ", "not ", "1", ""),
    ("select ", "- ", "1", ""),
    ("select ", "+", "1", ""),
    ("select ", "case when 1 then ", "1", " end"),
    ("select ", "case ", "1", " when 1 then 1 end"),
    ("select ", "(select ", "1", ")"),
    ("select * from ", "(select * from ", "t", ")"),
    ("select * from ", "(", "t", ")"),
    ("select * from ", "(t join ", "t", ")"),
    ("select * from ", "lateral (select * from ", "t", ")"),
    ("", "(", "select 1", ")"),
    ("", "with a as (", "select 1", ") select 1"),
    ("select ", "exists (select ", "1", ")"),
    ("select ", "1 in (select ", "1", ")"),
    ("select ", "interval ", "'1'", ""),
    ("select ", "x -> ", "1", ""),
    ("select ", "cast(", "1", " as int)"),
    ("select ", "a:b[", "1", "]"),
    ("select 1::", "array(", "int", ")"),
    ("select ", "position(", "1", " in 1)"),
    ("select ", "prior ", "1", ""),
    ("select * from t match_recognize (pattern (", "(", "a", ")"),
    ("select * from t at(", "at(", "x => 1", ")"),
];

#[test]
fn chains_and_nestings_of_any_length_get_an_answer() {
    for count in [10, 300, 64_000] {
        for (first, link) in CHAINS {
            let read = read_anywhere(chain(first, link, count));
            assert_eq!(read.class, Class::Read, "{first}{link}{link} {count}");
            let is_small = count <= 300;
            assert!(read.not_understood.is_none() || !is_small, "{first}{link}: {:?}", read.not_understood);
        }
        for (before, open, middle, close) in NESTINGS {
            let read = read_anywhere(nested(before, open, middle, close, count));
            assert_eq!(read.class, Class::Read, "{before}{open} {count}");
        }
    }
}

#[test]
fn what_is_not_closed_gets_an_answer() {
    for count in [50, 100_000] {
        for (before, open, _, _) in NESTINGS {
            read_anywhere(chain(before, open, count));
            read_anywhere(chain("", open, count));
        }
        for close in [
            ")", "]", "}", " end", "(", ",", ";", "->>", "'", "\"", "$$", "/*", "--", "*", "@", "::", ".",
            "!",
        ] {
            read_anywhere(chain("select 1", close, count));
            read_anywhere(chain("", close, count));
        }
    }
}

#[test]
fn a_mebibyte_of_anything_gets_an_answer() {
    const MEBIBYTE: usize = 1 << 20;
    for unit in [
        "x",
        "'",
        "\"",
        ",",
        "1",
        " ",
        "\u{1f600}",
        "é",
        "$",
        "@",
        "x ",
        "1,",
        "(),",
        "''",
        "\\",
        "\0",
        "{",
        "identifier(",
    ] {
        let filled = unit.repeat(MEBIBYTE / unit.len());
        read_anywhere(filled.clone());
        read_anywhere(format!("select f('{filled}', {filled})"));
    }
}
