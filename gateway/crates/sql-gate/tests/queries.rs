//! Queries and DML of every form: their class and every object in them, none left out and none made up.

#![allow(clippy::unwrap_used)]

use sql_gate::{Access, Dialect, Object, ObjectKind, read};

/// A statement, its class, and its objects: `T`, `function F`, `write T`.
type Case = (&'static str, &'static str, &'static [&'static str]);

fn shown(object: &Object) -> String {
    let access = match object.access {
        Access::Read => "",
        Access::Write => "write ",
        Access::Define => "define ",
        Access::Use => "use ",
    };
    let kind = match object.kind {
        ObjectKind::Relation => "",
        ObjectKind::Schema => "schema ",
        ObjectKind::Database => "database ",
        ObjectKind::Stage => "stage ",
        ObjectKind::Function => "function ",
        ObjectKind::Other => "other ",
        ObjectKind::Account => "account ",
    };
    format!("{access}{kind}{}", object.name)
}

fn check(cases: &[Case]) {
    for (sql, class, objects) in cases {
        let statement = read(sql, Dialect::Snowflake);
        let mut found: Vec<String> = statement.objects.iter().map(shown).collect();
        found.sort();
        let mut expected: Vec<String> = objects.iter().map(|&object| object.to_owned()).collect();
        expected.sort();
        assert_eq!(found, expected, "{sql}: {statement:?}");
        assert_eq!(statement.class.name(), *class, "{sql}");
        assert_eq!((&statement.not_understood, &statement.refusal), (&None, &None), "{sql}");
    }
}

