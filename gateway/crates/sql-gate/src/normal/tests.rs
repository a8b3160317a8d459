use proptest::prelude::*;

use super::*;
use Dialect::{Snowflake, Sqlite};

fn both(sql: &str) -> String {
    let (one, other) = (pattern(sql, Snowflake), pattern(sql, Sqlite));
    assert_eq!(one, other, "{sql}");
    one
}

#[test]
fn literals_and_comments_are_out_and_names_stay() {
    for (sql, expected) in [
        ("select * from T where a=1", "SELECT * FROM T WHERE a = ?"),
        ("  SELECT\n*\tfrom T -- note\n where A  = 'x' ;", "SELECT * FROM T WHERE A = ?"),
        (
            "select count ( * ), t.a, t . b from db.\"My Table\" t",
            "SELECT count(*), t.a, t.b FROM db.\"My Table\" t",
        ),
        ("select 1.5e-3, .5, -7, 0x1F, x'00ff', a - 1, a -b", "SELECT ?, ?, ?, ?, ?, a - ?, a - b"),
        ("select a<=1 and b<>2 or c!=3 || 'x'", "SELECT a <= ? AND b <> ? OR c != ? || ?"),
        ("select date '2020-01-01', cast(a as varchar(10))", "SELECT DATE ?, cast(a AS varchar(?))"),
        ("where a in (1, 'b', -3,4) and b in (5)", "WHERE a IN (?) AND b IN (?)"),
        ("where (a, b) in ((1, 2), (3, 4))", "WHERE (a, b) IN ((?, ?))"),
        ("where a in (select b from c where d in (1,2))", "WHERE a IN (SELECT b FROM c WHERE d IN (?))"),
        (
            "insert into t(a, b) values (1, null), (f(2), ')'), ((3), 4) returning a",
            "INSERT INTO t(a, b) VALUES (?, ?) RETURNING a",
        ),
        ("select a is null, b is not null, c = null, true", "SELECT a IS NULL, b IS NOT NULL, c = ?, ?"),
        ("select f(1, 2), g(?, ?1)", "SELECT f(?, ?), g(?, ?)"),
        ("select 'it''s' as a limit 5", "SELECT ? AS a LIMIT ?"),
        (
            "select * from u where p = \"hunter2\" and a.\"b\" = c.\"d\"",
            "SELECT * FROM u WHERE p = ? AND a.\"b\" = c.\"d\"",
        ),
        ("pragma cache_size = many", "PRAGMA cache_size = ?"),
        ("", ""),
        (";;", ""),
    ] {
        assert_eq!(both(sql), expected, "{sql}");
    }
    for (sql, expected) in [
        ("select a:b.c::date, $1, $x, v[0], [1, 2, 3]", "SELECT a:b.c::DATE, $1, $x, v[?], [?]"),
        ("select 'a\\'b' // c\n, $$ d $$", "SELECT ?, ?"),
        (
            "copy into t from @s/x file_format = (type = 'csv')",
            "COPY INTO t FROM @s / x file_format = (type = ?)",
        ),
        ("select 1 ->> select * from $1", "SELECT ? ->> SELECT * FROM $1"),
        ("call p(a => 1)", "CALL p(a => ?)"),
    ] {
        assert_eq!(pattern(sql, Snowflake), expected, "{sql}");
    }
    assert_eq!(pattern("select [a b], `c`, :x from t /* open", Sqlite), "SELECT [a b], `c`, :x FROM t");
}

#[test]
fn what_differs_in_literals_alone_has_one_pattern() {
    for (one, other) in [
        ("select a from t where b=1", "SELECT a FROM t WHERE b = -2.5"),
        ("insert into t values (1,2)", "insert into t values(3 , null),(5,6)"),
        ("select a from t where b in (1)", "select a from t where b in (1,2 ,3,'x')"),
        ("select /* c */ a", "select a -- d"),
    ] {
        assert_eq!(both(one), both(other));
    }
    let rows = |count: usize| format!("insert into t values {}", vec!["(1, 'abc')"; count].join(", "));
    assert_eq!(both(&rows(1)), both(&rows(40_000)));
    assert_ne!(both("select f(1)"), both("select f(1, 2)"));
}

