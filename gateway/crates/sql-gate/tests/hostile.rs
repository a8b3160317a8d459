//! Texts that are made to exhaust a parser: each gets an answer, in time that grows with its length.

#![allow(clippy::unwrap_used)]

use std::thread;
use std::time::{Duration, Instant};

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
    for count in [10, 300, 20_000, 64_000] {
        for (first, link) in CHAINS {
            let read = read_anywhere(chain(first, link, count));
            assert_eq!(read.class, Class::Read, "{first}{link}{link} {count}");
            let is_small = count <= 300;
            assert!(read.not_understood.is_none() || !is_small, "{first}{link}: {:?}", read.not_understood);
        }
        for (before, open, middle, close) in NESTINGS.into_iter().filter(|_| count != 20_000) {
            let read = read_anywhere(nested(before, open, middle, close, count));
            assert_eq!(read.class, Class::Read, "{before}{open} {count}");
        }
    }
}

#[test]
fn what_is_not_closed_gets_an_answer() {
    for count in [50, 20_000] {
        for (before, open, _, _) in NESTINGS {
            read_anywhere(chain(before, open, count));
        }
        for close in [
            ")", "]", "}", " end", "(", ",", ";", "->>", "'", "\"", "$$", "/*", "--", "*", "@", "::", ".",
            "!",
        ] {
            read_anywhere(chain("select 1", close, count));
            read_anywhere(chain("", close, count));
        }
    }
    read_anywhere("(".repeat(100_000));
    read_anywhere(nested("select ", "(", "1", ")", 100_000));
}

#[test]
fn a_mebibyte_of_anything_gets_an_answer() {
    const MEBIBYTE: usize = 1 << 20;
    for unit in
        ["x", "'", "\"", ",", " ", "\u{1f600}", "é", "$", "@", "1,", "(),", "\\", "\0", "{", "identifier("]
    {
        read_anywhere(unit.repeat(MEBIBYTE / unit.len()));
    }
    read_anywhere(format!("select f('{}', 1)", "x".repeat(MEBIBYTE)));
}

#[test]
fn many_large_statements_at_once_are_all_read() {
    let sql = chain("select * from t", " join t on a = (select 1 from u)", 300);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..24).map(|_| scope.spawn(|| read(&sql, Dialect::Snowflake))).collect();
        for reader in readers {
            let statement = reader.join().unwrap();
            assert_eq!((statement.not_understood, statement.objects.len()), (None, 2));
        }
    });
}

/// The least of several times: what else runs on the machine only adds.
fn time_of(sql: &str) -> Duration {
    let time = |_| {
        let begun = Instant::now();
        read(sql, Dialect::Snowflake);
        begun.elapsed()
    };
    (0..3).map(time).min().unwrap()
}

/// Sixteen times the text takes 256 times as long where anything is quadratic. The bound is far from both, as the
/// machine may be busy.
#[test]
fn time_grows_with_the_length_of_a_text() {
    const LONGER: usize = 16;
    const GROWTH_MAX: u32 = 100;
    const ATTEMPTS: usize = 5;
    // As often as is still parsed.
    for (first, link, count) in [
        ("select a", " and a", 9_000),
        ("select a", ", f(a, 1)", 4_000),
        ("select a", " || 'x'", 9_000),
        ("select * from t", ", t", 14_000),
        ("select * from t", ", lateral flatten(t.a) f", 3_000),
        ("insert into t values (a)", ", (a, 1)", 4_000),
        ("select case", " when a then b", 7_000),
        ("select a", " (", 20_000),
        ("select a", " {", 20_000),
        ("select a", " at(x", 9_000),
        ("select a", ", get_ddl('table', 'a')", 4_000),
        ("with a as (select 1)", ", b as (select * from a)", 3_000),
        ("select 1", " /* a */ -- b\n", 20_000),
    ] {
        let (short, long) = (chain(first, link, count / LONGER), chain(first, link, count));
        let is_linear = (0..ATTEMPTS).any(|_| time_of(&long) < time_of(&short) * GROWTH_MAX);
        assert!(is_linear, "{first}{link}");
    }
}
