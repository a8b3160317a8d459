//! Decides what is logged and what never is.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;

use crate::config::log_targets::{SPANS, TargetsError, parse, standard};

/// The MCP library's targets. It logs whole requests, SQL included, at every level below error.
const RMCP: &str = "rmcp";

/// The filter for `level`, or for the list if there is one.
pub(super) fn filter<S>(level: Level, targets: Option<&str>) -> Result<impl Filter<S> + use<S>, TargetsError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let chosen = targets.map_or_else(|| Ok(standard(level.into())), parse)?;
    // Filters of their own, not entries among the targets: a more specific target of the user's would override
    // those.
    Ok(chosen.or(filter_fn(tells_what_events_are_about)).and(filter_fn(may_be_logged)))
}

fn tells_what_events_are_about(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == SPANS
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with(RMCP) || *metadata.level() <= Level::ERROR
}
