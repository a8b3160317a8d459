//! The contents that every stand-in starts with: two databases that tell themselves apart, a table of every
//! type, names that must be quoted, and a table that counts keys.

use super::{Catalog, ColumnDefinition, Database, Relation, RelationKind, Row, Schema};
use crate::sql::PlanFigures;

const VARCHAR: &str = "VARCHAR(16777216)";
const NUMBER: &str = "NUMBER(38,0)";

pub(super) fn catalog() -> Catalog {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Catalog {
        databases: [("SALES".to_owned(), sales()), ("STAGING".to_owned(), staging())].into(),
        roles: names(&["ACCOUNTADMIN", "ANALYST", "LOADER", "PUBLIC"]),
        warehouses: names(&["BIG_WH", "COMPUTE_WH"]),
        plan: PlanFigures::default(),
    }
}

fn sales() -> Database {
    let mut big_orders = orders();
    big_orders.kind = RelationKind::View(
        "create or replace view BIG_ORDERS as select * from ORDERS where AMOUNT > 100;".into(),
    );
    big_orders.rows.truncate(1);
    let public = [
        ("WHOAMI", one_text("NAME", &["SALES"])),
        ("CUSTOMERS", one_text("NAME", &["Ada", "Grace", "Zoë"])),
        ("ORDERS", orders()),
        ("BIG_ORDERS", big_orders),
        ("TYPES", types()),
    ];
    let archive = [("ORDERS_2019", orders())];
    Database {
        comment: "what was sold".into(),
        schemas: [("PUBLIC".into(), schema(public)), ("ARCHIVE".into(), schema(archive))].into(),
    }
}

fn staging() -> Database {
    let public = [
        ("WHOAMI", one_text("NAME", &["STAGING"])),
        // Counts the keys that were inserted: nothing keeps one out that is there already.
        ("LOG", one_text("KEY", &[])),
    ];
    let mixed = [("odd \"name\"", one_text("a b", &["x"]))];
    Database {
        comment: String::new(),
        schemas: [("PUBLIC".into(), schema(public)), ("Mixed Case".into(), schema(mixed))].into(),
    }
}

fn schema<const N: usize>(relations: [(&str, Relation); N]) -> Schema {
    Schema { relations: relations.into_iter().map(|(name, relation)| (name.to_owned(), relation)).collect() }
}

fn one_text(column: &str, values: &[&str]) -> Relation {
    let rows = values.iter().map(|&value| vec![Some(value.to_owned())]).collect();
    Relation::table(vec![ColumnDefinition::new(column, VARCHAR)], rows)
}

fn orders() -> Relation {
    let columns = vec![
        ColumnDefinition::new("ID", NUMBER).as_key(),
        ColumnDefinition::new("CUSTOMER", VARCHAR).commented("who ordered").referring_to([
            "SALES",
            "PUBLIC",
            "CUSTOMERS",
            "NAME",
        ]),
        ColumnDefinition::new("AMOUNT", "NUMBER(12,2)"),
        ColumnDefinition::new("PLACED", "TIMESTAMP_NTZ(9)"),
    ];
    let rows = [("1", "Ada", "120.50", "1709164800.000000000"), ("2", "Zoë", "7.00", "1709251199.999999999")];
    Relation {
        comment: "one row an order".into(),
        ..Relation::table(columns, rows.map(|(id, who, amount, at)| row(&[id, who, amount, at])).into())
    }
}

/// A row of each type as the wire carries it, the same with extreme values, and a row of NULLs.
fn types() -> Relation {
    let cells: [(&str, &str, &str, &str); 19] = [
        ("WHOLE", NUMBER, "42", "-99999999999999999999999999999999999999"),
        (
            "EXACT",
            "NUMBER(38,37)",
            "1.5000000000000000000000000000000000000",
            "-9.9999999999999999999999999999999999999",
        ),
        ("REAL", "FLOAT", "1.5", "1e+300"),
        ("DECIMAL", "DECFLOAT(38)", "1.2345e20", "-1e-300"),
        ("TEXT", VARCHAR, "plain", "quote \" backslash \\ newline \n tab \t Zoë 漢字 🦀"),
        ("FLAG", "BOOLEAN", "1", "0"),
        ("DAY", "DATE", "19782", "-719162"),
        ("CLOCK", "TIME(9)", "86399.123456789", "0.000000000"),
        ("LOCAL", "TIMESTAMP_LTZ(9)", "1709164800.123456789", "-0.500000000"),
        ("PLAIN", "TIMESTAMP_NTZ(9)", "1709164800.123456789", "-2208988800.000000000"),
        ("ZONED", "TIMESTAMP_TZ(9)", "1709164800.123456789 1770", "1709164800.000000000 960"),
        ("LOOSE", "VARIANT", "{\n  \"a\": [\n    1,\n    null\n  ]\n}", "\"text\""),
        ("THING", "OBJECT", "{\n  \"k\": 1\n}", "{}"),
        ("LIST", "ARRAY", "[\n  1,\n  \"two\"\n]", "[]"),
        ("BYTES", "BINARY(8388608)", "00FF", ""),
        (
            "PLACE",
            "GEOGRAPHY",
            "{\n  \"coordinates\": [\n    -122.35,\n    37.55\n  ],\n  \"type\": \"Point\"\n}",
            "{}",
        ),
        ("SHAPE", "GEOMETRY", "{\n  \"coordinates\": [\n    1,\n    2\n  ],\n  \"type\": \"Point\"\n}", "{}"),
        ("POINT", "VECTOR(FLOAT, 3)", "[1.000000,2.500000,-3.000000]", "[0.000000,0.000000,0.000000]"),
        ("PAIRS", "MAP(VARCHAR(16777216), NUMBER(38,0))", "{\n  \"a\": 1\n}", "{}"),
    ];
    let columns = cells.iter().map(|&(name, data_type, ..)| ColumnDefinition::new(name, data_type)).collect();
    let usual = cells.iter().map(|&(_, _, usual, _)| Some(usual.to_owned())).collect();
    let extreme = cells.iter().map(|&(_, _, _, extreme)| Some(extreme.to_owned())).collect();
    Relation::table(columns, vec![usual, extreme, vec![None; cells.len()]])
}

fn row(values: &[&str]) -> Row {
    values.iter().map(|&value| Some(value.to_owned())).collect()
}
