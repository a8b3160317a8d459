//! The maths functions of the sqlite3 shell (`SQLITE_ENABLE_MATH_FUNCTIONS`), which the bundled SQLite lacks.
//!
//! A build flag would come from the environment of whoever builds, or from a `.cargo` folder that cargo reads
//! only from some working directories: these are there in every build. Their rules are those of SQLite's
//! `func.c`: anything but a number, or a text that is one as a whole, gives NULL; so does what has no result
//! (`sqrt(-1)`). `ceil`, `floor` and `trunc` leave integers as they are.

use std::f64::consts::{LN_2, PI};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error};

use super::within_budget;

/// A function of one number, by its name in SQL.
type OfOne = (&'static str, fn(f64) -> f64);
/// A function of two.
type OfTwo = (&'static str, fn(f64, f64) -> f64);

/// Functions of one number, which return a REAL.
const OF_ONE: [OfOne; 16] = [
    ("exp", f64::exp),
    ("acos", f64::acos),
    ("asin", f64::asin),
    ("atan", f64::atan),
    ("cos", f64::cos),
    ("sin", f64::sin),
    ("tan", f64::tan),
    ("cosh", f64::cosh),
    ("sinh", f64::sinh),
    ("tanh", f64::tanh),
    ("acosh", acosh),
    ("asinh", asinh),
    ("atanh", atanh),
    ("sqrt", f64::sqrt),
    ("radians", |degrees| degrees * (PI / 180.0)),
    ("degrees", |radians| radians * (180.0 / PI)),
];

/// Functions of two numbers.
const OF_TWO: [OfTwo; 4] =
    [("pow", f64::powf), ("power", f64::powf), ("mod", |x, y| x % y), ("atan2", f64::atan2)];

/// Functions that make a number whole.
const ROUNDING: [OfOne; 4] =
    [("ceil", f64::ceil), ("ceiling", f64::ceil), ("floor", f64::floor), ("trunc", f64::trunc)];

/// Logarithms of numbers above 0.
const LOGARITHMS: [OfOne; 4] =
    [("ln", f64::ln), ("log", f64::log10), ("log10", f64::log10), ("log2", f64::log2)];

/// Adds the functions to `connection`.
pub(super) fn add(connection: &Connection, flags: FunctionFlags) -> Result<(), Error> {
    for (name, of) in OF_ONE {
        connection.create_scalar_function(name, 1, flags, move |context| {
            within_budget(|| Ok(real(context, 0).map(of)))
        })?;
    }
    for (name, of) in OF_TWO {
        connection.create_scalar_function(name, 2, flags, move |context| {
            within_budget(|| Ok(real(context, 0).zip(real(context, 1)).map(|(x, y)| of(x, y))))
        })?;
    }
    for (name, of) in ROUNDING {
        connection.create_scalar_function(name, 1, flags, move |context| {
            within_budget(|| {
                Ok(match number(context.get_raw(0)) {
                    Some(Value::Real(x)) => Value::Real(of(x)),
                    whole => whole.unwrap_or(Value::Null),
                })
            })
        })?;
    }
    for (name, of) in LOGARITHMS {
        connection.create_scalar_function(name, 1, flags, move |context| {
            within_budget(|| Ok(above_0(context, 0).map(of)))
        })?;
    }
    connection.create_scalar_function("log", 2, flags, |context| {
        within_budget(|| {
            // As in SQLite: no logarithm to a base of 1 or less.
            let base = above_0(context, 0).map(f64::ln).filter(|base| *base > 0.0);
            Ok(base.zip(above_0(context, 1)).map(|(base, x)| x.ln() / base))
        })
    })?;
    connection.create_scalar_function("pi", 0, flags, |_| Ok(PI))
}

/// A number whose square plus or minus 1 is its square.
const LARGE: f64 = (1_u64 << 28) as f64;

/// Rust's own squares its argument, which overflows; so these follow the formulas of fdlibm's `e_acosh.c`,
/// `s_asinh.c` and `e_atanh.c`.
fn acosh(x: f64) -> f64 {
    if x < 1.0 {
        return f64::NAN;
    }
    if x > LARGE {
        return x.ln() + LN_2;
    }
    let above = x - 1.0;
    (above + (2.0 * above + above * above).sqrt()).ln_1p()
}

fn asinh(x: f64) -> f64 {
    let size = x.abs();
    let result = if size > LARGE {
        size.ln() + LN_2
    } else {
        let square = size * size;
        (size + square / (1.0 + (square + 1.0).sqrt())).ln_1p()
    };
    result.copysign(x)
}

fn atanh(x: f64) -> f64 {
    let size = x.abs();
    (0.5 * (2.0 * size / (1.0 - size)).ln_1p()).copysign(x)
}

fn above_0(context: &Context<'_>, at: usize) -> Option<f64> {
    real(context, at).filter(|x| *x > 0.0)
}

/// An argument as a REAL; `None` if it is no number.
fn real(context: &Context<'_>, at: usize) -> Option<f64> {
    match number(context.get_raw(at))? {
        #[allow(clippy::cast_precision_loss, reason = "as SQLite converts it")]
        Value::Integer(whole) => Some(whole as f64),
        Value::Real(real) => Some(real),
        _ => None,
    }
}

/// A value as the number that it is, or that its whole text is (`sqlite3_value_numeric_type`).
fn number(value: ValueRef<'_>) -> Option<Value> {
    match value {
        ValueRef::Integer(whole) => Some(Value::Integer(whole)),
        ValueRef::Real(real) => Some(Value::Real(real)),
        ValueRef::Text(text) => written_number(text),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

/// The number that `text` is: decimal, with blanks around it at most. Rust's parser takes more: `inf`, `nan`.
fn written_number(text: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    match text.parse::<i64>() {
        Ok(whole) => Some(Value::Integer(whole)),
        Err(_) => text.parse().ok().map(Value::Real),
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::SQRT_2;

    use super::*;
    use crate::backend::sqlite::functions::install;

    fn answer(sql: &str) -> Value {
        let connection = Connection::open_in_memory().unwrap();
        install(&connection).unwrap();
        connection.query_row(&format!("SELECT {sql}"), [], |row| row.get(0)).unwrap()
    }

    /// The values are those of the sqlite3 shell.
    #[test]
    fn they_answer_as_those_of_the_sqlite3_shell() {
        for (sql, expected) in [
            ("sqrt(2)", SQRT_2),
            ("sqrt('4')", 2.0),
            ("sqrt(' 4e0 ')", 2.0),
            ("ceil(3.2)", 4.0),
            ("ceil('3.2')", 4.0),
            ("ceiling(-3.2)", -3.0),
            ("floor(-3.2)", -4.0),
            ("trunc(-2.5)", -2.0),
            ("ln(exp(1))", 1.0),
            ("log(100)", 2.0),
            ("log10(1000)", 3.0),
            ("log2(8)", 3.0),
            ("log(2, 8)", 3.0),
            ("pow(2, 10)", 1024.0),
            ("power('2', 0.5)", SQRT_2),
            ("pow(0, -1)", f64::INFINITY),
            ("exp(1000)", f64::INFINITY),
            ("mod(5, 3)", 2.0),
            ("mod(-5.5, 3)", -2.5),
            ("pi()", PI),
            ("degrees(pi())", 180.0),
            ("radians(180)", PI),
            ("atan2(1, 2)", 0.463_647_609_000_806_1),
            ("sin(1)", 0.841_470_984_807_896_5),
            ("cos(1)", 0.540_302_305_868_139_8),
            ("tan(1)", 1.557_407_724_654_902_3),
            ("asin(1)", PI / 2.0),
            ("acos(-1)", PI),
            ("atan(1)", PI / 4.0),
            ("sinh(1)", 1.175_201_193_643_801_4),
            ("cosh(1)", 1.543_080_634_815_243_7),
            ("tanh(1)", 0.761_594_155_955_764_9),
            ("asinh(0.5)", 0.481_211_825_059_603_47),
            ("acosh(2)", 1.316_957_896_924_816_6),
            ("atanh(0.5)", 0.549_306_144_334_054_9),
        ] {
            let Value::Real(number) = answer(sql) else { panic!("{sql}: {:?}", answer(sql)) };
            let near = (number - expected).abs() <= 4.0 * f64::EPSILON * expected.abs();
            assert!(number == expected || near, "{sql}: {number} {expected}");
        }
    }

    /// The values are those of Python's `math`.
    #[test]
    fn hyperbolic_functions_hold_for_tiny_and_huge_numbers() {
        for (function, x, expected) in [
            ("asinh", 1e-300, 1e-300),
            ("asinh", -1e-300, -1e-300),
            ("asinh", 5e-324, 5e-324),
            ("asinh", -5e-324, -5e-324),
            ("asinh", 1e-20, 1e-20),
            ("asinh", -1e-20, -1e-20),
            ("asinh", 1e-08, 9.999999999999999e-09),
            ("asinh", -1e-08, -9.999999999999999e-09),
            ("asinh", 0.3, 0.29567304756342244),
            ("asinh", -0.3, -0.29567304756342244),
            ("asinh", 1.0, 0.881373587019543),
            ("asinh", -1.0, -0.881373587019543),
            ("acosh", 1.0, 0.0),
            ("asinh", 1.0000001, 0.8813736577302195),
            ("asinh", -1.0000001, -0.8813736577302195),
            ("acosh", 1.0000001, 0.0004472135919037347),
            ("asinh", 2.0, 1.4436354751788103),
            ("asinh", -2.0, -1.4436354751788103),
            ("acosh", 2.0, 1.3169578969248166),
            ("asinh", 10000000.0, 16.811242831518268),
            ("asinh", -10000000.0, -16.811242831518268),
            ("acosh", 10000000.0, 16.811242831518264),
            ("asinh", 1000000000.0, 21.416413017506354),
            ("asinh", -1000000000.0, -21.416413017506354),
            ("acosh", 1000000000.0, 21.416413017506354),
            ("asinh", 1e+154, 355.291251501643),
            ("asinh", -1e+154, -355.291251501643),
            ("acosh", 1e+154, 355.291251501643),
            ("asinh", 1e+155, 357.593836594637),
            ("asinh", -1e+155, -357.593836594637),
            ("acosh", 1e+155, 357.593836594637),
            ("asinh", 1e+308, 709.889355822726),
            ("asinh", -1e+308, -709.889355822726),
            ("acosh", 1e+308, 709.889355822726),
            ("atanh", 5e-324, 5e-324),
            ("atanh", -5e-324, -5e-324),
            ("atanh", 1e-300, 1e-300),
            ("atanh", -1e-300, -1e-300),
            ("atanh", 1e-08, 1.0000000000000002e-08),
            ("atanh", -1e-08, -1.0000000000000002e-08),
            ("atanh", 0.3, 0.30951960420311175),
            ("atanh", -0.3, -0.30951960420311175),
            ("atanh", 0.9999999, 8.40562139102231),
            ("atanh", -0.9999999, -8.40562139102231),
            ("sinh", 5e-324, 5e-324),
            ("tanh", 5e-324, 5e-324),
            ("sinh", -5e-324, -5e-324),
            ("tanh", -5e-324, -5e-324),
            ("cosh", 5e-324, 1.0),
            ("sinh", 1e-300, 1e-300),
            ("tanh", 1e-300, 1e-300),
            ("sinh", -1e-300, -1e-300),
            ("tanh", -1e-300, -1e-300),
            ("cosh", 1e-300, 1.0),
            ("sinh", 1e-08, 1.0000000000000002e-08),
            ("tanh", 1e-08, 1e-08),
            ("sinh", -1e-08, -1.0000000000000002e-08),
            ("tanh", -1e-08, -1e-08),
            ("cosh", 1e-08, 1.0),
            ("sinh", 0.3, 0.3045202934471426),
            ("tanh", 0.3, 0.2913126124515909),
            ("sinh", -0.3, -0.3045202934471426),
            ("tanh", -0.3, -0.2913126124515909),
            ("cosh", 0.3, 1.0453385141288605),
            ("sinh", 20.0, 242582597.70489514),
            ("tanh", 20.0, 1.0),
            ("sinh", -20.0, -242582597.70489514),
            ("tanh", -20.0, -1.0),
            ("cosh", 20.0, 242582597.70489514),
            ("sinh", 700.0, 5.0711602736750225e+303),
            ("tanh", 700.0, 1.0),
            ("sinh", -700.0, -5.0711602736750225e+303),
            ("tanh", -700.0, -1.0),
            ("cosh", 700.0, 5.0711602736750225e+303),
            ("sinh", 710.0, 1.1169973830808557e+308),
            ("tanh", 710.0, 1.0),
            ("sinh", -710.0, -1.1169973830808557e+308),
            ("tanh", -710.0, -1.0),
            ("cosh", 710.0, 1.1169973830808557e+308),
        ] {
            let of = OF_ONE.iter().find(|(name, _)| *name == function).unwrap().1;
            let number = of(x);
            let near = (number - expected).abs() <= 4.0 * f64::EPSILON * expected.abs();
            assert!(number == expected || near, "{function}({x:e}): {number:e} {expected:e}");
        }
        assert_eq!((asinh(-0.0).to_bits(), acosh(f64::INFINITY)), ((-0.0_f64).to_bits(), f64::INFINITY));
        assert_eq!((atanh(1.0), atanh(-1.0)), (f64::INFINITY, f64::NEG_INFINITY));
        assert!(acosh(0.9).is_nan() && acosh(-1e300).is_nan() && atanh(1.5).is_nan());
    }

    #[test]
    fn what_is_no_number_or_has_no_result_is_null() {
        for sql in [
            "sqrt(NULL)",
            "sqrt(-1)",
            "sqrt('x')",
            "sqrt('')",
            "sqrt('4x')",
            "sqrt('0x10')",
            "sqrt('inf')",
            "sqrt(x'34')",
            "ceil('abc')",
            "ceil(NULL)",
            "ln(0)",
            "ln(-1)",
            "log(1, 8)",
            "log(0.5, 8)",
            "log(0, 8)",
            "log(2, 'x')",
            "log(NULL, 2)",
            "mod(5, 0)",
            "mod(5, NULL)",
            "pow('x', 2)",
            "pow(-1, 0.5)",
            "acos(2)",
            "acosh(0.5)",
            "atanh(2)",
            "atan2(1, 'x')",
        ] {
            assert_eq!(answer(sql), Value::Null, "{sql}");
        }
    }

    #[test]
    fn whole_numbers_stay_whole_where_they_do_in_sqlite() {
        for (sql, expected) in [
            ("ceil(3)", 3),
            ("floor('7')", 7),
            ("trunc(9223372036854775807)", i64::MAX),
            ("ceiling(' -12 ')", -12),
        ] {
            assert_eq!(answer(sql), Value::Integer(expected), "{sql}");
        }
        assert_eq!(answer("ceil('9223372036854775808')"), Value::Real(9_223_372_036_854_775_808.0));
        assert_eq!(answer("ceil('3.0')"), Value::Real(3.0));
    }

    #[test]
    fn indexes_and_generated_columns_may_use_them() {
        let connection = Connection::open_in_memory().unwrap();
        install(&connection).unwrap();
        connection
            .execute_batch(
                "PRAGMA trusted_schema = 0; CREATE TABLE t(x, root AS (sqrt(x)) STORED);
                 CREATE INDEX i ON t(floor(x)) WHERE ln(x) > 0; INSERT INTO t VALUES (9.5)",
            )
            .unwrap();
        let sql = "SELECT root > 3 FROM t WHERE floor(x) = 9 AND ln(x) > 0";
        assert!(connection.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap());
    }
}
