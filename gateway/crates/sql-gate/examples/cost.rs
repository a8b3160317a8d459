//! How long the gate takes, for short statements and for texts that are made to exhaust a parser:
//! `cargo run --release --example cost`.

use std::time::{Duration, Instant};

use sql_gate::{Dialect, read};

fn time(sql: &str) -> Duration {
    let begun = Instant::now();
    std::hint::black_box(read(std::hint::black_box(sql), Dialect::Snowflake));
    begun.elapsed()
}

fn percentile(sql: &str, percent: usize) -> Duration {
    let mut times: Vec<Duration> = (0..5000).map(|_| time(sql)).collect();
    times.sort_unstable();
    times[times.len() * percent / 100]
}

fn main() {
    for sql in [
        "SELECT 1",
        "SELECT c_name, c_acctbal FROM customer WHERE c_custkey = 42",
        "SELECT o.o_orderdate, SUM(l.l_extendedprice * (1 - l.l_discount)) AS revenue FROM orders o JOIN lineitem l ON \
         l.l_orderkey = o.o_orderkey WHERE o.o_orderdate >= '1995-01-01' GROUP BY o.o_orderdate ORDER BY revenue DESC LIMIT 10",
    ] {
        println!("p50 {:?}, p99 {:?}: {sql:.60}", percentile(sql, 50), percentile(sql, 99));
    }
    let mebibyte = 1 << 20;
    for (name, sql) in [
        ("300 joins", format!("select * from t{}", " join t".repeat(300))),
        ("20,000 joins", format!("select * from t{}", " join t".repeat(20_000))),
        ("900 joins with ON", format!("select * from t{}", " join t on a = b".repeat(900))),
        ("9,900 ANDs", format!("select a{}", " and a".repeat(9_900))),
        ("64,000 ANDs", format!("select a{}", " and a".repeat(64_000))),
        ("64,000 casts", format!("select a{}", "::int".repeat(64_000))),
        ("14,900 columns", format!("select a{}", ", a".repeat(14_900))),
        ("49,000 values", format!("select * from t where a in (1{})", ", 1".repeat(49_000))),
        ("900 UNIONs", format!("select 1{}", " union all select 1".repeat(900))),
        ("100,000 parentheses", format!("select {}1{}", "(".repeat(100_000), ")".repeat(100_000))),
        ("190 parentheses", format!("select {}1{}", "(".repeat(190), ")".repeat(190))),
        ("190 tables in parentheses", format!("select * from {}t{}", "(".repeat(190), ")".repeat(190))),
        ("190 subqueries", format!("select * from {}t{}", "(select * from ".repeat(190), ")".repeat(190))),
        ("1 MiB of a word", "x".repeat(mebibyte)),
        ("1 MiB of commas", ",".repeat(mebibyte)),
        ("1 MiB of quotes", "'".repeat(mebibyte)),
        ("1 MiB of semicolons", ";".repeat(mebibyte)),
        ("1 MiB of comments", "/**/".repeat(mebibyte / 4)),
        ("1 MiB of pictures", "\u{1f600}".repeat(mebibyte / 4)),
        ("1 MiB of @//", "@//".repeat(mebibyte / 3)),
        (
            "64 KiB of three kinds of comments",
            format!("select a /*/**/ -- \r\n @s//\n{}", ", a".repeat(21_000)),
        ),
        (
            "1 MiB of three kinds of comments",
            format!("select a /*/**/ -- \r x\n @s//\n{}", ", a".repeat(349_000)),
        ),
        ("1 MiB of open braces", "{".repeat(mebibyte)),
        ("a text of 1 MiB", format!("select '{}'", "x".repeat(mebibyte - 20))),
    ] {
        let best = (0..5).map(|_| time(&sql)).min().unwrap_or_default();
        println!("{best:>10.1?}: {name}");
    }
}
