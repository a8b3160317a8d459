//! What a client, and its user, are told when something does not work: reviewed as one set. `docs/messages.md` has it, made of
//! the code's own messages with example values.
//!
//! `SNOWGATE_UPDATE_DOCS=1 cargo test -p snowgate --lib mcp::tests::messages` writes the page.

use std::path::{Path, PathBuf};
use std::time::Duration;

use snowgate_link::os;
use snowgate_link::start::StartError;

use super::super::call::{not_offered, unkept_state};
use super::super::execute_query::transaction_lost;
use super::super::export_result;
use super::super::failure;
use super::super::journaled::{refused, unknown};
use super::super::own_settings;
use super::super::request_record::name_of;
use super::super::running::{no_audit, no_memory};
use super::super::tool_name::{self, ToolName};
use crate::backend::{BackendError, ErrorKind, Sample, sample};
use crate::config::SettingsDifference;
use crate::{backend, isolation, limits, multiplexer};

/// Characters of a message, and of a next step, at most: they are read by a model, and shown by clients in a small box.
const MESSAGE_CHARS_MAX: usize = 420;
const NEXT_STEP_CHARS_MAX: usize = 420;

/// Words that a message is not to have: where a secret is, and ways to speak that are not plain.
const NOT_SAID: [&str; 7] = [".p8", ".pem", "nobody", "whoever", "whatever", "stands in", "Oops"];

const HEAD: &str = include_str!("messages.md");

fn own() -> Vec<Sample> {
    let settings = SettingsDifference {
        names: vec!["SNOWFLAKE_ACCOUNT".to_owned()],
        is_decisive: true,
        is_wrong: false,
        is_ambiguous: false,
        problem: None,
    };
    let tools = ["list_tables".to_owned(), "query_view".to_owned()];
    let mut samples = vec![
        sample(
            "a tool that the profile does not offer",
            not_offered(ToolName::ExecuteQuery, &tools, "analyst"),
        ),
        sample(
            "the client's own settings are refused",
            own_settings::refusal(&settings, Path::new("config.toml")),
        ),
        sample(
            "the config was read again, and the client's own settings lead to another connection by it",
            own_settings::outdated("the connection sqlite, which profiles use, has changed"),
        ),
        sample(
            "state, from a client that nothing tells apart",
            unkept_state("the statement makes state on its connection"),
        ),
        sample(
            "the audit trail cannot be written, and is required",
            no_audit(&"no record can be written: the disk is full"),
        ),
        sample("the client's results take all of its memory", no_memory(Duration::from_secs(30))),
        sample("a transaction was lost with its connection", transaction_lost("not run")),
        sample("it is not known whether the statement ran", unknown(None)),
        sample("the write journal cannot be written", refused(&crate::state::full_error())),
    ];
    samples.extend(export_result::samples().into_iter().map(|(when, error)| sample(when, error)));
    samples
}

/// The sections of the page.
fn sections() -> Vec<(&'static str, Vec<Sample>)> {
    let of_pool = multiplexer::samples();
    let (lost, mut busy): (Vec<_>, Vec<_>) =
        of_pool.into_iter().partition(|sample| sample.error.kind == ErrorKind::StateLost);
    let is_refused = |sample: &Sample| sample.error.kind == ErrorKind::Refused;
    let (pool_rules, rest): (Vec<_>, Vec<_>) = busy.into_iter().partition(is_refused);
    busy = rest;
    let (own_rules, own_rest): (Vec<_>, Vec<_>) = own().into_iter().partition(is_refused);
    let mut rules = isolation::samples();
    rules.extend(pool_rules);
    rules.extend(own_rules);
    rules.extend(backend::sqlite::samples());
    let mut outcome = lost;
    outcome.extend(own_rest);
    vec![
        ("Log-in and warehouse", backend::snowflake::samples()),
        ("Connections and queues", busy),
        ("Limits", limits::samples()),
        ("Rules", rules),
        ("State and outcome", outcome),
    ]
}

