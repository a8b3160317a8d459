//! Cells as text, exactly.
//!
//! The wire has texts already; most are what SQL shows. What is not: booleans are `1` and `0`, dates are
//! days, and times and timestamps are seconds with a fraction. They become
//!
//! | type | text |
//! |---|---|
//! | BOOLEAN | `true`, `false` |
//! | DATE | `2024-02-29` |
//! | TIME(3) | `23:59:59.123` |
//! | TIMESTAMP_NTZ(3) | `2024-02-29 23:59:59.123` |
//! | TIMESTAMP_TZ(3) | `2024-02-29 23:59:59.123 +05:30`, in the value's own offset |
//! | TIMESTAMP_LTZ(3) | `2024-02-29 23:59:59.123 -08:00`, in the session's time zone |
//! | INTERVAL YEAR TO MONTH, YEAR, MONTH | `+1-02`, `+1`, `-14` |
//! | INTERVAL of days and times | `1 day, 2:03:04.5`, `-0:00:01` |
//!
//! whatever the session's output formats are: an exact value, of one form. An instant always has its offset,
//! so it is exact even where the time zone is not known here and UTC is used instead. Numbers, texts,
//! semi-structured values, binaries (hexadecimal), geographies, vectors and types that are not known stay as
//! they came, and so does a value that is not of its type's form.

mod calendar;
mod fraction;
mod interval;
mod moment;
mod zone;

pub(crate) use zone::Zone;

use self::interval::YearMonth;
use crate::column::{Column, ColumnKind};

/// How each column's cells become text.
pub(crate) struct Renderer {
    forms: Vec<Form>,
}

enum Form {
    AsItCame,
    Boolean,
    Date,
    Time { scale: usize },
    TimestampNtz { scale: usize },
    TimestampLtz { scale: usize, zone: Zone },
    TimestampTz { scale: usize },
    IntervalYearMonth { parts: YearMonth },
    IntervalDayTime,
}

impl Renderer {
    /// For `columns`, in a session of time zone `zone`.
    pub(crate) fn new(columns: &[Column], zone: &Zone) -> Self {
        Self { forms: columns.iter().map(|column| Form::of(column, zone)).collect() }
    }

    /// Cells in a row.
    pub(crate) fn width(&self) -> usize {
        self.forms.len()
    }

    /// The text of a cell in `column`.
    pub(crate) fn render(&self, column: usize, cell: &str) -> Option<String> {
        match self.forms.get(column)? {
            Form::AsItCame => None,
            Form::Boolean => boolean(cell).map(Into::into),
            Form::Date => moment::date(cell),
            Form::Time { scale } => moment::time(cell, *scale),
            Form::TimestampNtz { scale } => moment::timestamp_ntz(cell, *scale),
            Form::TimestampLtz { scale, zone } => moment::timestamp_ltz(cell, *scale, zone),
            Form::TimestampTz { scale } => moment::timestamp_tz(cell, *scale),
            Form::IntervalYearMonth { parts } => interval::year_month(cell, *parts),
            Form::IntervalDayTime => interval::day_time(cell),
        }
    }
}

impl Form {
    fn of(column: &Column, zone: &Zone) -> Self {
        let scale = column.scale.and_then(|scale| usize::try_from(scale).ok()).unwrap_or(0);
        match column.kind {
            ColumnKind::Boolean => Self::Boolean,
            ColumnKind::Date => Self::Date,
            ColumnKind::Time => Self::Time { scale },
            ColumnKind::TimestampNtz => Self::TimestampNtz { scale },
            ColumnKind::TimestampLtz => Self::TimestampLtz { scale, zone: zone.clone() },
            ColumnKind::TimestampTz => Self::TimestampTz { scale },
            ColumnKind::IntervalYearMonth => Self::IntervalYearMonth { parts: YearMonth::of(scale) },
            ColumnKind::IntervalDayTime => Self::IntervalDayTime,
            _ => Self::AsItCame,
        }
    }
}

fn boolean(cell: &str) -> Option<&'static str> {
    match cell {
        "1" | "true" | "TRUE" => Some("true"),
        "0" | "false" | "FALSE" => Some("false"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(kind: ColumnKind, scale: Option<i64>, cell: &str) -> String {
        let column = Column { name: "C".into(), kind, precision: None, scale, length: None, nullable: true };
        let zone = Zone::named(Some("America/Los_Angeles"));
        Renderer::new(&[column], &zone).render(0, cell).unwrap_or_else(|| cell.to_owned())
    }

    #[test]
    fn what_is_text_already_stays_to_the_last_digit() {
        for (kind, cell) in [
            (ColumnKind::Fixed, "-99999999999999999999999999999999999999"),
            (ColumnKind::Fixed, "0.00000000000000000000000000000000000001"),
            (ColumnKind::Real, "1.7976931348623157e+308"),
            (ColumnKind::Real, "NaN"),
            (ColumnKind::DecFloat, "1.2345E+20"),
            (ColumnKind::Text, " 1 "),
            (ColumnKind::Variant, "{\n  \"a\": [1, null]\n}"),
            (ColumnKind::Binary, "00FF10"),
            (ColumnKind::Vector, "[1.5,2.0]"),
            (ColumnKind::Geography, "POINT(1 2)"),
            (ColumnKind::Other("HOLOGRAM".into()), "?"),
        ] {
            assert_eq!(rendered(kind.clone(), Some(9), cell), cell, "{kind:?}");
        }
    }

    #[test]
    fn encoded_types_are_decoded() {
        for (kind, scale, cell, text) in [
            (ColumnKind::Boolean, None, "1", "true"),
            (ColumnKind::Boolean, None, "false", "false"),
            (ColumnKind::Date, None, "19782", "2024-02-29"),
            (ColumnKind::Time, Some(0), "86399", "23:59:59"),
            (ColumnKind::TimestampNtz, Some(9), "1709251199.123456789", "2024-02-29 23:59:59.123456789"),
            (ColumnKind::TimestampLtz, Some(3), "1709251199.123000000", "2024-02-29 15:59:59.123 -08:00"),
            (ColumnKind::TimestampTz, Some(0), "1709251199 1770", "2024-03-01 05:29:59 +05:30"),
            (ColumnKind::IntervalYearMonth, Some(0), "14", "+1-02"),
            (ColumnKind::IntervalYearMonth, None, "-14", "-1-02"),
            (ColumnKind::IntervalDayTime, Some(9), "93784500000000", "1 day, 2:03:04.5"),
        ] {
            assert_eq!(rendered(kind, scale, cell), text);
        }
    }

    #[test]
    fn values_that_are_not_of_their_type_stay() {
        for kind in [
            ColumnKind::Boolean,
            ColumnKind::Date,
            ColumnKind::Time,
            ColumnKind::TimestampNtz,
            ColumnKind::TimestampLtz,
            ColumnKind::TimestampTz,
        ] {
            for odd in ["", "x", "1.2.3", "99999999999999999999", "1e5", "2024-01-01", "1 2 3", "--1", "+"] {
                assert_eq!(rendered(kind.clone(), Some(3), odd), odd, "{kind:?}");
            }
        }
    }
}
