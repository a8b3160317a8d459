//! The types of a result's columns, in SQL's words.

use snowflake_wire::{Column, ColumnKind};

use crate::backend::{CellKind, ColumnType};

/// The type of `column`.
pub(super) fn type_of(column: &Column) -> ColumnType {
    let kind = match column.kind {
        ColumnKind::Fixed | ColumnKind::DecFloat => CellKind::Number,
        ColumnKind::Real => CellKind::Real,
        ColumnKind::Boolean => CellKind::Boolean,
        ColumnKind::Binary => CellKind::Bytes,
        _ => CellKind::Text,
    };
    ColumnType { name: name_of(column), kind }
}

fn name_of(column: &Column) -> String {
    let with = |name: &str, digits: Option<i64>| match digits {
        Some(digits) => format!("{name}({digits})"),
        None => name.to_owned(),
    };
    match &column.kind {
        ColumnKind::Fixed => match (column.precision, column.scale) {
            (Some(precision), Some(scale)) => format!("NUMBER({precision},{scale})"),
            _ => "NUMBER".to_owned(),
        },
        ColumnKind::Real => "FLOAT".to_owned(),
        ColumnKind::DecFloat => "DECFLOAT".to_owned(),
        ColumnKind::Text => with("VARCHAR", column.length),
        ColumnKind::Boolean => "BOOLEAN".to_owned(),
        ColumnKind::Date => "DATE".to_owned(),
        ColumnKind::Time => with("TIME", column.scale),
        ColumnKind::TimestampNtz => with("TIMESTAMP_NTZ", column.scale),
        ColumnKind::TimestampLtz => with("TIMESTAMP_LTZ", column.scale),
        ColumnKind::TimestampTz => with("TIMESTAMP_TZ", column.scale),
        ColumnKind::IntervalYearMonth => "INTERVAL YEAR TO MONTH".to_owned(),
        ColumnKind::IntervalDayTime => "INTERVAL DAY TO SECOND".to_owned(),
        ColumnKind::Variant => "VARIANT".to_owned(),
        ColumnKind::Object => "OBJECT".to_owned(),
        ColumnKind::Array => "ARRAY".to_owned(),
        ColumnKind::Map => "MAP".to_owned(),
        ColumnKind::Binary => with("BINARY", column.length),
        ColumnKind::Vector => "VECTOR".to_owned(),
        ColumnKind::Geography => "GEOGRAPHY".to_owned(),
        ColumnKind::Geometry => "GEOMETRY".to_owned(),
        ColumnKind::Other(name) => name.to_uppercase(),
        // The driver may learn of more.
        _ => "VARIANT".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_sql_names_them() {
        let of = |kind, precision, scale, length| {
            let column = Column { name: "C".into(), kind, precision, scale, length, nullable: true };
            let ColumnType { name, kind } = type_of(&column);
            (name, kind)
        };
        let number = of(ColumnKind::Fixed, Some(38), Some(2), None);
        assert_eq!(number, ("NUMBER(38,2)".to_owned(), CellKind::Number));
        let text = of(ColumnKind::Text, None, None, Some(16));
        assert_eq!(text, ("VARCHAR(16)".to_owned(), CellKind::Text));
        let time = of(ColumnKind::TimestampTz, Some(0), Some(9), None);
        assert_eq!(time, ("TIMESTAMP_TZ(9)".to_owned(), CellKind::Text));
        assert_eq!(of(ColumnKind::Boolean, None, None, None).1, CellKind::Boolean);
        let other = of(ColumnKind::Other("new_one".to_owned()), None, None, None);
        assert_eq!(other, ("NEW_ONE".to_owned(), CellKind::Text));
    }
}