#[test]
fn where_quotes_are_out_of_step_the_pattern_ends_before_them() {
    for sql in [
        "select a from t where b = 'secret",
        "select a from t where b = 'it's secret'",
        "select a from t where b = 'it's sec're'",
        "select a from t where b = 'x' and c = 'secret",
        "select a from t where b = \"secret",
        "select a from t where b = 'x\"secret\"",
        "select a from t where b = don't 'secret' won't",
    ] {
        for dialect in [Snowflake, Sqlite] {
            let read = pattern(sql, dialect);
            assert!(
                !read.contains("secret") && !read.contains("sec") && read.contains("FROM t"),
                "{sql}: {read}"
            );
            assert!(read.ends_with('…'), "{read}");
        }
    }
    let nested = pattern("select a /* b /* c */ 'secret' */ from t", Snowflake);
    assert!(!nested.contains("secret"), "{nested}");
}

#[test]
fn a_pattern_is_bounded_and_made_in_linear_time() {
    for unit in [
        "a, ",
        "(",
        "'x', ",
        "a.b.c = 1 and ",
        "x in (1, a, 2) and ",
        "-",
        "'",
        "\"é\", ",
        "values (1), ",
        "[",
    ] {
        for before in ["", "select ", "select 1 in (", "values ("] {
            let sql = format!("{before}{}", unit.repeat(200_000 / unit.len()));
            for dialect in [Snowflake, Sqlite] {
                assert!(pattern(&sql, dialect).len() <= PATTERN_BYTES_MAX, "{unit}");
            }
        }
    }
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z \"(),;*/$-]{0,8}".prop_map(|text| format!("'{text}SECRET{text}'")),
        Just("'it''s SECRET'".to_owned()),
        Just("x'5EC2E7'".to_owned()),
        Just("5EC2E7e-5".to_owned()),
        Just("-77.77e+77".to_owned()),
        Just("/* SECRET ' */ 7".to_owned()),
        Just("7 -- SECRET '\n".to_owned()),
        Just("in ('SECRET', 7, 'SECRET')".to_owned()),
        Just("= \"SECRET\"".to_owned()),
    ]
}

proptest! {
    #[test]
    fn a_literal_never_survives(
        parts in prop::collection::vec(
            prop_oneof![
                3 => "[a-d]{1,3}",
                3 => literal(),
                2 => "(select|where|in|values|,|\\(|\\)|=|-|\\+|and|;|limit)",
            ],
            0..24,
        ),
        sqlite: bool,
    ) {
        let dialect = if sqlite { Sqlite } else { Snowflake };
        let sql = parts.join(" ");
        let read = pattern(&sql, dialect);
        for planted in ["SECRET", "5EC2E7", "77"] {
            prop_assert!(!read.contains(planted), "{} -> {}", sql, read);
        }
    }

    #[test]
    fn a_text_that_is_broken_shows_no_literal(before in "[a-z =,(]{0,12}", secret in "[A-Z]{6}", cut in 0usize..9, sqlite: bool) {
        let dialect = if sqlite { Sqlite } else { Snowflake };
        let whole = format!("{before} '{secret}'");
        let sql = &whole[..whole.len().saturating_sub(cut).max(before.len() + 2)];
        let read = pattern(sql, dialect);
        prop_assert!(!read.chars().any(|c| c.is_ascii_uppercase()) || !read.contains(&secret[..secret.len() - cut.min(5)]), "{} -> {}", sql, read);
    }

    #[test]
    fn any_text_has_a_bounded_pattern_without_control_characters(sql in "(\\PC|[\\x00-\\x1f'\"$\\[]){0,80}", sqlite: bool) {
        let read = pattern(&sql, if sqlite { Sqlite } else { Snowflake });
        prop_assert!(read.len() <= PATTERN_BYTES_MAX);
        prop_assert!(!read.chars().any(char::is_control), "{:?}", read);
    }
}