const QUERIES: &[Case] = &[
    ("select 1", "read", &[]),
    ("select * from db.s.t", "read", &["DB.S.T"]),
    ("with x as (select * from t) select * from x, y", "read", &["T", "Y"]),
    ("with t as (select * from t) select * from t", "read", &["T"]),
    (
        "with recursive n as (select 1 a union all select a+1 from n where a < 10) select * from n",
        "read",
        &[],
    ),
    ("select * from table('a.b.c')", "read", &["A.B.C"]),
    ("select * from identifier('db.s.t') i", "read", &["DB.S.T"]),
    (
        "select * from t at(timestamp => '2024-01-01'::timestamp) a join u before(statement => 'x') on a.x = u.x",
        "read",
        &["T", "U"],
    ),
    ("select * from t changes(information => default) at(offset => -60) end(offset => -5)", "read", &["T"]),
    (
        "select * from semantic_view(db.s.v metrics a.b dimensions c.d where c.d > 1) order by 1",
        "read",
        &["DB.S.V"],
    ),
    (
        "select $1, t.$2:a.b::int from @db.s.st/path/x.csv (file_format => 'f', pattern => '.*') t",
        "read",
        &["stage DB.S.ST"],
    ),
    ("select * from directory(@db.s.st)", "read", &["stage DB.S.ST"]),
    (
        "select * from table(information_schema.query_history(dateadd('hour', -1, current_timestamp()), result_limit => 5))",
        "read",
        &["function INFORMATION_SCHEMA.QUERY_HISTORY"],
    ),
    (
        "select * from t, lateral flatten(input => t.a:b, outer => true) f where f.value:x[0].y = 1 qualify row_number() over (partition by a order by b) = 1",
        "read",
        &["T"],
    ),
    ("select * exclude (a) replace (b+1 as b) rename (c as d) from t", "read", &["T"]),
    ("select * ilike '%x%' from t", "read", &["T"]),
    ("select filter(a, x -> x > 1), transform(b, (x int) -> x+1) from t", "read", &["T"]),
    ("select a, b, from t", "read", &["T"]),
    ("select a.*, b.* from a asof join b match_condition(a.t >= b.t) on a.x = b.x", "read", &["A", "B"]),
    ("select a, sum(b) from t group by all order by all", "read", &["T"]),
    (
        "select * from t match_recognize(partition by a order by b measures first(x) as y one row per match after match skip past last row pattern (s+ d{2,}) define s as x > 1, d as x < (select max(q) from z))",
        "read",
        &["T", "Z"],
    ),
    ("select * from t pivot(sum(a) for m in (any order by m)) p", "read", &["T"]),
    ("select * from t pivot(sum(a) for m in (select distinct q from r))", "read", &["T", "R"]),
    ("select * from t unpivot(a for m in (x, y as 'z'))", "read", &["T"]),
    ("select s.nextval, db.sc.s2.nextval from t", "write", &["write other S", "write other DB.SC.S2", "T"]),
    ("select * from table(getnextval(s))", "write", &["write other S"]),
    ("insert into t (a, b) select * from u", "write", &["write T", "U"]),
    ("insert overwrite into t select * from u", "write", &["write T", "U"]),
    (
        "insert all when x > 1 then into a values (x) when x < 1 then into b else into c select * from d",
        "write",
        &["D", "write A", "write B", "write C"],
    ),
    ("insert first when 1=1 then into a select x from y", "write", &["Y", "write A"]),
    (
        "insert all into a into db.s.b (x) values (y) select * from z",
        "write",
        &["Z", "write A", "write DB.S.B"],
    ),
    (
        "update t set a = (select max(b) from u), c = v.c from v where t.i = v.i",
        "write",
        &["write T", "U", "V"],
    ),
    ("delete from t using u where t.i = u.i and exists (select 1 from w)", "write", &["write T", "U", "W"]),
    (
        "merge into t using (select * from s) q on t.i = q.i when matched and q.d then delete when matched then update set t.a = q.a when not matched then insert (a) values ((select max(x) from m))",
        "write",
        &["write T", "S", "M"],
    ),
    ("with d as (select 1) delete from t where x in (select * from d)", "write", &["write T"]),
    ("select * from (delete from t)", "write", &["write T"]),
    ("select 1.5e-3, .5, 1., 1e5, 12a, $1, $$a$$, x'0f', -1", "read", &[]),
    ("select {*}, {t.*}, object_construct(*), f(**a) from t", "read", &["T"]),
    ("select m!predict(input => {*}) from t", "read", &["T", "function M"]),
    ("select a:b.c[0]:\"d e\"::varchar, a['x']['y'] from t", "read", &["T"]),
    ("select * from sample_t sample (10) seed (3)", "read", &["SAMPLE_T"]),
    ("select * from t tablesample bernoulli (5)", "read", &["T"]),
    ("select top 5 * from t", "read", &["T"]),
    ("select * from t fetch first 5 rows only", "read", &["T"]),
    ("select * from values (1, 'a'), (2, 'b') v (x, y)", "read", &[]),
    ("values (1), (2)", "read", &[]),
    ("(select 1) union (select 2) order by 1", "read", &[]),
    ("select db.s.f(x), g(y) from table(db.s.tf(1))", "read", &["function DB.S.F", "function DB.S.TF"]),
    ("select get_ddl('table', 'db.s.t')", "read", &["DB.S.T"]),
    ("select listagg(distinct a, ',') within group (order by b) from t", "read", &["T"]),
    ("select a from t1 natural join t2", "read", &["T1", "T2"]),
    ("select * from t1 join t2 using (a)", "read", &["T1", "T2"]),
    ("select * from a join b join c on b.x = c.x on a.x = b.x", "read", &["A", "B", "C"]),
    (
        "select interval '1 day' + d, date '2020-01-01', timestamp_ntz '2020-01-01 00:00:00' from t",
        "read",
        &["T"],
    ),
    ("select count(*) over (order by a rows between 1 preceding and current row) from t", "read", &["T"]),
    (
        "select iff(a, b, c), decode(a, 1, 2), nvl(x, y), try_cast(a as int), a::number(38,2) from t",
        "read",
        &["T"],
    ),
    (
        "select extract(year from d), extract('year', d), position('a' in b), substring(a from 1 for 2), trim(both 'x' from y) from t",
        "read",
        &["T"],
    ),
    (
        "select * from t where a like any ('x%', 'y%') escape '!' and b rlike 'x' and c not ilike all ('a','b')",
        "read",
        &["T"],
    ),
    ("select * from t start with a = 1 connect by prior a = b", "read", &["T"]),
    ("select * from t connect by prior a = b start with a = 1", "read", &["T"]),
    (
        "select connect_by_root a, sys_connect_by_path(a, '/') from t start with a = 1 connect by a = prior b",
        "read",
        &["T"],
    ),
    ("select * from (t) , (select 1) x", "read", &["T"]),
    ("select * from ((a join b on 1=1) join c on 1=1)", "read", &["A", "B", "C"]),
    ("select * from t where (a, b) in (select x, y from u)", "read", &["T", "U"]),
    ("select case when a then b else (select 1 from z) end from t limit 5 offset 10", "read", &["Z", "T"]),
    ("select a from t order by (select max(x) from hidden)", "read", &["T", "HIDDEN"]),
    ("select * from db..t", "read", &["DB.PUBLIC.T"]),
    ("select * from \"Db\".\"s\".\"T\"\"x\"", "read", &["Db.s.T\"x"]),
    ("select current_user, current_timestamp, current_date(), localtimestamp from t", "read", &["T"]),
    (
        "select * from t, table(flatten(t.a)) f, lateral (select * from u where u.x = t.x) l",
        "read",
        &["T", "U"],
    ),
    ("select * from table(generator(rowcount => 10))", "read", &[]),
    ("select uniform(1, 10, random()) from table(generator(rowcount => 10))", "read", &[]),
    (
        "select * from t where x = any (select y from z) and u = all (select v from w)",
        "read",
        &["T", "W", "Z"],
    ),
    ("select * from a left outer join lateral flatten(a.x) f", "read", &["A"]),
    ("select * from a cross join lateral (select 1) b", "read", &["A"]),
    ("select a from t group by grouping sets ((a), (b)), cube (a), rollup (a, b)", "read", &["T"]),
    ("select * from t for update", "read", &["T"]),
    ("select * from t1, t2 where t1.a = t2.b(+)", "read", &["T1", "T2"]),
    ("select ai_complete('m', prompt('x {0}', c)) from t", "read", &["T"]),
    ("select * from table(db.s.m!forecast(forecasting_periods => 3))", "read", &["function DB.S.M"]),
    ("select datediff(day, a, b), dateadd(day, 1, c), date_trunc('month', d) from t", "read", &["T"]),
    ("select array_agg(a) within group (order by b), [1,2,3], {'a': 1, 'b': [2]} from t", "read", &["T"]),
    ("select * from t where a is distinct from b and c between 1 and 2 and d is not null", "read", &["T"]),
    ("select t.a from t where contains(t.b, '@gmail.com')", "read", &["T"]),
    ("select * from lateral flatten(input => parse_json('[1]'))", "read", &[]),
    ("select * from t union all by name select * from u", "read", &["U", "T"]),
    ("select distinct on (a) * from t", "read", &["T"]),
    (
        "select a, b from t group by 1, 2 having count(*) > 1 order by 1 desc nulls last limit 10",
        "read",
        &["T"],
    ),
];

