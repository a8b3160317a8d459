//! The table of attacks.

use snowgate_tests::Home;

use super::witnesses::Witnesses;
use super::{connections, lines, queues, requests};

/// Something that one client, or a few, may do.
pub(crate) struct Attack {
    /// What it does.
    pub(crate) name: &'static str,
    /// The config beyond the test home's, first the keys of `[sqlite]`: the first of these that the gateway knows.
    pub(crate) config: &'static [&'static str],
    /// Does it, and waits for what must be answered.
    pub(crate) run: fn(&Home, &Witnesses),
}

const fn plain(name: &'static str, run: fn(&Home, &Witnesses)) -> Attack {
    Attack { name, config: &[""], run }
}

/// The most bytes of a result that can be configured.
const LARGE_RESULTS: &[&str] = &["[limits]\nbytes_max = 7340032\nrows_max = 100000\n"];

pub(crate) const ATTACKS: &[Attack] = &[
    plain("nothing", |_, witnesses| witnesses.rounds(60)),
    plain("long lines: arguments of a call", lines::in_arguments),
    plain("long lines: a statement", lines::as_statement),
    plain("long lines: a tool's name", lines::as_tool_name),
    plain("long lines: a number, and an argument's name", lines::as_limit),
    plain("long lines: as many values as a message may have", lines::many_values),
    plain("long lines: _meta of a call", lines::in_meta),
    plain("long lines: params that ping does not have", lines::in_unknown_params),
    plain("long lines: params of an unknown method", lines::in_unknown_method),
    plain("long lines: capabilities of initialize", lines::in_capabilities),
    plain("long lines: a notification", lines::in_notification),
    plain("long lines: the request that a cancel names", lines::in_cancel),
    plain("long lines: a response", lines::in_response),
    plain("long lines: an id", lines::as_id),
    plain("long lines: a method", lines::as_method),
    plain("long lines: a progress token", lines::as_progress_token),
    plain("long lines: a member that JSON-RPC does not have", lines::as_unknown_member),
    plain("long lines: no message", lines::as_no_message),
    plain("long lines: behind 32 statements without an end", lines::behind_slow_calls),
    plain("long lines: statements of twenty clients", lines::from_twenty_clients),
    Attack {
        name: "long lines: twenty clients, behind statements without an end",
        config: &["[gateway]\nsession_requests_max = 2\n"],
        run: lines::from_twenty_clients_behind_slow_calls,
    },
    plain("names of 3 MB", requests::long_object_names),
    Attack {
        name: "results of 6 MB that five clients do not read",
        config: LARGE_RESULTS,
        run: requests::unread_results,
    },
    Attack { name: "eight results of 7 MiB", config: LARGE_RESULTS, run: requests::large_results },
    Attack { name: "eight results of 100,000 rows", config: LARGE_RESULTS, run: requests::many_rows },
    plain("three greedy statements", requests::greedy_selects),
    plain("100,000 small requests", requests::small_requests),
    Attack { name: "a locked state file", config: &["read_only = false\n"], run: requests::locked_state },
    Attack {
        name: "100,000 small statements against a full queue",
        config: queues::FULL_QUEUE,
        run: queues::small_requests_against_a_full_queue,
    },
    Attack {
        name: "a queue that is kept full for minutes",
        config: queues::LONG_QUEUE,
        run: queues::a_queue_that_is_kept_full,
    },
    Attack {
        name: "fifty clients that are refused in a loop",
        config: queues::REFUSALS,
        run: queues::refused_clients,
    },
    plain("first calls of 500 clients of one name", connections::first_calls),
    plain("200 connections without a hello", connections::without_hello),
    plain("connections that come and go", connections::come_and_go),
];
