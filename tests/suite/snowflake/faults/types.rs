//! Every type of a column, to the last digit.

use super::*;

/// Columns of the table of all types: usual value, extreme value.
const TYPES: [(&str, &str, &str); 19] = [
    ("WHOLE", "42", "-99999999999999999999999999999999999999"),
    ("EXACT", "1.5000000000000000000000000000000000000", "-9.9999999999999999999999999999999999999"),
    ("REAL", "1.5", "1e+300"),
    ("DECIMAL", "1.2345e20", "-1e-300"),
    ("TEXT", "plain", "quote \" backslash \\\\ newline \\n tab \t Zoë 漢字 🦀"),
    ("FLAG", "true", "false"),
    ("DAY", "2024-02-29", "0001-01-01"),
    ("CLOCK", "23:59:59.123456789", "00:00:00.000000000"),
    ("LOCAL", "2024-02-28 16:00:00.123456789 -08:00", "1969-12-31 15:59:59.500000000 -08:00"),
    ("PLAIN", "2024-02-29 00:00:00.123456789", "1900-01-01 00:00:00.000000000"),
    ("ZONED", "2024-02-29 05:30:00.123456789 +05:30", "2024-02-28 16:00:00.000000000 -08:00"),
    ("LOOSE", "{\\n  \"a\": [\\n    1,\\n    null\\n  ]\\n}", "\"text\""),
    ("THING", "{\\n  \"k\": 1\\n}", "{}"),
    ("LIST", "[\\n  1,\\n  \"two\"\\n]", "[]"),
    ("BYTES", "00FF", ""),
    ("PLACE", "{\\n  \"coordinates\": [\\n    -122.35,\\n    37.55\\n  ],\\n  \"type\": \"Point\"\\n}", "{}"),
    ("SHAPE", "{\\n  \"coordinates\": [\\n    1,\\n    2\\n  ],\\n  \"type\": \"Point\"\\n}", "{}"),
    ("POINT", "[1.000000,2.500000,-3.000000]", "[0.000000,0.000000,0.000000]"),
    ("PAIRS", "{\\n  \"a\": 1\\n}", "{}"),
];

fn line(cells: impl Iterator<Item = &'static str>) -> String {
    cells.collect::<Vec<_>>().join("|")
}

#[test]
fn a_table_of_all_types_shows_each_value_exactly() {
    let (_warehouse, home) = start();
    let mut client = client(&home);
    let expected = [
        line(TYPES.iter().map(|(name, ..)| *name)),
        line(TYPES.iter().map(|(_, usual, _)| *usual)),
        line(TYPES.iter().map(|(.., extreme)| *extreme)),
        line(TYPES.iter().map(|_| "NULL")),
        "(3 rows)".to_owned(),
    ];
    let shown = query(&mut client, "SELECT * FROM SALES.PUBLIC.TYPES");
    for (shown, expected) in shown.lines().zip(&expected) {
        assert_eq!(shown, expected);
    }
    assert_eq!(shown, expected.join("\n"));
}

#[test]
fn values_on_the_wire_become_text_that_loses_nothing() {
    let (_warehouse, home) = start();
    let mut client = client(&home);
    for (kind, value, scale, shown) in [
        ("fixed", "99999999999999999999999999999999999999", "0", "99999999999999999999999999999999999999"),
        (
            "fixed",
            "-0.00000000000000000000000000000000000001",
            "38",
            "-0.00000000000000000000000000000000000001",
        ),
        ("real", "inf", "0", "inf"),
        ("real", "-inf", "0", "-inf"),
        ("real", "NaN", "0", "NaN"),
        ("real", "-0", "0", "-0"),
        ("real", "4.9406564584124654e-324", "0", "4.9406564584124654e-324"),
        ("real", "1.7976931348623157e+308", "0", "1.7976931348623157e+308"),
        ("boolean", "1", "0", "true"),
        ("boolean", "0", "0", "false"),
        ("date", "0", "0", "1970-01-01"),
        ("date", "-1", "0", "1969-12-31"),
        ("date", "2932896", "0", "9999-12-31"),
        ("time", "0.000000000", "0", "00:00:00"),
        ("time", "86399.999", "3", "23:59:59.999"),
        ("timestamp_ntz", "1709251199.123", "3", "2024-02-29 23:59:59.123"),
        ("timestamp_ntz", "-1.5", "1", "1969-12-31 23:59:58.5"),
        ("timestamp_ltz", "1720000000.000000", "6", "2024-07-03 02:46:40.000000 -07:00"),
        ("timestamp_tz", "1709251199 1440", "0", "2024-02-29 23:59:59 +00:00"),
        ("timestamp_tz", "1709251199.5 2280", "1", "2024-03-01 13:59:59.5 +14:00"),
        ("interval_year_month", "14", "0", "+1-02"),
        ("interval_year_month", "-14", "0", "-1-02"),
        ("interval_year_month", "36", "1", "+3"),
        ("interval_year_month", "-1", "2", "-1"),
        ("interval_day_time", "93784500000000", "9", "1 day, 2:03:04.5"),
        ("interval_day_time", "172800000000000", "0", "2 days, 0:00:00"),
        ("interval_day_time", "-1000000000", "0", "-0:00:01"),
        ("binary", "DEADBEEF", "0", "DEADBEEF"),
        ("variant", "null", "0", "null"),
        ("variant", "12345678901234567890123.45", "0", "12345678901234567890123.45"),
        ("array", "[1, 2]", "0", "[1, 2]"),
        ("object", "{\"a\": 1}", "0", "{\"a\": 1}"),
        ("geography", "POINT(1 2)", "0", "POINT(1 2)"),
        ("vector", "[1.5,2.0]", "0", "[1.5,2.0]"),
        ("hologram", "whatever it is", "7", "whatever it is"),
        ("text", "NULL", "0", "\"NULL\""),
        ("text", "", "0", ""),
    ] {
        let sql = format!("SELECT cell('{kind}', '{value}', {scale}) AS C");
        assert_eq!(query(&mut client, &sql), format!("C\n{shown}\n(1 row)"), "{kind}");
    }
}

#[test]
fn an_empty_result_keeps_its_columns_and_null_is_no_text() {
    let (_warehouse, home) = start();
    let mut client = client(&home);
    assert_eq!(
        query(&mut client, "SELECT * FROM SALES.PUBLIC.ORDERS LIMIT 0"),
        "ID|CUSTOMER|AMOUNT|PLACED\n(0 rows)"
    );
    assert_eq!(
        query(&mut client, "SELECT * FROM SALES.PUBLIC.TYPES LIMIT 0").lines().next(),
        Some(&*line(TYPES.iter().map(|(name, ..)| *name)))
    );
    assert_eq!(
        query(&mut client, "SELECT NULL AS A, 'NULL' AS B, '' AS C"),
        "A|B|C\nNULL|\"NULL\"|\n(1 row)"
    );
}