#[test]
fn every_object_of_a_query_is_found() {
    check(QUERIES);
}

#[test]
fn long_lists_of_literals_are_read() {
    let list = ", 12".repeat(100_000);
    let rows = ", (1, 'a', null, -1.5)".repeat(18_000);
    for (sql, objects) in [
        (format!("select * from a where b in (1{list}) and c in (select d from e)"), &["A", "E"][..]),
        (
            format!("select f(1, 2, 3, 4, 5, 6, (select a from b)), [1, 2, 3, 4, 5, 6, 7] from c{}", ""),
            &["B", "C"],
        ),
        (
            format!("insert into t (a, b) values (1, 'a', 2, 3){rows}, (4, (select max(x) from y))"),
            &["Y", "write T"],
        ),
    ] {
        let statement = read(&sql, Dialect::Snowflake);
        let mut found: Vec<String> = statement.objects.iter().map(shown).collect();
        found.sort();
        assert_eq!(
            (&found[..], &statement.not_understood),
            (&objects.iter().map(ToString::to_string).collect::<Vec<_>>()[..], &None)
        );
    }
}

#[test]
fn a_cte_shadows_inside_its_query_and_unqualified_only() {
    check(&[
        ("with x as (select 1) select * from x", "read", &[]),
        ("with x as (select 1) select * from X", "read", &[]),
        ("with \"x\" as (select 1) select * from x", "read", &["X"]),
        ("with x as (select 1) select * from \"X\"", "read", &[]),
        ("with x as (select 1) select * from s.x", "read", &["S.X"]),
        ("with x as (select 1) select * from identifier('x')", "read", &["X"]),
        ("with x as (select 1) select * from table('x')", "read", &["X"]),
        ("with a as (select * from b), b as (select 1) select * from a, b", "read", &["B"]),
        ("with a as (select 1), b as (select * from a) select * from b", "read", &[]),
        ("select * from (with x as (select 1) select * from x), x", "read", &["X"]),
        ("(with x as (select 1) select * from x) union all select * from x", "read", &["X"]),
        ("select * from x where a in (with x as (select 1) select * from x)", "read", &["X"]),
        ("with x as (with y as (select 1) select * from y) select * from x, y", "read", &["Y"]),
        (
            "with x as (select 1) select (select max(a) from x), (select b from (select * from x))",
            "read",
            &[],
        ),
        (
            "with x as (select 1) select * from t where exists (select 1 from x) order by (select 1 from x)",
            "read",
            &["T"],
        ),
        ("with x (a, b) as (select 1, 2) select * from x as y", "read", &[]),
        ("insert into x with x as (select 1) select * from x", "write", &["write X"]),
        ("with x as (select 1) delete from x using x y", "write", &["write X"]),
    ]);
}

