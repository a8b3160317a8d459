use crate::{Class, Dialect, ObjectKind, StateChange, Statement, read};

fn of(sql: &str) -> Statement {
    read(sql, Dialect::Snowflake)
}

/// The objects, as `kind NAME`.
fn objects(sql: &str) -> Vec<String> {
    let name = |kind| match kind {
        ObjectKind::Relation => "rel",
        ObjectKind::Schema => "schema",
        ObjectKind::Database => "db",
        ObjectKind::Stage => "stage",
        ObjectKind::Function => "fn",
        ObjectKind::Other => "other",
        ObjectKind::Account => "account",
    };
    of(sql).objects.iter().map(|object| format!("{} {}", name(object.kind), object.name)).collect()
}

#[test]
fn definitions_are_classed_by_what_they_define() {
    for (sql, class, expected) in [
        ("create table t (x int)", Class::Ddl, &["rel T"][..]),
        (
            "create or replace transient table d.s.t (x int not null default 1, primary key (x))",
            Class::Ddl,
            &["rel D.S.T"],
        ),
        ("create table t as select * from d.s.u", Class::Ddl, &["rel T", "rel D.S.U"]),
        ("create table t clone d.s.u at (offset => -60)", Class::Ddl, &["rel T", "rel D.S.U"]),
        ("create table t like u", Class::Ddl, &["rel T", "rel U"]),
        ("create table t (x int references d.s.u (y))", Class::Ddl, &["rel T", "rel D.S.U"]),
        (
            "create secure view v as with c as (select 1 from a) select * from c",
            Class::Ddl,
            &["rel V", "rel A"],
        ),
        ("create schema d.s clone d.o", Class::Ddl, &["schema D.S", "schema D.O"]),
        ("create database d", Class::Ddl, &["db D"]),
        (
            "create dynamic table t target_lag = '1 minute' warehouse = w as select * from u",
            Class::Ddl,
            &["rel T", "rel U"],
        ),
        ("create stream st on table d.s.t", Class::Ddl, &["rel ST", "rel D.S.T"]),
        ("create stage st url = 's3://x/' file_format = (type = csv)", Class::Ddl, &["stage ST"]),
        ("create sequence q start 1", Class::Ddl, &["other Q"]),
        (
            "create task k warehouse = w schedule = '5 minute' as insert into t select * from u",
            Class::Ddl,
            &["other K", "rel T", "rel U"],
        ),
        ("create pipe p as copy into t from @d.s.st", Class::Ddl, &["other P", "rel T", "stage D.S.ST"]),
        ("create temp table t (x int)", Class::Session, &["rel T"]),
        ("create user u", Class::Admin, &["account U"]),
        ("create role r", Class::Admin, &["account R"]),
        ("create warehouse w", Class::Admin, &["account W"]),
        ("create masking policy p as (v varchar) returns varchar -> v", Class::Admin, &["other P"]),
        ("alter table t rename to d.s.u", Class::Ddl, &["rel T", "rel D.S.U"]),
        ("alter table d.s.t swap with d.s.u", Class::Ddl, &["rel D.S.T", "rel D.S.U"]),
        ("alter table t add column x int", Class::Ddl, &["rel T"]),
        ("alter session policy p set comment = 'x'", Class::Admin, &["other P"]),
        ("drop table if exists d.s.t cascade", Class::Ddl, &["rel D.S.T"]),
        ("drop function f(int)", Class::Ddl, &["fn F"]),
        ("undrop table t", Class::Ddl, &["rel T"]),
        ("comment on column d.s.t.x is 'y'", Class::Ddl, &["rel D.S.T"]),
        ("comment if exists on table t is 'y'", Class::Ddl, &["rel T"]),
        ("truncate table if exists t", Class::Write, &["rel T"]),
        ("truncate t", Class::Write, &["rel T"]),
        ("grant select on table d.s.t to role r", Class::Admin, &["rel D.S.T"]),
        ("grant usage on all schemas in database d to role r", Class::Admin, &["db D"]),
        ("grant role a to user b", Class::Admin, &[]),
        (
            "copy into t from @st/x file_format = (format_name = d.s.f)",
            Class::Write,
            &["rel T", "stage ST", "other D.S.F"],
        ),
        ("copy into t (a, b) from (select $1, $2 from @d.s.st)", Class::Write, &["rel T", "stage D.S.ST"]),
        ("copy into @st from (select * from d.s.t)", Class::File, &["stage ST", "rel D.S.T"]),
        ("remove @st/x", Class::File, &["stage ST"]),
        (
            "create semantic view v tables (o as d.s.orders primary key (id), d.s.c) dimensions (o.x as o.x)",
            Class::Ddl,
            &["rel V", "rel D.S.ORDERS", "rel D.S.C"],
        ),
    ] {
        let found = of(sql);
        assert_eq!((found.class, found.not_understood, found.refusal), (class, None, None), "{sql}");
        assert_eq!(objects(sql), expected, "{sql}");
    }
}

#[test]
fn what_cannot_be_seen_is_not_understood() {
    for (sql, class) in [
        ("call p(1)", Class::Call),
        ("execute immediate 'drop table t'", Class::Call),
        ("execute task t", Class::Call),
        ("begin select 1; end", Class::Call),
        ("declare x int; begin return 1; end", Class::Call),
        ("create function f() returns int as 'select count(*) from t'", Class::Ddl),
        ("create procedure p() returns int language sql as $$ begin return 1; end $$", Class::Ddl),
        ("copy into 's3://x/' from t", Class::File),
        ("create nothing n", Class::Ddl),
        ("show grants to role r", Class::Read),
        ("frobnicate t", Class::Unknown),
        ("drop table identifier($x)", Class::Ddl),
    ] {
        let found = of(sql);
        assert_eq!(found.class, class, "{sql}");
        assert!(found.not_understood.is_some(), "{sql}");
        assert_eq!(found.refusal, None, "{sql}");
    }
}

