//! Who shares the connections, for `snowgate status`.

use crate::allocator::{AllocatorView, FlowStatus, WaitingRequest};

/// One line for the whole, and one for each flow and request that counts; none where nothing waits or runs. Of each, `shown_max` at most.
pub(super) fn lines(view: &AllocatorView, shown_max: usize) -> Vec<String> {
    let mut lines = vec![summary(view)];
    if view.running + view.waiting == 0 {
        return lines;
    }
    let unit = if view.strategy == "round_robin" { "turns" } else { "s" };
    lines.extend(view.flows.iter().take(shown_max).map(|one| flow(one, unit)));
    lines.extend(more(view.flows.len() + view.flows_left_out, "flows", shown_max));
    lines.extend(view.requests.iter().take(shown_max).map(request));
    lines.extend(more(view.requests.len() + view.requests_left_out, "requests that wait", shown_max));
    lines
}

fn more(count: usize, what: &str, shown_max: usize) -> Option<String> {
    (count > shown_max).then(|| format!("and {} more {what}", count - shown_max))
}

fn summary(view: &AllocatorView) -> String {
    let mut text = format!("{} by {}: {} of {} slots", view.strategy, view.fair_by, view.running, view.slots);
    if view.lane_slots > 0 {
        text.push_str(&format!(" (lane {} of {})", view.lane_running, view.lane_slots));
    }
    text.push_str(&format!(", {} waiting", view.waiting));
    let counted = [
        (view.refused, "refused for a full queue"),
        (view.timed_out, "waited for too long"),
        (view.demoted, "too long for the lane"),
    ];
    for (count, what) in counted.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    text
}

fn flow(flow: &FlowStatus, unit: &str) -> String {
    let cap = flow.slots_max.map(|max| format!(" of {max}")).unwrap_or_default();
    format!(
        "{}: {}{cap} running, {} waiting, weight {}, {:.1} {unit} ahead of others, {:.1} at most",
        flow.flow, flow.running, flow.waiting, flow.weight, flow.lag, flow.bound
    )
}

fn request(request: &WaitingRequest) -> String {
    let estimate =
        request.estimate_ms.map(|ms| format!(", about {} s to go", ms.div_ceil(1_000))).unwrap_or_default();
    format!(
        "{}:{} of {} is number {} in the queue, for {:.1} s{estimate}",
        request.session.get(..8).unwrap_or(&request.session),
        request.request,
        request.flow,
        request.position,
        std::time::Duration::from_millis(request.waited_ms).as_secs_f64()
    )
}
