//! What is known of a result's columns.

use crate::envelope::Fields;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name; names may repeat.
    pub name: String,
    /// Its type.
    pub kind: ColumnKind,
    /// Digits of a number.
    pub precision: Option<i64>,
    /// Digits after the point: of a number, or of a time's seconds.
    pub scale: Option<i64>,
    /// Characters of a text, or bytes of a binary.
    pub length: Option<i64>,
    /// Whether it may hold NULL. `true` where the server does not say.
    pub nullable: bool,
}

/// A column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// NUMBER: exact, up to 38 digits.
    Fixed,
    /// FLOAT: 64 bits, binary.
    Real,
    /// DECFLOAT: up to 38 significant digits.
    DecFloat,
    /// VARCHAR.
    Text,
    /// BOOLEAN.
    Boolean,
    /// DATE.
    Date,
    /// TIME.
    Time,
    /// TIMESTAMP_NTZ: no time zone.
    TimestampNtz,
    /// TIMESTAMP_LTZ: an instant, shown in the session's time zone.
    TimestampLtz,
    /// TIMESTAMP_TZ: an instant with the offset it was given in.
    TimestampTz,
    /// INTERVAL YEAR TO MONTH, YEAR or MONTH.
    IntervalYearMonth,
    /// INTERVAL of days, hours, minutes and seconds.
    IntervalDayTime,
    /// VARIANT.
    Variant,
    /// OBJECT.
    Object,
    /// ARRAY.
    Array,
    /// MAP.
    Map,
    /// BINARY.
    Binary,
    /// VECTOR.
    Vector,
    /// GEOGRAPHY.
    Geography,
    /// GEOMETRY.
    Geometry,
    /// A type that this client does not know, as the server names it. Its values are shown as they come.
    Other(String),
}

impl ColumnKind {
    fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "fixed" => Self::Fixed,
            "real" => Self::Real,
            "decfloat" => Self::DecFloat,
            "text" => Self::Text,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp_ntz" => Self::TimestampNtz,
            "timestamp_ltz" => Self::TimestampLtz,
            "timestamp_tz" => Self::TimestampTz,
            "interval_year_month" => Self::IntervalYearMonth,
            "interval_day_time" => Self::IntervalDayTime,
            "variant" => Self::Variant,
            "object" => Self::Object,
            "array" => Self::Array,
            "map" => Self::Map,
            "binary" => Self::Binary,
            "vector" => Self::Vector,
            "geography" => Self::Geography,
            "geometry" => Self::Geometry,
            _ => Self::Other(name.to_owned()),
        }
    }
}

impl Column {
    /// Reads one entry of `rowtype`.
    pub(crate) fn read(json: &str) -> Self {
        let column = Fields::of(json.as_bytes());
        // A geography is sent as an object, a text or a binary, by the format that the session sets, and
        // named here.
        let name = column.filled("extTypeName").or_else(|| column.text("type")).unwrap_or_default();
        Self {
            name: column.text("name").unwrap_or_default(),
            kind: ColumnKind::named(&name),
            precision: column.number("precision"),
            scale: column.number("scale"),
            length: column.number("length"),
            nullable: !column.has("nullable") || column.is_true("nullable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_any_type_is_read() {
        let column = Column::read(
            r#"{"name": "A \"b\"", "type": "fixed", "scale": 2, "precision": 38, "length": null,
                "nullable": false,
                "collation": null, "fields": [{}]}"#,
        );
        let expected = Column {
            name: "A \"b\"".into(),
            kind: ColumnKind::Fixed,
            precision: Some(38),
            scale: Some(2),
            length: None,
            nullable: false,
        };
        assert_eq!(column, expected);
    }

    #[test]
    fn odd_columns_survive() {
        assert_eq!(
            Column::read(r#"{"name": "x", "type": "HOLOGRAM"}"#).kind,
            ColumnKind::Other("HOLOGRAM".into())
        );
        assert_eq!(Column::read(r#"{"type": "FIXED", "scale": "2"}"#).scale, Some(2));
        assert_eq!(
            Column::read(r#"{"type": "object", "extTypeName": "GEOGRAPHY"}"#).kind,
            ColumnKind::Geography
        );
        let nothing = Column::read("[]");
        assert_eq!((nothing.name.as_str(), nothing.nullable), ("", true));
    }
}
