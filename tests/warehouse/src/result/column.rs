//! Columns of a result, as the wire describes them.

use serde_json::{Value, json};

use crate::catalog::ColumnDefinition;

/// The most characters of a text, and the most bytes of a binary.
const TEXT_MAX: i64 = 16_777_216;
const BINARY_MAX: i64 = 8_388_608;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The wire's name of the type: `fixed`, `text`, ...
    kind: String,
    /// What an object is in truth, where that is something else: `GEOGRAPHY`, `GEOMETRY`.
    really: Option<&'static str>,
    precision: Option<i64>,
    scale: Option<i64>,
    length: Option<i64>,
    /// Of a vector: how many numbers.
    dimension: Option<i64>,
    nullable: bool,
}

impl Column {
    /// A column of the wire's type `kind`, with the precision and scale that such have.
    pub(crate) fn new(name: &str, kind: &str) -> Self {
        let (precision, scale, length) = match kind {
            "fixed" => (Some(38), Some(0), None),
            "text" => (None, None, Some(TEXT_MAX)),
            "binary" => (None, None, Some(BINARY_MAX)),
            "decfloat" => (Some(38), None, None),
            "time" | "timestamp_ltz" | "timestamp_ntz" | "timestamp_tz" => (Some(0), Some(9), None),
            _ => (None, None, None),
        };
        let (name, kind) = (name.to_owned(), kind.to_owned());
        Self { name, kind, really: None, precision, scale, length, dimension: None, nullable: true }
    }

    /// A column of text.
    pub(crate) fn text(name: &str) -> Self {
        Self::new(name, "text")
    }

    #[must_use]
    pub(crate) fn with_scale(mut self, scale: i64) -> Self {
        self.scale = Some(scale);
        self
    }

    #[must_use]
    pub(crate) fn with_precision(mut self, precision: i64) -> Self {
        self.precision = Some(precision);
        self
    }

    /// The column of a table, as a query gives it.
    pub(crate) fn of(definition: &ColumnDefinition) -> Self {
        let (name, rest) = definition.data_type.split_once('(').unwrap_or((&definition.data_type, ""));
        let numbers: Vec<i64> =
            rest.trim_end_matches(')').split(',').filter_map(|number| number.trim().parse().ok()).collect();
        let mut column = Self::new(&definition.name, wire_name(name));
        match (name, numbers.as_slice()) {
            ("NUMBER", &[precision, scale]) => column = column.with_precision(precision).with_scale(scale),
            ("TIME" | "TIMESTAMP_LTZ" | "TIMESTAMP_NTZ" | "TIMESTAMP_TZ", &[scale]) => {
                column.scale = Some(scale);
            }
            ("VARCHAR" | "BINARY", &[length]) => column.length = Some(length),
            ("VECTOR", &[dimension]) => column.dimension = Some(dimension),
            ("GEOGRAPHY", _) => column.really = Some("GEOGRAPHY"),
            ("GEOMETRY", _) => column.really = Some("GEOMETRY"),
            _ => {}
        }
        column.nullable = definition.nullable;
        column
    }

    /// The entry of `rowtype`.
    pub(crate) fn json(&self) -> Value {
        let bytes =
            self.length.map(|length| if self.kind == "text" { length } else { length.min(BINARY_MAX) });
        let mut column = json!({
            "name": self.name, "database": "", "schema": "", "table": "", "nullable": self.nullable,
            "type": self.kind, "precision": self.precision, "scale": self.scale, "length": self.length,
            "byteLength": bytes, "collation": null,
        });
        if let Some(really) = self.really {
            column["extTypeName"] = really.into();
        }
        match self.kind.as_str() {
            "vector" => {
                column["vectorDimension"] = self.dimension.into();
                column["fields"] = json!([Self::new("", "real").json()]);
            }
            "map" => {
                column["fields"] = json!([Self::text("").json(), Self::new("", "fixed").json()]);
            }
            _ => {}
        }
        column
    }
}

/// What the wire calls a type.
fn wire_name(name: &str) -> &str {
    match name {
        "NUMBER" => "fixed",
        "FLOAT" => "real",
        "DECFLOAT" => "decfloat",
        "BOOLEAN" => "boolean",
        "DATE" => "date",
        "TIME" => "time",
        "TIMESTAMP_LTZ" => "timestamp_ltz",
        "TIMESTAMP_NTZ" => "timestamp_ntz",
        "TIMESTAMP_TZ" => "timestamp_tz",
        "VARIANT" => "variant",
        // Their usual output format is GeoJSON.
        "OBJECT" | "GEOGRAPHY" | "GEOMETRY" => "object",
        "ARRAY" => "array",
        "BINARY" => "binary",
        "VECTOR" => "vector",
        "MAP" => "map",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_of(data_type: &str) -> Value {
        Column::of(&ColumnDefinition::new("C", data_type)).json()
    }

    #[test]
    fn numbers_of_a_type_become_fields() {
        let number = json_of("NUMBER(12,2)");
        assert_eq!(
            (&number["type"], &number["precision"], &number["scale"]),
            (&json!("fixed"), &json!(12), &json!(2))
        );
        assert_eq!(json_of("TIME(3)")["scale"], 3);
        assert_eq!(json_of("VARCHAR(10)")["length"], 10);
        assert_eq!(json_of("VECTOR(FLOAT, 3)")["vectorDimension"], 3);
    }

    #[test]
    fn a_geography_is_an_object_that_says_what_it_is() {
        let place = json_of("GEOGRAPHY");
        assert_eq!((&place["type"], &place["extTypeName"]), (&json!("object"), &json!("GEOGRAPHY")));
        assert!(json_of("OBJECT").get("extTypeName").is_none());
    }
}