/// What the shim says where there is no gateway, with the next step.
fn without_gateway() -> Vec<(&'static str, StartError)> {
    let socket = || PathBuf::from("/run/user/1000/snowgate/gateway.sock");
    let log = || PathBuf::from("gateway.stderr");
    let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    vec![
        ("no gateway runs, and the shim may start none", StartError::Absent(socket())),
        ("another user's process listens there", StartError::ForeignPeer { socket: socket(), user: Some(os::User::of_number(1001)) }),
        ("another program listens there", StartError::NotGateway { socket: socket(), why: "it sent no hello".to_owned() }),
        ("the gateway's program cannot be run", StartError::Launch { program: "/usr/bin/snowgate".into(), source: denied() }),
        (
            "the gateway cannot start",
            StartError::Failed {
                message: "the configuration has errors: config.toml:3:1: pool.connections_max: expected a whole number".to_owned(),
                next_step: Some("run `snowgate config check`".to_owned()),
                log: log(),
            },
        ),
        ("the gateway was started, and does not answer", StartError::NotReady { pid: 4711, log: log() }),
        ("nothing came of waiting", StartError::Deadline { socket: socket(), step: "the new gateway to accept a connection" }),
        ("a sandbox denies the socket", StartError::Io { what: "connect to", path: socket(), source: denied() }),
    ]
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// A next step as it is on Unix, whose the page has.
fn of_unix(next_step: &str) -> String {
    let another_path = next_step.replace(r"the name of another pipe, `\\.\pipe\NAME`", "another path");
    another_path.replace("taskkill /F /PID 4711", "kill 4711")
}

fn page() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## No gateway\n\nThe shim answers by itself, with a JSON-RPC error (`-32603`); `data` has `cause` and `nextStep`.\n\n");
    text.push_str("| when | message | next step |\n|---|---|---|\n");
    for (when, error) in without_gateway() {
        let next_step = of_unix(&error.next_step().unwrap_or_default());
        // The user of the tests.
        let message = error.to_string().replace(&format!("not as user {}", os::user()), "not as user 1000");
        text.push_str(&format!("| {when} | {} | {} |\n", cell(&message), cell(&next_step)));
    }
    for (title, samples) in sections() {
        text.push_str(&format!("\n## {title}\n\n| code | when | message | next step |\n|---|---|---|---|\n"));
        for Sample { when, error } in samples {
            let next_step = error.next_step.as_deref().unwrap_or("none is needed");
            let code = error.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
            text.push_str(&format!(
                "| `{}`{code} | {when} | {} | {} |\n",
                name_of(error.kind),
                cell(&error.message),
                cell(next_step)
            ));
        }
    }
    let unknown = tool_name::unknown("execute_qurey", std::iter::empty());
    text.push_str(&format!(
        "\n## Requests\n\nWhat is no valid request is a JSON-RPC error. For example, a tool that does not exist (`-32602`; `data` lists \
         the tools): {}.\n",
        unknown.message
    ));
    text
}

#[test]
fn the_page_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/messages.md");
    if std::env::var_os("SNOWGATE_UPDATE_DOCS").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let written = std::fs::read_to_string(file).unwrap_or_default();
    let command = "SNOWGATE_UPDATE_DOCS=1 cargo test -p snowgate --lib mcp::tests::messages";
    let page = page();
    let other: Vec<_> = written.lines().zip(page.lines()).filter(|(written, made)| written != made).collect();
    assert!(written == page, "run: {command}\n{other:?}");
}

/// What is wrong with a message.
fn objections(message: &str, next_step: Option<&str>, needs_step: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |is_fine: bool, what: &str| {
        if !is_fine {
            found.push(what.to_owned());
        }
    };
    check(!message.trim().is_empty(), "it has no text");
    check(message.chars().count() <= MESSAGE_CHARS_MAX, "it is too long");
    check(!message.contains('\n'), "it has several lines");
    check(next_step.is_some() || !needs_step, "it has no next step");
    for (text, what) in [(Some(message), "message"), (next_step, "next step")] {
        let Some(text) = text else { continue };
        check(!text.ends_with(['.', ' ', ';', ',']), &format!("its {what} does not end as the others do"));
        check(text.trim_start() == text, &format!("its {what} begins with a blank"));
        for word in NOT_SAID {
            check(!text.contains(word), &format!("its {what} says {word:?}"));
        }
    }
    let step = next_step.unwrap_or("x");
    check(step.chars().count() <= NEXT_STEP_CHARS_MAX, "its next step is too long");
    check(
        !step.starts_with(char::is_uppercase) || step.starts_with("COMMIT"),
        "its next step begins as a sentence",
    );
    found
}

#[test]
fn every_message_says_why_and_what_to_do() {
    let mut wrong = Vec::new();
    for Sample { when, error } in sections().into_iter().flat_map(|(_, samples)| samples) {
        // The client wanted it: there is nothing to be done.
        let needs_step = error.kind != ErrorKind::Cancelled;
        // A database's own words end as the database ends them.
        let message = if error.code.is_some() { error.message.trim_end_matches('.') } else { &error.message };
        wrong.extend(
            objections(message, error.next_step.as_deref(), needs_step)
                .into_iter()
                .map(|why| format!("{when}: {why}: {error:?}")),
        );
    }
    for (when, error) in without_gateway() {
        let found = objections(&error.to_string(), error.next_step().as_deref(), true);
        wrong.extend(found.into_iter().map(|why| format!("{when}: {why}: {error}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_text_in_a_client_has_cause_and_next_step_in_this_order() {
    for Sample { error, .. } in sections().into_iter().flat_map(|(_, samples)| samples) {
        let result = failure::result(&error);
        let text = result.content[0].as_text().map(|text| text.text.clone()).unwrap_or_default();
        let BackendError { message, next_step, .. } = &error;
        let at = text.find(message.as_str()).unwrap_or_else(|| panic!("{text}"));
        let next_at = next_step
            .as_ref()
            .map(|step| text.find(&format!("Next step: {step}")).unwrap_or_else(|| panic!("{text}")));
        assert!(next_at.is_none_or(|next_at| at < next_at), "{text}");
        assert_eq!(result.is_error, Some(true));
    }
}
