//! The heads of Snowflake's statements: every kind of object with every verb, every list, and what stands behind names.

use sql_gate::{Access, Class, Dialect, ObjectKind, Statement, read};

fn of(sql: &str) -> Statement {
    read(sql, Dialect::Snowflake)
}

/// The objects, as `Kind NAME`.
fn objects(sql: &str) -> Vec<String> {
    of(sql).objects.iter().map(|object| format!("{:?} {}", object.kind, object.name)).collect()
}

/// Kinds of objects with the class of what defines one.
const KINDS: [(Class, ObjectKind, &[&str]); 9] = [
    (
        Class::Ddl,
        ObjectKind::Relation,
        &[
            "table",
            "view",
            "materialized view",
            "semantic view",
            "external table",
            "dynamic table",
            "event table",
            "hybrid table",
            "iceberg table",
            "interactive table",
            "online feature table",
            "stream",
        ],
    ),
    (Class::Ddl, ObjectKind::Schema, &["schema"]),
    (Class::Ddl, ObjectKind::Database, &["database"]),
    (Class::Ddl, ObjectKind::Stage, &["stage"]),
    (
        Class::Ddl,
        ObjectKind::Function,
        &["function", "external function", "data metric function", "procedure"],
    ),
    (
        Class::Ddl,
        ObjectKind::Other,
        &[
            "file format",
            "sequence",
            "task",
            "pipe",
            "tag",
            "alert",
            "notebook",
            "streamlit",
            "git repository",
            "image repository",
            "cortex search service",
            "service",
            "model",
            "model monitor",
            "dataset",
            "agent",
            "mcp server",
            "dbt project",
            "contact",
            "type",
        ],
    ),
    (
        Class::Admin,
        ObjectKind::Other,
        &[
            "masking policy",
            "row access policy",
            "aggregation policy",
            "projection policy",
            "privacy policy",
            "join policy",
            "password policy",
            "session policy",
            "authentication policy",
            "packages policy",
            "backup policy",
            "storage lifecycle policy",
            "network rule",
            "secret",
        ],
    ),
    (
        Class::Admin,
        ObjectKind::Account,
        &[
            "user",
            "role",
            "database role",
            "warehouse",
            "resource monitor",
            "network policy",
            "share",
            "failover group",
            "replication group",
            "connection",
            "managed account",
            "external volume",
            "compute pool",
            "api integration",
            "storage integration",
            "security integration",
            "notification integration",
            "catalog integration",
            "external access integration",
            "integration",
            "application",
            "application package",
            "application role",
        ],
    ),
    // Without a name of its own.
    (Class::Ddl, ObjectKind::Relation, &["table if exists"]),
];

#[test]
fn every_kind_is_defined_under_its_name_and_class() {
    for (class, object, kinds) in KINDS {
        for kind in kinds {
            let name = if object == ObjectKind::Account { "x" } else { "d.s.x" };
            let words = kind.trim_end_matches(" if exists").to_uppercase();
            for verb in ["create", "create or replace", "alter", "drop", "undrop", "CREATE /* drop */"] {
                if verb.starts_with("create") && kind.ends_with("exists") {
                    continue;
                }
                let sql = format!("{verb} {kind} {name} comment = 'drop table y'");
                let found = of(&sql);
                assert_eq!((found.class, &found.refusal), (class, &None), "{sql}");
                let first = verb.split(' ').next().unwrap_or_default().to_uppercase();
                assert_eq!(found.verb, format!("{first} {words}"), "{sql}");
                let named = &found.objects[0];
                assert_eq!(
                    (named.kind, named.name.to_string(), named.access),
                    (object, name.to_uppercase(), Access::Define),
                    "{sql}"
                );
            }
        }
    }
}

#[test]
fn every_kind_is_described_by_name() {
    for (_, object, kinds) in KINDS {
        for kind in kinds.iter().filter(|kind| !kind.ends_with("exists")) {
            for verb in ["desc", "describe", "DESCRIBE"] {
                let sql = format!("{verb} {kind} d.s.x");
                let found = of(&sql);
                assert_eq!((found.class, &found.refusal), (Class::Read, &None), "{sql}");
                assert_eq!(found.verb, format!("DESCRIBE {}", kind.to_uppercase()), "{sql}");
                assert_eq!((found.objects.len(), found.objects[0].kind), (1, object), "{sql}");
                assert_eq!(found.not_understood.is_some(), *kind == "share", "{sql}");
            }
        }
    }
}