#[test]
fn a_recursive_cte_is_itself_behind_its_union_all() {
    check(&[
        ("with t as (select * from t) select * from t", "read", &["T"]),
        ("with recursive t as (select * from t) select * from t", "read", &["T"]),
        ("with recursive t as (select 1 as n union all select n + 1 from t) select * from t", "read", &[]),
        ("with t as (select 1 as n union all select n + 1 from t) select * from t", "read", &[]),
        ("with t as (select n from t union all select 1) select * from t", "read", &["T"]),
        ("with t as (select 1 union select n from t) select * from t", "read", &["T"]),
        (
            "with t as (select 1 union all select n from (select * from t) union all select 2 from t) select 1",
            "read",
            &[],
        ),
        ("with t as (select 1 union all select n from s.t) select 1", "read", &["S.T"]),
    ]);
}

#[test]
fn names_in_texts_are_names() {
    check(&[
        ("select * from identifier('a.\"b\".c')", "read", &["A.b.C"]),
        ("select * from table(identifier('a.b'))", "read", &["A.B"]),
        ("select identifier('a.b.f')(1)", "read", &["function A.B.F"]),
        ("select identifier('s.nextval')", "write", &["write other S"]),
        ("select * from table('a.b') x, table($$c$$) y", "read", &["A.B", "C"]),
        ("select * from '@db.s.st/a b.csv'", "read", &["stage DB.S.ST"]),
        ("select * from @~/x, @%t, @db.s.%u/p", "read", &["stage ~", "T", "DB.S.U"]),
        (
            "select * from table(infer_schema(location => '@s.st/x', file_format => 'f'))",
            "read",
            &["stage S.ST"],
        ),
        (
            "select * from table(infer_schema(location => @s.st/x, file_format => 'f'))",
            "read",
            &["stage S.ST"],
        ),
        (
            "select get_presigned_url(@s.st, 'x'), build_scoped_file_url('@u', x) from t",
            "read",
            &["T", "stage S.ST", "stage U"],
        ),
        (
            "select * from table(information_schema.copy_history(table_name => 'a.b', start_time => x()))",
            "read",
            &["A.B", "function INFORMATION_SCHEMA.COPY_HISTORY"],
        ),
        ("select get_ddl('table', 'a.f')", "read", &["A.F"]),
        ("select get_ddl('function', 'a.f(number)')", "read", &["other A.F"]),
        ("select get_ddl('schema', 'a.s', true)", "read", &["define schema A.S"]),
        ("select * from table(to_query('select * from a where b = ''c'''))", "read", &["A"]),
        ("select * from table(to_query(sql => $$select * from a$$))", "read", &["A"]),
        ("select \"GET_DDL\"('table', 'a.f')", "read", &["A.F"]),
        ("select identifier('get_ddl')('table', 'a.f')", "read", &["A.F"]),
        ("select * from table(system$stream_backlog('a.b'))", "read", &["other A.B"]),
        ("select * from t at(stream => 'a.s')", "read", &["T", "other A.S"]),
    ]);
}

