//! What the statements say.

use serde_json::{Value, json};
use warehouse::{ColumnDefinition, Warehouse};

use crate::caller::Caller;

fn started() -> (Warehouse, Caller) {
    let warehouse = Warehouse::start();
    let caller = Caller::logged_in(&warehouse);
    (warehouse, caller)
}

/// The column `name` of each row of `sql`.
#[track_caller]
fn column(caller: &Caller, sql: &str, name: &str) -> Vec<String> {
    let data = caller.submit(sql)["data"].clone();
    let columns = data["rowtype"].as_array().unwrap_or_else(|| panic!("{sql}: {data}"));
    let index = columns.iter().position(|column| column["name"] == name).unwrap_or_else(|| panic!("{data}"));
    let rows = data["rowset"].as_array().expect("rows");
    rows.iter().map(|row| row[index].as_str().unwrap_or("NULL").to_owned()).collect()
}

#[test]
fn values_of_each_literal() {
    let (_warehouse, caller) = started();
    let answer = caller.submit("select 1, -2.50 half, 'it''s', null, true as \"yes\", 1e3");
    assert_eq!(answer["data"]["rowset"], json!([["1", "-2.50", "it's", null, "1", "1e3"]]));
    let columns = answer["data"]["rowtype"].as_array().expect("columns");
    let names: Vec<_> = columns.iter().map(|column| column["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["1", "HALF", "'IT''S'", "NULL", "yes", "1E3"]);
    assert_eq!((&columns[1]["type"], &columns[1]["scale"]), (&json!("fixed"), &json!(2)));
    let odd = caller.submit("select cell('hologram', 'raw', 3)");
    assert_eq!(
        (&odd["data"]["rowtype"][0]["type"], &odd["data"]["rowset"]),
        (&json!("hologram"), &json!([["raw"]]))
    );
}

#[test]
fn the_context_changes_and_each_answer_tells_it() {
    let (warehouse, caller) = started();
    let context = |answer: &Value| {
        ["finalRoleName", "finalWarehouseName", "finalDatabaseName", "finalSchemaName"]
            .map(|name| answer["data"][name].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(context(&caller.submit("select 1")), ["ANALYST", "COMPUTE_WH", "SALES", "PUBLIC"]);
    for (sql, expected) in [
        ("use role LOADER", ["LOADER", "COMPUTE_WH", "SALES", "PUBLIC"]),
        ("use warehouse big_wh", ["LOADER", "BIG_WH", "SALES", "PUBLIC"]),
        ("use schema archive", ["LOADER", "BIG_WH", "SALES", "ARCHIVE"]),
        ("use database staging", ["LOADER", "BIG_WH", "STAGING", "PUBLIC"]),
        ("use schema staging.\"Mixed Case\"", ["LOADER", "BIG_WH", "STAGING", "Mixed Case"]),
    ] {
        assert_eq!(context(&caller.submit(sql)), expected, "{sql}");
    }
    for sql in ["use database nope", "use schema nope", "use role nope", "use warehouse nope"] {
        assert_eq!(caller.code(sql), "002043", "{sql}");
    }
    assert_eq!(caller.rows("select current_role(), current_schema()"), json!([["LOADER", "Mixed Case"]]));
    assert_eq!(caller.rows("select * from \"odd \"\"name\"\"\""), json!([["x"]]));
    assert_eq!(warehouse.sessions()[0].1.schema.as_deref(), Some("Mixed Case"));
}

#[test]
fn show_lists_filters_and_pages() {
    let (_warehouse, caller) = started();
    let names = |sql: &str| column(&caller, sql, "name");
    assert_eq!(names("show databases"), ["SALES", "STAGING"]);
    assert_eq!(names("SHOW DATABASES LIKE 'stag%'"), ["STAGING"]);
    assert_eq!(names("show databases limit 1 from 'SALES'"), ["STAGING"]);
    assert_eq!(names("show schemas in database staging"), ["Mixed Case", "PUBLIC"]);
    assert_eq!(names("show schemas starts with 'A'"), ["ARCHIVE"]);
    assert_eq!(names("show tables in account").len(), 8);
    assert_eq!(names("show tables like 'o%' in schema sales.public"), ["ORDERS"]);
    assert_eq!(names("show terse tables in sales limit 2"), ["ORDERS_2019", "CUSTOMERS"]);
    assert_eq!(names("show views in database"), ["BIG_ORDERS"]);
    assert_eq!(names("show warehouses"), ["BIG_WH", "COMPUTE_WH"]);
    assert_eq!(column(&caller, "show parameters like 'time%'", "key"), Vec::<String>::new());
    for sql in ["show tables in database nope", "show tables in schema sales.nope", "show schemas in nope"] {
        assert_eq!(caller.code(sql), "002003", "{sql}");
    }
    assert_eq!(caller.code("show unicorns"), "001003");
}

#[test]
fn describe_and_definitions() {
    let (_warehouse, caller) = started();
    assert_eq!(column(&caller, "describe table orders", "name"), ["ID", "CUSTOMER", "AMOUNT", "PLACED"]);
    assert_eq!(column(&caller, "desc table sales.public.orders", "primary key"), ["Y", "N", "N", "N"]);
    assert_eq!(column(&caller, "desc view big_orders", "type")[2], "NUMBER(12,2)");
    assert_eq!(caller.code("describe view orders"), "002003");
    assert_eq!(caller.code("describe table staging.public.orders"), "002003");
    let table = caller.rows("select get_ddl('table', 'SALES.PUBLIC.ORDERS')");
    assert!(
        table[0][0]
            .as_str()
            .expect("text")
            .starts_with("create or replace TABLE ORDERS (\n\tID NUMBER(38,0)")
    );
    let view = caller.rows("select get_ddl('VIEW', 'big_orders')");
    assert!(view[0][0].as_str().expect("text").contains("where AMOUNT > 100"));
    assert_eq!(caller.code("select get_ddl('view', 'orders')"), "002003");
}

#[test]
fn rows_of_tables() {
    let (warehouse, caller) = started();
    assert_eq!(caller.rows("select count(*) from orders"), json!([["2"]]));
    assert_eq!(caller.rows("select customer, id from orders where id = 2"), json!([["Zoë", "2"]]));
    assert_eq!(caller.rows("select name from customers limit 1"), json!([["Ada"]]));
    assert_eq!(caller.rows("select * from staging.public.whoami"), json!([["STAGING"]]));
    assert_eq!(caller.code("select nope from orders"), "000904");
    assert_eq!(caller.code("select * from nope"), "002003");
    warehouse.add_table("STAGING.PUBLIC.T", vec![ColumnDefinition::new("A", "DATE")], vec![vec![None]]);
    let answer = caller.submit("select * from staging.public.t");
    assert_eq!(
        (&answer["data"]["rowset"], &answer["data"]["rowtype"][0]["type"]),
        (&json!([[null]]), &json!("date"))
    );
    let types = caller.submit("select * from types");
    assert_eq!(types["data"]["rowtype"].as_array().expect("columns").len(), 19);
    assert_eq!(types["data"]["total"], 3);
    let empty = caller.submit("select * from orders limit 0");
    assert_eq!(
        (&empty["data"]["total"], empty["data"]["rowtype"].as_array().expect("columns").len()),
        (&json!(0), 4)
    );
}

#[test]
fn inserts_and_transactions() {
    let (warehouse, caller) = started();
    let other = Caller::logged_in(&warehouse);
    let count = |caller: &Caller| caller.rows("select count(*) from staging.public.log")[0][0].clone();
    let answer = caller.submit("insert into staging.public.log (key) values ('a'), ('b')");
    assert_eq!(
        (&answer["data"]["statementTypeId"], &answer["data"]["stats"]["numRowsInserted"]),
        (&json!(12544), &json!(2))
    );
    caller.rows("begin");
    caller.rows("insert into staging.public.log values ('c')");
    assert_eq!((count(&caller), count(&other)), (json!("3"), json!("2")));
    caller.rows("rollback");
    caller.rows("begin transaction");
    caller.rows("insert into staging.public.log values ('d')");
    caller.rows("commit");
    assert_eq!((count(&caller), count(&other)), (json!("3"), json!("3")));
    assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "c"), 0);
    assert_eq!(caller.code("insert into staging.public.log values (1, 2)"), "002020");
    caller.rows("create or replace table t (a int not null primary key, b varchar)");
    assert_eq!(column(&caller, "desc table t", "type"), ["NUMBER(38,0)", "VARCHAR(16777216)"]);
    assert_eq!(caller.code("create table t (a int)"), "002002");
    caller.rows("drop table t");
    assert_eq!(caller.code("drop table t"), "002003");
}

#[test]
fn errors_say_what_where_and_which_query() {
    let (_warehouse, caller) = started();
    let error = caller.submit("select 1\nfrom where");
    let expected = json!({"code": "001003", "sqlState": "42000", "line": 2, "pos": 5});
    let found = json!({
        "code": error["code"], "sqlState": error["data"]["sqlState"], "line": error["data"]["line"], "pos": error["data"]["pos"],
    });
    assert_eq!(found, expected, "{error}");
    assert!(error["data"]["queryId"].as_str().is_some_and(|id| id.starts_with("01c0")));
    let failed = caller.submit("select fail('100035', '22007', 'Timestamp ''x'' is not recognized', 3, 14)");
    assert_eq!(
        (&failed["code"], &failed["data"]["line"], &failed["data"]["pos"]),
        (&json!("100035"), &json!(3), &json!(14))
    );
    assert_eq!(caller.code("select nothing()"), "002140");
    assert_eq!(caller.code("select 1; select 2"), "000008");
    assert_eq!(caller.code("frobnicate"), "001003");
    caller.rows("alter session unset query_tag");
    let without = Caller::stranger(&_warehouse);
    let proof = json!({
        "LOGIN_NAME": warehouse::secrets::USER, "PASSWORD": warehouse::secrets::PASSWORD,
    });
    let granted = without.log_in_at("?warehouse=none&databaseName=none", &proof);
    let without = Caller::of(&_warehouse, &granted);
    assert_eq!(without.code("select * from sales.public.orders"), "000606");
    assert_eq!(without.code("describe table orders"), "090105");
}

#[test]
fn every_client_is_told_of_a_file_transfer() {
    let (_warehouse, caller) = started();
    assert_eq!(caller.submit("put file:///etc/passwd @~")["data"]["command"], "UPLOAD");
    assert_eq!(caller.submit("GET @~/x file:///tmp/")["data"]["command"], "DOWNLOAD");
}