#[test]
fn every_list_has_the_columns_that_its_rows_are_told_by() {
    let in_schema = (Some("database_name"), Some("schema_name"), "name");
    let of_table = (Some("database_name"), Some("schema_name"), "table_name");
    let functions = (Some("catalog_name"), Some("schema_name"), "name");
    for (lists, columns) in [
        (
            &[
                "tables",
                "views",
                "materialized views",
                "semantic views",
                "dynamic tables",
                "external tables",
                "event tables",
                "hybrid tables",
                "iceberg tables",
                "objects",
                "streams",
                "stages",
                "tasks",
                "pipes",
                "sequences",
                "file formats",
                "tags",
                "alerts",
                "secrets",
                "network rules",
                "masking policies",
                "row access policies",
                "password policies",
                "streamlits",
                "notebooks",
                "services",
                "models",
                "git repositories",
                "image repositories",
                "cortex search services",
                "agents",
                "mcp servers",
                "datasets",
            ][..],
            Some(in_schema),
        ),
        (&["columns", "primary keys", "unique keys", "channels"], Some(of_table)),
        (&["indexes"], Some((Some("database_name"), Some("schema_name"), "table"))),
        (
            &[
                "functions",
                "user functions",
                "external functions",
                "data metric functions",
                "procedures",
                "user procedures",
            ],
            Some(functions),
        ),
        (&["schemas"], Some((Some("database_name"), None, "name"))),
        (&["databases"], Some((None, None, "name"))),
        (&["shares"], Some((None, None, "database_name"))),
        (
            &["semantic dimensions", "semantic metrics", "semantic facts"],
            Some((Some("database_name"), Some("schema_name"), "semantic_view_name")),
        ),
        (
            &[
                "builtin functions",
                "warehouses",
                "roles",
                "users",
                "integrations",
                "api integrations",
                "storage integrations",
                "network policies",
                "resource monitors",
                "compute pools",
                "external volumes",
                "connections",
                "failover groups",
                "replication groups",
                "applications",
                "application packages",
                "listings",
                "available listings",
                "accounts",
                "organization accounts",
                "managed accounts",
                "replication accounts",
                "regions",
                "parameters",
                "parameters in session",
                "parameters for warehouse w",
                "parameters in table d.s.t",
                "variables",
                "transactions",
                "transactions in account",
                "database roles in database d",
                "application roles in application a",
                "git branches in git repository d.s.r",
                "git tags in d.s.r",
                "service containers in service d.s.x",
                "service instances in service d.s.x",
                "endpoints in service d.s.x",
                "images in image repository d.s.r",
                "versions in model d.s.m",
                "functions in model d.s.m version v",
                "semantic dimensions for metric m in d.s.v",
                "privileges in application a",
                "release directives in application package p",
                "mfa methods for user u",
                "user programmatic access tokens",
            ],
            None,
        ),
    ] {
        for list in lists {
            for sql in [format!("show {list}"), format!("SHOW TERSE {list} LIKE 'drop table t' LIMIT 5")] {
                let found = of(&sql);
                let is_read = (found.class, &found.refusal, &found.not_understood);
                assert_eq!(is_read, (Class::Read, &None, &None), "{sql}");
                let listing = found.listing.map(|it| (it.database_column, it.schema_column, it.name_column));
                assert_eq!(listing, columns, "{sql}");
            }
        }
    }
    for of_others in ["imported keys", "exported keys in t", "locks", "grants", "references in application a"]
    {
        let found = of(&format!("show {of_others}"));
        assert_eq!((found.class, found.not_understood.is_some()), (Class::Read, true), "{of_others}");
    }
}

