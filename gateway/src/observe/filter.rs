//! Decides what is logged and what never is.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

use crate::config::log_targets::{SPANS, TargetsError, parse, standard};
use crate::shared::SetLogLevel;

/// The MCP library's targets. It logs whole requests, SQL included, at every level below error.
const RMCP: &str = "rmcp";

/// The filter for `level`, or for the list if there is one; and what changes the level, where there is no list.
pub(super) fn filter<S>(
    level: Level,
    targets: Option<&str>,
) -> Result<(impl Filter<S> + use<S>, Option<SetLogLevel>), TargetsError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let chosen = targets.map_or_else(|| Ok(standard(level.into())), parse)?;
    let (chosen, handle) = reload::Layer::<Targets, S>::new(chosen);
    let set_level: SetLogLevel = Box::new(move |level| {
        // The subscriber is gone with the process alone.
        let _ = handle.reload(standard(level.into()));
    });
    let set_level = targets.is_none().then_some(set_level);
    // Filters of their own, not entries among the targets: a more specific target of the user's would override
    // those.
    let filter = chosen.or(filter_fn(tells_what_events_are_about)).and(filter_fn(may_be_logged));
    Ok((filter, set_level))
}

fn tells_what_events_are_about(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == SPANS
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with(RMCP) || *metadata.level() <= Level::ERROR
}
