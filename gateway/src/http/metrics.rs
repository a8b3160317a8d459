//! `/metrics`: all metrics for Prometheus, in its text format, or as OpenMetrics where a client asks for that.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::task::spawn_blocking;

use super::caller::Caller;
use super::error::HttpError;
use super::front::Front;
use super::health::permit;
use crate::config::Permission;
use crate::observe::{Format, metrics_text};

const OPEN_METRICS: &str = "application/openmetrics-text";

pub(super) fn routes() -> Router<Arc<Front>> {
    // `get` answers HEAD, too.
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    permit(&caller, Permission::HealthCheck)?;
    let (format, shared) = (wanted(&headers), Arc::clone(&front.mcp.shared));
    let text = spawn_blocking(move || metrics_text(&shared, format)).await.map_err(|_| fault())?;
    let text = text.map_err(|_| fault())?;
    Ok(([(header::CONTENT_TYPE, format.content_type())], text).into_response())
}

fn fault() -> HttpError {
    HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the metrics cannot be written")
}

/// The format that is asked for; that of Prometheus unless OpenMetrics is preferred.
fn wanted(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut open, mut plain) = (0.0, 0.0);
    for range in accepted.flat_map(|value| value.split(',')) {
        let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = parameters
            .split(';')
            .find_map(|parameter| parameter.trim().strip_prefix("q="))
            .map_or(1.0, |text| text.trim().parse().unwrap_or(0.0));
        match media.trim().to_ascii_lowercase().as_str() {
            OPEN_METRICS => open = f64::max(open, quality),
            "text/plain" => plain = f64::max(plain, quality),
            _ => {}
        }
    }
    if open > 0.0 && open >= plain { Format::OpenMetrics } else { Format::Prometheus }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_is_preferred() {
        let format = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            wanted(&headers)
        };
        let prometheus = "application/openmetrics-text;version=1.0.0,\
                          application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(format(prometheus), Format::OpenMetrics);
        let open_later = "text/plain, application/openmetrics-text;q=0.5";
        for plain in ["", "*/*", "text/plain", "application/openmetrics-text;q=0", open_later] {
            assert_eq!(format(plain), Format::Prometheus, "{plain}");
        }
        assert_eq!(wanted(&HeaderMap::new()), Format::Prometheus);
    }
}