#[test]
fn tables_are_arguments_too() {
    check(&[
        ("select * from table(g(table(a.b)))", "read", &["A.B"]),
        ("select * from table(g(table(a.b) over (partition by c)))", "read", &["A.B"]),
        ("select * from table(m!detect(input_data => table(x.y), z => 1))", "read", &["X.Y", "function M"]),
        ("select f(table('x.y')), g(table(select a from b)) from z", "read", &["B", "X.Y", "Z"]),
        (
            "select * from t, lateral table(a.b), lateral validate(c, job_id => '_last')",
            "read",
            &["A.B", "C", "T"],
        ),
        ("select * from table(validate(a.b, job_id => '_last'))", "read", &["A.B"]),
        ("select * from table(identifier('validate')(a.b, job_id => '_last'))", "read", &["A.B"]),
        ("select * from table(flatten(input => select a from b)) c, d", "read", &["B", "D"]),
        ("select f(x => with a as (select 1) select max(b) from (select * from c), a)", "read", &["C"]),
    ]);
}

#[test]
fn what_cannot_be_known_is_not_understood_and_a_read_all_the_same() {
    for sql in [
        "select * from table($v)",
        "select * from table(?)",
        "select * from table(:1)",
        "select * from identifier($v)",
        "select * from identifier(?)",
        "select * from identifier('a' || 'b')",
        "select * from identifier(concat('a', 'b'))",
        "select * from table('a' || 'b')",
        "select * from $v",
        "select * from 'a.b'",
        "select * from table(infer_schema(location => $l))",
        "select get_ddl('table', x) from t",
        "select f(table($v))",
        "with identifier('x') as (select 1) select * from x",
        "with 'x' as (select 1) select * from x",
        "select f(table(x => a))",
        "select * from t, lateral table(:1)",
        "select * from t at(stream => $s)",
        "select a from t where",
        "select * from t frobnicate x y z",
    ] {
        let statement = read(sql, Dialect::Snowflake);
        assert_eq!(statement.class.name(), "read", "{sql}");
        assert!(statement.not_understood.is_some(), "{sql}: {statement:?}");
    }
}

#[test]
fn what_changes_rows_inside_a_query_is_a_change() {
    for sql in [
        "with x as (select 1) delete from t",
        "with x as (select 1) insert into t select * from x",
        "with x as (select 1) update t set a = 1",
        "with x as (select 1) merge into t using x on 1 = 1 when matched then delete",
        "with x as (delete from t) select 1",
        "select * from (delete from t)",
        "select * from (update t set a = 1)",
        "select * from (insert into t values (1))",
        "select (delete from t) frobnicate frobnicate frobnicate",
        "with x as (select 1 frobnicate frobnicate frobnicate) delete from t",
        "select s.nextval",
        "select * from table(getnextval(s))",
        "select * from table(to_query('delete from t'))",
    ] {
        assert_eq!(read(sql, Dialect::Snowflake).class.name(), "write", "{sql}");
    }
    assert_eq!(read("select a into b from c", Dialect::Snowflake).class.name(), "ddl");
    assert_eq!(read("select a into b from c frobnicate x y", Dialect::Snowflake).class.name(), "ddl");
    for sql in [
        "select * from table(to_query('select ' || 1))",
        "select * from table(to_query($q))",
        "select * from table(to_query('select 1' || x, a => 1))",
        "select * from table(to_query('select \\x41'))",
        "select * from table(to_query(sql => x))",
        "select * from table(to_query('select 1'",
    ] {
        let statement = read(sql, Dialect::Snowflake);
        assert!(statement.class.name() == "call" || sql.ends_with('\''), "{sql}: {statement:?}");
        assert!(statement.not_understood.is_some(), "{sql}");
    }
    let procedure = "with p as procedure () returns int language sql as $$ begin return 1; end $$ call p()";
    assert_eq!(read(procedure, Dialect::Snowflake).class.name(), "call");
}

#[test]
fn only_what_gives_the_same_rows_again_is_repeatable() {
    for sql in ["select 1", "select current_timestamp, random from t", "select a.random, seq4 from a"] {
        assert!(read(sql, Dialect::Snowflake).is_repeatable, "{sql}");
    }
    for sql in [
        "select random()",
        "select uniform(1, 2, random())",
        "select \"RANDOM\"()",
        "select uuid_string()",
        "select seq4() from table(generator(rowcount => 1))",
        "select randstr(1, 2)",
        "select s.nextval",
        "select identifier('random')()",
    ] {
        assert!(!read(sql, Dialect::Snowflake).is_repeatable, "{sql}");
    }
}

