//! The formats of files.

use std::fmt;

/// What a file of rows is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180 with a line of names: NULL is nothing, an empty text `""`.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// One JSON array of objects.
    Json,
    /// Apache Parquet: only in builds with the feature `parquet`.
    Parquet,
}

/// A word that is no format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat;

impl ExportFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Jsonl, Self::Json, Self::Parquet];

    /// Those that this build can write, for people.
    pub const BUILT_IN: &str =
        if cfg!(feature = "parquet") { "csv, jsonl, json or parquet" } else { "csv, jsonl or json" };

    /// The one that is named, else that of the file name's ending, else CSV.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn choose(named: Option<&str>, file_name: &str) -> Result<Self, UnknownFormat> {
        match named.map(str::trim).filter(|named| !named.is_empty()) {
            Some(named) => Self::find(named.trim_start_matches('.')).ok_or(UnknownFormat),
            None => {
                Ok(file_name.rsplit_once('.').and_then(|(_, ending)| Self::find(ending)).unwrap_or(Self::Csv))
            }
        }
    }

    fn find(word: &str) -> Option<Self> {
        if word.eq_ignore_ascii_case("ndjson") {
            return Some(Self::Jsonl);
        }
        Self::ALL.into_iter().find(|format| format.as_str().eq_ignore_ascii_case(word))
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Json => "json",
            Self::Parquet => "parquet",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Jsonl => "application/x-ndjson",
            Self::Json => "application/json",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Whether this build can write it.
    pub fn is_built_in(self) -> bool {
        self != Self::Parquet || cfg!(feature = "parquet")
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_named_or_that_of_the_names_ending_or_csv() {
        for (named, name, format) in [
            (None, "a.csv", ExportFormat::Csv),
            (None, "a.JSON", ExportFormat::Json),
            (None, "a.jsonl", ExportFormat::Jsonl),
            (None, "a.ndjson", ExportFormat::Jsonl),
            (None, "a.b.parquet", ExportFormat::Parquet),
            (None, "a.txt", ExportFormat::Csv),
            (None, "csv", ExportFormat::Csv),
            (Some("json"), "a.csv", ExportFormat::Json),
            (Some(" .CSV "), "a.json", ExportFormat::Csv),
            (Some(""), "a.json", ExportFormat::Json),
        ] {
            assert_eq!(ExportFormat::choose(named, name), Ok(format), "{named:?} {name}");
        }
        assert_eq!(ExportFormat::choose(Some("xlsx"), "a.csv"), Err(UnknownFormat));
        assert!(ExportFormat::Csv.is_built_in());
    }
}