#[test]
fn what_is_listed_and_described_is_named() {
    for (sql, expected) in [
        ("show tables", &[][..]),
        ("show terse tables like 'x' in schema d.s starts with 'a' limit 5 from 'b'", &["schema D.S"]),
        ("show tables in d.s", &["schema D.S"]),
        ("show tables in database d", &["db D"]),
        ("show tables in account", &[]),
        ("show schemas in d", &["db D"]),
        ("show schemas in database d", &["db D"]),
        ("show databases history", &[]),
        ("show columns in table d.s.t", &["rel D.S.T"]),
        ("show columns in t", &["rel T"]),
        ("show primary keys in table d.s.t", &["rel D.S.T"]),
        ("show semantic views", &[]),
        ("show semantic dimensions in view v", &["rel V"]),
        ("show grants on table d.s.t", &["rel D.S.T"]),
        ("show warehouses", &[]),
        ("show parameters in session", &[]),
        ("show masking policies in database d", &["db D"]),
        ("show user functions", &[]),
        ("show variables", &[]),
        ("desc table d.s.t", &["rel D.S.T"]),
        ("describe view v", &["rel V"]),
        ("desc t", &["rel T"]),
        ("desc table", &["rel TABLE"]),
        ("describe table t type = stage", &["rel T"]),
        ("describe function f(int, varchar)", &["fn F"]),
        ("describe database d", &["db D"]),
        ("describe warehouse w", &["account W"]),
        ("describe semantic view d.s.v", &["rel D.S.V"]),
        ("list @d.s.st/a pattern = '.*'", &["stage D.S.ST"]),
        ("ls @~", &[]),
        ("explain using json select * from d.s.t", &["rel D.S.T"]),
        ("explain delete from t", &["rel T"]),
    ] {
        let found = of(sql);
        assert_eq!((found.class, found.not_understood, found.refusal), (Class::Read, None, None), "{sql}");
        assert_eq!(objects(sql), expected, "{sql}");
    }
    assert!(of("show tables").listing.is_some() && of("show warehouses").listing.is_none());
    assert!(of("describe result 'x'").refusal.is_some());
}

#[test]
fn what_a_statement_does_to_its_session_is_told() {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    for (sql, class, change) in [
        ("begin", Class::Transaction, StateChange::Begin),
        ("begin work", Class::Transaction, StateChange::Begin),
        ("start transaction name x", Class::Transaction, StateChange::Begin),
        ("commit work", Class::Transaction, StateChange::Commit),
        ("rollback", Class::Transaction, StateChange::Rollback),
        ("set x = 1", Class::Session, StateChange::SetVariables(names(&["X"]))),
        ("set (x, \"y\") = (1, 2)", Class::Session, StateChange::SetVariables(names(&["X", "y"]))),
        ("unset (x, y)", Class::Session, StateChange::UnsetVariables(names(&["X", "Y"]))),
        (
            "alter session set timezone = 'UTC' week_start = 1",
            Class::Session,
            StateChange::SetParameters(names(&["TIMEZONE", "WEEK_START"])),
        ),
        ("alter session unset timezone", Class::Session, StateChange::UnsetParameters(names(&["TIMEZONE"]))),
        (
            "create or replace local temporary table d.s.t (x int)",
            Class::Session,
            StateChange::Temporary("D.S.T".to_owned()),
        ),
        ("call p()", Class::Call, StateChange::Anything),
    ] {
        let found = of(sql);
        assert_eq!((found.class, found.change, found.refusal), (class, change, None), "{sql}");
    }
    assert_eq!(objects("set x = (select max(y) from d.s.t)"), ["rel D.S.T"]);
    for refused in [
        "alter session set autocommit = false",
        "alter session set quoted_identifiers_ignore_case = true",
        "alter session",
        "set x",
        "begin; select 1",
        "put file:///x @s",
        "get @s file:///x",
        "use secondary roles r",
        "use a.b.c",
        "commit and chain",
    ] {
        assert!(of(refused).refusal.is_some(), "{refused}");
    }
}

#[test]
fn use_names_what_it_uses() {
    let used = |sql: &str| {
        let found = of(sql);
        assert_eq!((found.class, found.refusal), (Class::Context, None), "{sql}");
        let change = found.context.unwrap();
        [change.role, change.warehouse, change.database, change.schema].map(Option::unwrap_or_default)
    };
    assert_eq!(used("use role r"), ["R", "", "", ""]);
    assert_eq!(used("use warehouse \"w\""), ["", "w", "", ""]);
    assert_eq!(used("use database d"), ["", "", "D", ""]);
    assert_eq!(used("use d"), ["", "", "D", ""]);
    assert_eq!(used("use role"), ["", "", "ROLE", ""]);
    assert_eq!(used("use schema s"), ["", "", "", "S"]);
    assert_eq!(used("use schema d.s;"), ["", "", "D", "S"]);
    assert_eq!(used("use d.\"s\""), ["", "", "D", "s"]);
    assert_eq!(used("use identifier('d')"), ["", "", "D", ""]);
    assert!(of("use secondary roles all").context.unwrap().secondary_roles.is_some());
}
