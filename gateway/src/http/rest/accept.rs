//! In which form a client wants a result: what its `Accept` says.

use axum::http::{HeaderMap, header};

/// The form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As MCP has it: text for a model.
    Mcp,
    /// Rows as JSON in the result.
    Json,
    /// RFC 4180, with a header line.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

impl Form {
    /// What `headers` want. A wildcard wants no other form than that of MCP, and neither does what is not known: a
    /// client that asks for nothing in particular is served.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        let mut best = (Self::Mcp, 0);
        for (form, weight) in accepts.flat_map(|value| value.split(',')).filter_map(wish) {
            // Of two that are wanted alike, the first one.
            if weight > best.1 {
                best = (form, weight);
            }
        }
        best.0
    }

    /// What its bodies are called.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Mcp | Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// One member of `Accept` with its weight in thousandths.
fn wish(member: &str) -> Option<(Form, u32)> {
    let mut parts = member.split(';').map(str::trim);
    let form = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/json" => Form::Json,
        "text/csv" => Form::Csv,
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Form::Ndjson
        }
        "*/*" | "application/*" | "text/*" => Form::Mcp,
        _ => return None,
    };
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight = weight.map_or(Some(1.0), |weight| weight.trim().parse::<f64>().ok());
    let weight = weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    Some((form, (weight * 1_000.0) as u32))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(accept: &[&str]) -> Form {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        Form::of(&headers)
    }

    #[test]
    fn what_is_wanted_most_is_taken() {
        for (accept, form) in [
            (&[][..], Form::Mcp),
            (&["*/*"], Form::Mcp),
            (&["application/json"], Form::Json),
            (&["application/json, text/event-stream"], Form::Json),
            (&["application/json, text/plain, */*"], Form::Json),
            (&["text/csv"], Form::Csv),
            (&["Text/CSV; charset=utf-8"], Form::Csv),
            (&["application/json;q=0.5, text/csv"], Form::Csv),
            (&["application/json;q=0.5", "application/x-ndjson;q=0.9"], Form::Ndjson),
            (&["text/csv;q=0, application/json;q=0.1"], Form::Json),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], Form::Mcp),
            (&["*/*, text/csv"], Form::Mcp),
            (&["text/csv;q=x"], Form::Mcp),
            (&["image/png"], Form::Mcp),
            (&[",;,"], Form::Mcp),
        ] {
            assert_eq!(of(accept), form, "{accept:?}");
        }
    }
}