#[test]
fn every_object_that_a_head_names_is_found() {
    for (sql, class, expected) in [
        (
            "create task k after d.s.a, d.s.b as select 1",
            Class::Ddl,
            &["Other K", "Other D.S.A", "Other D.S.B"][..],
        ),
        ("alter task k add after d.s.b", Class::Ddl, &["Other K", "Other D.S.B"]),
        (
            "create alert a schedule = '1 minute' if (exists (select 1 from d.s.t)) then insert into d.s.u select 1",
            Class::Ddl,
            &["Other A", "Relation D.S.T", "Relation D.S.U"],
        ),
        ("create database x from share p.s", Class::Ddl, &["Database X", "Account P.S"]),
        ("create table t from backup set d.s.b identifier 'x'", Class::Ddl, &["Relation T", "Other D.S.B"]),
        ("create stream s on stage d.s.st", Class::Ddl, &["Relation S", "Stage D.S.ST"]),
        ("create model m from model d.s.n version v", Class::Ddl, &["Other M", "Other D.S.N"]),
        (
            "create model monitor m with model = d.s.n source = t baseline = d.s.b",
            Class::Ddl,
            &["Other M", "Other D.S.N", "Relation T", "Relation D.S.B"],
        ),
        ("create index i on d.s.t (a)", Class::Ddl, &["Relation D.S.T"]),
        ("drop index d.s.t.i", Class::Ddl, &["Relation D.S.T"]),
        (
            "alter table t add data metric function d.s.f on (c)",
            Class::Ddl,
            &["Relation T", "Function D.S.F"],
        ),
        ("alter table t set tag d.s.g = 'x', h = 'y'", Class::Ddl, &["Relation T", "Other D.S.G"]),
        ("alter table t unset tag d.s.g", Class::Ddl, &["Relation T", "Other D.S.G"]),
        (
            "create table t (x int with tag (d.s.g = 'v'), y int default d.s.f(1))",
            Class::Ddl,
            &["Relation T", "Other D.S.G", "Function D.S.F"],
        ),
        ("alter function f(int) rename to d.s.g", Class::Ddl, &["Function F", "Function D.S.G"]),
        ("create sequence q clone d.s.r", Class::Ddl, &["Other Q", "Other D.S.R"]),
        ("set x = d.s.f(1)", Class::Session, &["Function D.S.F"]),
        ("copy into t from '@d.s.st/a b'", Class::Write, &["Relation T", "Stage D.S.ST"]),
        ("copy into '@d.s.st/a b' from t", Class::File, &["Stage D.S.ST", "Relation T"]),
        (
            "copy into t from @st file_format = (format_name = 'd.s.f')",
            Class::Write,
            &["Relation T", "Stage ST", "Other D.S.F"],
        ),
        ("list '@d.s.st/a b'", Class::Read, &["Stage D.S.ST"]),
        ("create database role d.r", Class::Admin, &["Account D.R", "Database D"]),
        (
            "explain using text merge into t using u on t.a = u.a when matched then delete",
            Class::Read,
            &["Relation T", "Relation U"],
        ),
        ("explain using json select 1 from d.s.t", Class::Read, &["Relation D.S.T"]),
        ("explain using tabular delete from t", Class::Read, &["Relation T"]),
    ] {
        let found = of(sql);
        assert_eq!((found.class, found.refusal, found.not_understood), (class, None, None), "{sql}");
        let mut found = objects(sql);
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort_unstable();
        // The second tag of a list has no schema, and is in the context's.
        found.retain(|object| object != "Other H");
        assert_eq!(found, expected, "{sql}");
    }
}

#[test]
fn what_holds_code_or_gathers_objects_is_not_understood() {
    for (sql, class) in [
        ("create service x in compute pool p from specification $$ s $$", Class::Ddl),
        ("create agent a from specification $$ s $$", Class::Ddl),
        ("create mcp server m from specification $$ s $$", Class::Ddl),
        ("create streamlit s from @st main_file = 'x.py'", Class::Ddl),
        ("alter notebook n commit", Class::Ddl),
        ("create failover group g object_types = databases allowed_databases = d, e", Class::Admin),
        ("alter replication group g add d to allowed_databases", Class::Admin),
        ("create application a from application package p", Class::Admin),
        ("create external listing l share s as $$ m $$", Class::Admin),
        ("alter table t frobnicate d.s.u", Class::Ddl),
        ("create alert a if (f()) do insert into t values (1)", Class::Ddl),
    ] {
        let found = of(sql);
        assert_eq!((found.class, found.not_understood.is_some()), (class, true), "{sql}");
    }
    for sql in ["alter service x suspend", "drop notebook n", "alter agent a unset comment"] {
        assert_eq!(of(sql).not_understood, None, "{sql}");
    }
}

#[test]
fn only_what_a_session_may_keep_for_itself_is_temporary() {
    for kind in ["table", "view", "stage", "file format", "sequence", "function", "procedure"] {
        let sql = format!("create or replace temp {kind} d.s.x");
        assert_eq!(of(&sql).class, Class::Session, "{sql}");
    }
    for (kind, class) in [("masking policy", Class::Admin), ("schema", Class::Ddl), ("secret", Class::Admin)]
    {
        let sql = format!("create temporary {kind} x");
        assert_eq!(of(&sql).class, class, "{sql}");
    }
}

#[test]
fn a_parameter_that_others_rely_on_is_refused_with_its_reason() {
    for (name, reason) in [
        ("query_tag", "the tag says"),
        ("rows_per_resultset", "cut without a note"),
        ("statement_timeout_in_seconds", "its own time-out"),
        ("quoted_identifiers_ignore_case", "which object a name means"),
        ("search_path", "which object a name means"),
        ("client_session_keep_alive", "the gateway itself"),
        ("autocommit", "BEGIN"),
        ("s3_stage_vpce_dns_name", "not one of the parameters"),
    ] {
        for sql in [format!("alter session set {name} = 1"), format!("alter session unset {name}")] {
            let refusal = of(&sql).refusal.expect(&sql);
            assert!(refusal.message.contains(reason), "{sql}: {}", refusal.message);
        }
    }
}