#[test]
fn what_the_parser_does_not_know_is_mended() {
    check(&[
        (
            "select * from (select 1 a) match_recognize(order by a measures match_number() as m pattern(a+ b) define a as true) where m > 1",
            "read",
            &[],
        ),
        (
            "select * from t as x match_recognize(order by a measures final first(x.a) as b pattern(a+)) as y join z",
            "read",
            &["T", "Z"],
        ),
        (
            "select * from t match_recognize(order by f.g.h(1) pattern(a) define a as true)",
            "read",
            &["T", "function F.G.H"],
        ),
        (
            "select * from t unpivot(a for m in (jan as january, feb february, mar as 'march')) order by 1",
            "read",
            &["T"],
        ),
        (
            "select * from t as x pivot(sum(a) for m in ('y', 'z')) as p (a, b) tablesample bernoulli (0.1), u",
            "read",
            &["T", "U"],
        ),
        ("select * from t as x pivot(sum(a) for m in (select b from c)) as p", "read", &["C", "T"]),
        (
            "select * from a inner directed join b using (id) left outer directed join c on true",
            "read",
            &["A", "B", "C"],
        ),
        ("select * from a directed join b using (id)", "read", &["A", "B"]),
        ("select * from t sample row (5 rows) x, u tablesample system (3) seed (82)", "read", &["T", "U"]),
        ("select nth_value(a, 2) from last ignore nulls over (partition by b) from t", "read", &["T"]),
        (
            "select cast(o as object(x char, y varchar) rename fields), o::object(a int), a::timestamp with local time zone from t",
            "read",
            &["T"],
        ),
        ("select date_part(year from d), date_part('month' from d) from t", "read", &["T"]),
        (
            "select a, prior name as p from t connect by nocycle prior a = b and not contains(prior path, c)",
            "read",
            &["T"],
        ),
        ("select sum(a) filter (where b > (select max(c) from d)) from t", "read", &["D", "T"]),
        ("select a collate 'en-ci', f(b) collate 'de' from t where a = b collate 'en'", "read", &["T"]),
        (
            "merge into t using s on t.a = s.a when matched then update all by name when not matched then insert all by name",
            "write",
            &["S", "write T"],
        ),
        ("select * from t at(timestamp => dateadd(hour, -1, current_timestamp())) x", "read", &["T"]),
        ("select * from t at(timestamp => (select max(a) from b)) x", "read", &["B", "T"]),
    ]);
}

/// What looks like a clause that is left out, where it is the name of a table.
#[test]
fn no_table_is_taken_for_what_is_left_out() {
    for (sql, table) in [
        ("select * from a, add fields where 1 = 1", "ADD"),
        ("select * from a, rename fields where 1 = 1", "RENAME"),
        ("select * from a, directed join b on 1 = 1", "DIRECTED"),
        ("select * from directed join b on 1 = 1", "DIRECTED"),
        ("select * from a, prior b", "PRIOR"),
        ("select * from (prior b)", "PRIOR"),
        ("select * from a, collate b", "COLLATE"),
        ("select * from a join identifier('first') ignore", "first"),
        ("select (1) from first over", "FIRST"),
        ("select (1) from last respect, b", "LAST"),
    ] {
        let statement = read(sql, Dialect::Snowflake);
        let is_found = statement.objects.iter().any(|object| object.name.0 == [table.to_owned()]);
        let is_found =
            is_found || statement.objects.iter().any(|object| object.name.0 == [table.to_uppercase()]);
        assert!(is_found || statement.not_understood.is_some(), "{sql}: {statement:?}");
    }
    for sql in [
        "select * from pivot(1) p join b on 1 = 1",
        "select * from sample (10) x join b on 1 = 1",
        "select * from a join sample (10) on 1 = 1, b",
        "select * from collate 'x' join b on 1 = 1",
        "select * from a, at(timestamp => 1) x join b on 1 = 1",
    ] {
        let statement = read(sql, Dialect::Snowflake);
        let is_found = statement.objects.iter().any(|object| object.name.to_string() == "B");
        assert!(is_found || statement.not_understood.is_some(), "{sql}: {statement:?}");
    }
}
