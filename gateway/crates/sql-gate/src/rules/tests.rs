//! The rules, by tables of names.

use super::*;

fn rules(lists: &[(&'static str, &[&str])], dialect: Dialect) -> NameRules {
    let owned: Vec<(&'static str, Vec<String>)> = lists
        .iter()
        .map(|(name, patterns)| (*name, patterns.iter().map(|&pattern| pattern.to_owned()).collect()))
        .collect();
    let borrowed: Vec<(&'static str, &[String])> =
        owned.iter().map(|(name, patterns)| (*name, patterns.as_slice())).collect();
    NameRules::new(&borrowed, dialect).unwrap()
}

fn snowflake(lists: &[(&'static str, &[&str])]) -> NameRules {
    rules(lists, Dialect::Snowflake)
}

fn object(kind: ObjectKind, name: &str, access: Access) -> Object {
    let parts = if name.is_empty() { Vec::new() } else { name.split('.').map(str::to_owned).collect() };
    Object { kind, name: ObjectName(parts), access }
}

fn context(name: &str) -> NameContext {
    let mut parts = name.split('.').filter(|part| !part.is_empty()).map(str::to_owned);
    NameContext { database: parts.next(), schema: parts.next() }
}

fn setting(
    rules: &NameRules,
    kind: ObjectKind,
    name: &str,
    access: Access,
    at: &str,
) -> Option<&'static str> {
    rules.check(&object(kind, name, access), &context(at)).err().map(|denial| denial.setting)
}

fn reads(rules: &NameRules, name: &str, at: &str) -> Option<&'static str> {
    setting(rules, ObjectKind::Relation, name, Access::Read, at)
}

#[test]
fn a_relation_passes_all_levels_and_deny_wins() {
    let rules = snowflake(&[
        ("allowed_databases", &["a", "b*"]),
        ("denied_schemas", &["*.private"]),
        ("denied_tables", &["b1.s.secret", "pay*"]),
    ]);
    for (name, at, expected) in [
        ("A.S.T", "", None),
        ("B1.S.T", "", None),
        ("C.S.T", "", Some("allowed_databases")),
        ("A.PRIVATE.T", "", Some("denied_schemas")),
        ("B1.S.SECRET", "", Some("denied_tables")),
        ("B2.S.SECRET", "", None),
        ("B1.S.secret", "", None),
        ("A.S.PAYROLL", "", Some("denied_tables")),
        ("T", "A.S", None),
        ("T", "C.S", Some("allowed_databases")),
        ("S.T", "A", None),
        ("PRIVATE.T", "A.S", Some("denied_schemas")),
        ("SECRET", "B1.S", Some("denied_tables")),
        ("X.A.S.T", "", Some("allowed_databases")),
    ] {
        assert_eq!(reads(&rules, name, at), expected, "{name} at {at}");
    }
    assert_eq!(rules.check(&object(ObjectKind::Relation, "T", Access::Write), &context("A.S")), Ok(()));
    let none = NameRules::default();
    assert_eq!((none.has_lists(), reads(&none, "X.A.S.T", "")), (false, None));
}

#[test]
fn a_name_that_the_context_does_not_complete_is_denied_where_that_matters_and_told_what_to_do() {
    let denies = snowflake(&[("denied_tables", &["a.s.secret"])]);
    let allows = snowflake(&[("allowed_tables", &["a.s.*"])]);
    let by_name = snowflake(&[("allowed_tables", &["t"]), ("denied_tables", &["secret"])]);
    for (name, at, expected) in [
        ("SECRET", "", [Some("denied_tables"), Some("allowed_tables"), Some("denied_tables")]),
        ("SECRET", "A", [Some("denied_tables"), Some("allowed_tables"), Some("denied_tables")]),
        ("SECRET", "B", [None, Some("allowed_tables"), Some("denied_tables")]),
        ("T", "", [None, Some("allowed_tables"), None]),
        ("S.T", "", [None, Some("allowed_tables"), None]),
        ("T", "A.S", [None, None, None]),
    ] {
        let found = [&denies, &allows, &by_name].map(|rules| reads(rules, name, at));
        assert_eq!(found, expected, "{name} at {at}");
    }
    let denial = allows.check(&object(ObjectKind::Relation, "T", Access::Read), &context("A")).unwrap_err();
    assert!(
        denial.object.starts_with("table A.?.T (no schema is chosen: choose one with set_context"),
        "{denial:?}"
    );
    let denial = allows.check(&object(ObjectKind::Relation, "T", Access::Read), &context("")).unwrap_err();
    assert!(denial.object.contains("no database is chosen"), "{denial:?}");
}

#[test]
fn what_holds_others_is_seen_where_something_in_it_may_be_and_taken_as_a_whole_where_all_may() {
    let rules =
        snowflake(&[("allowed_tables", &["a.s.t", "a.all.*", "b.*.*"]), ("denied_tables", &["b.s.secret"])]);
    for (kind, name, seen, whole) in [
        (ObjectKind::Database, "A", None, Some("allowed_tables")),
        (ObjectKind::Database, "B", None, Some("denied_tables")),
        (ObjectKind::Database, "C", Some("allowed_tables"), Some("allowed_tables")),
        (ObjectKind::Schema, "A.S", None, Some("allowed_tables")),
        (ObjectKind::Schema, "A.ALL", None, None),
        (ObjectKind::Schema, "A.X", Some("allowed_tables"), Some("allowed_tables")),
        (ObjectKind::Schema, "B.S", None, Some("denied_tables")),
        (ObjectKind::Schema, "B.OTHER", None, None),
        (ObjectKind::Schema, "ALL", None, None),
        (ObjectKind::Schema, "", None, Some("allowed_tables")),
    ] {
        let found = [Access::Use, Access::Define].map(|access| setting(&rules, kind, name, access, "A.S"));
        assert_eq!(found, [seen, whole], "{kind:?} {name}");
    }
    let denied = snowflake(&[("denied_schemas", &["a.x"]), ("denied_tables", &["b.s.*"])]);
    for (kind, name, seen, whole) in [
        (ObjectKind::Database, "A", None, Some("denied_schemas")),
        (ObjectKind::Schema, "A.X", Some("denied_schemas"), Some("denied_schemas")),
        (ObjectKind::Schema, "B.S", Some("denied_tables"), Some("denied_tables")),
        (ObjectKind::Database, "C", None, None),
    ] {
        let found = [Access::Read, Access::Define].map(|access| setting(&denied, kind, name, access, ""));
        assert_eq!(found, [seen, whole], "{kind:?} {name}");
    }
}

#[test]
fn what_else_a_schema_holds_passes_with_its_schema_and_functions_of_no_schema_always() {
    let rules = snowflake(&[("allowed_tables", &["a.s.t"])]);
    for (kind, name, expected) in [
        (ObjectKind::Stage, "A.S.ST", None),
        (ObjectKind::Stage, "A.X.ST", Some("allowed_tables")),
        (ObjectKind::Stage, "B.S.ST", Some("allowed_tables")),
        (ObjectKind::Stage, "ST", None),
        (ObjectKind::Other, "S.SEQUENCE", None),
        (ObjectKind::Function, "COUNT", None),
        (ObjectKind::Function, "X.F", Some("allowed_tables")),
        (ObjectKind::Function, "A.S.F", None),
        (ObjectKind::Account, "WH", None),
    ] {
        assert_eq!(setting(&rules, kind, name, Access::Read, "A.S"), expected, "{kind:?} {name}");
    }
    assert_eq!(setting(&rules, ObjectKind::Function, "F", Access::Define, "A.X"), Some("allowed_tables"));
}

#[test]
fn what_shows_the_names_of_others_must_be_named() {
    let database = snowflake(&[("allowed_databases", &["a"])]);
    let schema = snowflake(&[("allowed_schemas", &["a.*"])]);
    let named =
        snowflake(&[("allowed_schemas", &["a.*", "a.information_schema"]), ("denied_tables", &["secret"])]);
    let denied = snowflake(&[("denied_tables", &["a.s.secret"])]);
    let account = snowflake(&[("allowed_databases", &["a", "snowflake"])]);
    let by = |kind, name, access| {
        [&database, &schema, &named, &denied, &account]
            .map(|rules| setting(rules, kind, name, access, "A.S").is_none())
    };
    for (kind, name, expected) in [
        (ObjectKind::Relation, "A.INFORMATION_SCHEMA.TABLES", [true, false, true, false, true]),
        (ObjectKind::Relation, "INFORMATION_SCHEMA.COLUMNS", [true, false, true, false, true]),
        (ObjectKind::Relation, "B.INFORMATION_SCHEMA.TABLES", [false, false, false, false, false]),
        (ObjectKind::Relation, "A.INFORMATION_SCHEMA.DATABASES", [false, false, true, false, false]),
        (ObjectKind::Schema, "A.INFORMATION_SCHEMA", [true, false, true, false, true]),
        (ObjectKind::Relation, "SNOWFLAKE.ACCOUNT_USAGE.TABLES", [false, false, false, false, true]),
        (ObjectKind::Function, "INFORMATION_SCHEMA.QUERY_HISTORY_BY_USER", [false; 5]),
        (ObjectKind::Function, "QUERY_HISTORY", [false; 5]),
        (ObjectKind::Function, "INFORMATION_SCHEMA.COPY_HISTORY", [false, false, true, false, false]),
        (ObjectKind::Function, "INFORMATION_SCHEMA.LOGIN_HISTORY", [true, false, true, false, true]),
        (ObjectKind::Function, "SNOWFLAKE.CORTEX.COMPLETE", [true; 5]),
        (ObjectKind::Function, "SNOWFLAKE.CORTEX.SEARCH_PREVIEW", [false, false, false, false, true]),
    ] {
        assert_eq!(by(kind, name, Access::Read), expected, "{name}");
    }
    let hidden = snowflake(&[("denied_databases", &["snowflake"])]);
    let cortex = setting(&hidden, ObjectKind::Function, "SNOWFLAKE.CORTEX.COMPLETE", Access::Read, "");
    assert_eq!(cortex, Some("denied_databases"));
}

#[test]
fn a_list_of_objects_shows_what_may_be_used() {
    let rules = snowflake(&[("allowed_schemas", &["a.s"]), ("denied_tables", &["secret"])]);
    let at = context("A.S");
    for (kind, database, schema, name, expected) in [
        (ObjectKind::Database, None, None, "A", true),
        (ObjectKind::Database, None, None, "B", false),
        (ObjectKind::Schema, Some("A"), None, "S", true),
        (ObjectKind::Schema, Some("A"), None, "X", false),
        (ObjectKind::Schema, Some("A"), None, "INFORMATION_SCHEMA", false),
        (ObjectKind::Relation, Some("A"), Some("S"), "T", true),
        (ObjectKind::Relation, Some("A"), Some("S"), "t.u", true),
        (ObjectKind::Relation, Some("A"), Some("S"), "SECRET", false),
        (ObjectKind::Relation, Some(""), Some(""), "T", true),
        (ObjectKind::Relation, None, Some("X"), "T", false),
        (ObjectKind::Function, Some("A"), Some("X"), "F", false),
        (ObjectKind::Function, Some("A"), Some("S"), "F", true),
        (ObjectKind::Account, None, None, "WH", true),
    ] {
        let allowed = rules.allows_row(kind, database, schema, name, &at);
        assert_eq!(allowed, expected, "{kind:?} {database:?} {schema:?} {name}");
    }
}

#[test]
fn sqlite_has_databases_and_tables_and_its_own_tables_are_refused() {
    let rules = rules(
        &[("allowed_databases", &["Shop", "log*"]), ("denied_tables", &["shop.main.secret", "pay*"])],
        Dialect::Sqlite,
    );
    for (name, at, expected) in [
        ("shop.orders", "", None),
        ("SHOP.main.ORDERS", "", None),
        ("orders", "shop", None),
        ("main.orders", "shop", None),
        ("main.Secret", "SHOP", Some("denied_tables")),
        ("shop.secret", "logs", Some("denied_tables")),
        ("logs.secret", "shop", None),
        ("logs.Payroll", "shop", Some("denied_tables")),
        ("crm.orders", "shop", Some("allowed_databases")),
        ("orders", "crm", Some("allowed_databases")),
        ("temp.orders", "shop", None),
        ("temp.sqlite_master", "shop", Some("allowed_databases")),
        ("sqlite_master", "shop", Some("allowed_databases")),
        ("shop.SQLITE_SCHEMA", "shop", Some("allowed_databases")),
        ("pragma_table_info", "shop", Some("allowed_databases")),
    ] {
        assert_eq!(reads(&rules, name, at), expected, "{name} at {at}");
    }
    assert!(rules.allows_row(ObjectKind::Database, None, None, "SHOP", &context("")));
    assert!(!rules.allows_row(ObjectKind::Relation, Some("shop"), Some("main"), "SECRET", &context("")));
}

#[test]
fn the_first_wrong_pattern_is_told() {
    let wrong = ["a.b".to_owned(), "a.\"b".to_owned()];
    let error = NameRules::new(&[("allowed_tables", &wrong)], Dialect::Snowflake).unwrap_err();
    assert!(error.to_string().contains("a quote `\"` has no end"), "{error}");
    assert!(!NameRules::new(&[("allowed_tables", &[])], Dialect::Snowflake).unwrap().has_lists());
}
