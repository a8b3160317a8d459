//! A connection, against the scripted server.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use snowflake_wire::stand_in::{Reply, Seen, StandIn, answers, until, within};
use snowflake_wire::{Account, Operation as WireOperation, Secret};
use tokio::sync::Notify;
use tracing::Instrument;

use super::*;
use crate::backend::snowflake::outages::tests::Heard;
use crate::backend::snowflake::settings::{Authenticator, SnowflakeSettings, Token};
use crate::backend::{
    BoxFuture, Caps, Catalog, Context, Cut, OpenGate, Ownership, Parameters, RequestOrigin, RowFilter,
    StatementGate, Transaction, WriteJournal,
};

const HEARTBEAT: &str = "/session/heartbeat";
const SUBMIT: &str = "/queries/v1/query-request";
const ABORT_QUERY: &str = "/queries/01-a/abort-request";
const RESULT: &str = "/queries/01-a/result";
const LOG_IN: &str = "/session/v1/login-request";

/// What the journal was told, in order.
#[derive(Debug, Default)]
struct TestJournal(Mutex<Vec<String>>);

impl WriteJournal for TestJournal {
    fn begin<'a>(&'a self, _query_id: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>> {
        self.0.lock().unwrap().push("begin".to_owned());
        Box::pin(ready(Ok(())))
    }

    fn record_query_id<'a>(&'a self, query_id: &'a str) -> BoxFuture<'a, ()> {
        self.0.lock().unwrap().push(query_id.to_owned());
        Box::pin(ready(()))
    }
}

impl TestJournal {
    fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn settings() -> SnowflakeSettings {
    SnowflakeSettings {
        account: Account::parse("org-acct").unwrap(),
        host: None,
        port: None,
        protocol: snowflake_wire::Protocol::Http,
        proxy: None,
        user: "me".to_owned(),
        authenticator: Authenticator::OAuth(Token::Given(Secret::new("token"))),
        role: None,
        warehouse: None,
        database: None,
        schema: None,
        secondary_roles: None,
        session_parameters: BTreeMap::new(),
        read_only: false,
        token_cache: None,
    }
}

/// A server that grants log-ins and replies to the rest as `script` says, and a connection to it.
async fn connected(
    script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
) -> (StandIn, SnowflakeConnection) {
    let server = StandIn::start(move |seen, times| match seen.path.as_str() {
        LOG_IN => answers::granted(&format!("token-{times}"), "master"),
        "/session" => answers::success(&json!({})),
        _ => script(seen, times),
    })
    .await;
    let manager = Arc::new(LoginManager::new(&server.settings(), settings()).unwrap());
    let connection = SnowflakeConnection::open(manager, false).await.unwrap();
    (server, connection)
}

fn request(sql: &str, transaction: Transaction) -> (Arc<TestJournal>, Request) {
    let journal = Arc::new(TestJournal::default());
    let request = Request {
        context: Context::default(),
        operation: Operation::Statement {
            sql: sql.to_owned(),
            transaction,
            parameters: Parameters::default(),
        },
        caps: Caps { rows_max: 10, bytes_max: 10_000, count_rows_max: 100 },
        timeout: Duration::from_secs(60),
        origin: RequestOrigin { client: None, session: "s".to_owned(), number: 7, found_by: Vec::new() },
        earlier: None,
        journal: Arc::clone(&journal) as Arc<dyn WriteJournal>,
        statement: None,
        ownership: Ownership::Shared,
        is_running: None,
        gate: Arc::new(OpenGate),
        row_filter: None,
        wall: None,
        cost: None,
        sink: None,
        rows_skipped: 0,
        only_reads_earlier: false,
    };
    (journal, request)
}

/// The statements that the server was sent.
fn statements(server: &StandIn) -> Vec<String> {
    let text = |seen: &Seen| seen.body["sqlText"].as_str().unwrap_or_default().to_owned();
    server.seen(SUBMIT).iter().map(text).collect()
}

/// An answer that leaves the session in the context of its log-in.
fn done(rows: &[&str]) -> Reply {
    let mut data = answers::numbers("01-a", rows);
    for (name, value) in [("Database", "D0"), ("Schema", "S0"), ("Warehouse", "W0")] {
        data[format!("final{name}Name")] = value.into();
    }
    answers::success(&data)
}

/// A refusal by the code of a session that has ended.
fn session_ended() -> Reply {
    answers::refused("390111", "the session is gone")
}

#[tokio::test]
async fn a_read_takes_one_exchange_and_no_journal_entry() {
    let (server, mut connection) = connected(|_, _| done(&["1", "2"])).await;
    let (journal, request) = request("select n from t", Transaction::None);
    let completion = connection.run(request).await.unwrap();
    assert_eq!(completion.rows.row_count(), 2);
    assert_eq!(completion.query_id.as_deref(), Some("01-a"));
    assert_eq!((server.seen(SUBMIT).len(), journal.entries().len()), (1, 0));
    assert_eq!(server.seen(SUBMIT)[0].body["asyncExec"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_journaled_before_it_is_sent_and_its_id_before_it_is_awaited() {
    let (server, mut connection) = connected(|seen, _| match seen.path.as_str() {
        SUBMIT => answers::running("333334", "01-a"),
        _ => done(&["1"]),
    })
    .await;
    let (journal, request) = request("insert into t values (1)", Transaction::None);
    let id = request.origin.uuid().to_string();
    connection.run(request).await.unwrap();
    assert_eq!(journal.entries(), ["begin", "01-a"]);
    let submitted = &server.seen(SUBMIT)[0];
    assert_eq!((submitted.asked("requestId"), &submitted.body["asyncExec"]), (id.as_str(), &true.into()));
}

#[tokio::test]
async fn a_statement_refused_with_its_session_runs_once_on_a_new_one() {
    let (server, mut connection) = connected(|seen, times| match (seen.path.as_str(), times) {
        (SUBMIT, 0) => session_ended(),
        _ => done(&["1"]),
    })
    .await;
    let (_, write) = request("insert into t values (1)", Transaction::None);
    connection.run(write).await.unwrap();
    assert_eq!((server.seen(LOG_IN).len(), server.seen(SUBMIT).len()), (2, 2));
    let (first, second) = (&server.seen(SUBMIT)[0], &server.seen(SUBMIT)[1]);
    assert_eq!(first.asked("requestId"), second.asked("requestId"), "the same statement to the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_of_a_query_that_outlived_its_session_is_fetched_from_a_new_one() {
    let (server, mut connection) = connected(|seen, times| match (seen.path.as_str(), times) {
        (SUBMIT, _) => answers::running("333334", "01-a"),
        (RESULT, 0) => session_ended(),
        _ => done(&["1"]),
    })
    .await;
    let (journal, request) = request("insert into t values (1)", Transaction::None);
    connection.run(request).await.unwrap();
    assert_eq!((server.seen(LOG_IN).len(), server.seen(SUBMIT).len(), server.seen(RESULT).len()), (2, 1, 2));
    assert_eq!(journal.entries(), ["begin", "01-a"]);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_outcome_unknown_and_its_session_is_replaced() {
    let (server, mut connection) = connected(|seen, times| match (seen.path.as_str(), times) {
        (SUBMIT, 0..4) => Reply::HangUp,
        _ => done(&["1"]),
    })
    .await;
    let (_, write) = request("insert into t values (1)", Transaction::None);
    let error = connection.run(write).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error}");
    let (_, read) = request("select 1", Transaction::None);
    connection.run(read).await.unwrap();
    assert_eq!(server.seen(LOG_IN).len(), 2);
}

#[tokio::test]
async fn a_check_asks_the_server_and_reports_whether_it_answers() {
    let (_server, mut connection) = connected(|seen, times| match (seen.path.as_str(), times) {
        (HEARTBEAT, 0..4) => Reply::HangUp,
        _ => done(&["1"]),
    })
    .await;
    let heard = Arc::new(Heard::default());
    connection.login_manager.outages.report_to(heard.clone());
    connection.check().await.unwrap_err();
    connection.check().await.unwrap();
    assert_eq!(*heard.0.lock().unwrap(), [5, 0]);
}

#[tokio::test]
async fn a_transaction_is_committed_after_its_statement_and_rolled_back_after_an_error() {
    let (server, mut connection) = connected(|seen, _| match seen.body["sqlText"].as_str() {
        Some("insert into nothing values (1)") => answers::refused("002003", "no such table"),
        _ => done(&["1"]),
    })
    .await;
    let (_, good) = request("insert into t values (1)", Transaction::Commit);
    connection.run(good).await.unwrap();
    let (_, bad) = request("insert into nothing values (1)", Transaction::Commit);
    let error = connection.run(bad).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Statement, "{error}");
    let sent = statements(&server);
    assert_eq!(sent[..3], ["BEGIN", "insert into t values (1)", "COMMIT"]);
    assert_eq!(sent[3..], ["BEGIN", "insert into nothing values (1)", "ROLLBACK"]);
    assert_eq!(server.seen(LOG_IN).len(), 1, "the session stays good");
}

#[tokio::test]
async fn a_commit_without_an_answer_is_outcome_unknown() {
    let (_server, mut connection) = connected(|seen, _| match seen.body["sqlText"].as_str() {
        Some("COMMIT") => Reply::HangUp,
        _ => done(&["1"]),
    })
    .await;
    let (_, write) = request("insert into t values (1)", Transaction::Commit);
    let error = connection.run(write).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error}");
    assert!(error.message.contains("not confirmed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_read_is_aborted_on_the_server() {
    let aborted = Arc::new(Notify::new());
    let (server, mut connection) = connected(move |seen, _| match seen.path.as_str() {
        SUBMIT => answers::running("333334", "01-a"),
        RESULT => answers::refused("000604", "SQL execution canceled").when(&aborted),
        _ => {
            aborted.notify_one();
            answers::success(&json!({}))
        }
    })
    .await;
    let canceller = connection.canceller();
    let (_, read) = request("select 1", Transaction::None);
    let run = tokio::spawn(async move { connection.run(read).await.map(drop) });
    until("its result was asked for", || !server.seen(RESULT).is_empty()).await;
    canceller.cancel();
    let error = within("its end", run).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
    assert_eq!(server.seen(ABORT_QUERY).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detached_query_keeps_running_with_its_session_open() {
    let (server, mut connection) = connected(|seen, _| match seen.path.as_str() {
        SUBMIT => answers::running("333334", "01-a"),
        RESULT => Reply::Silence,
        _ => answers::success(&json!({})),
    })
    .await;
    let canceller = connection.canceller();
    let closing = Arc::clone(&connection.login_manager.sessions);
    let (journal, write) = request("insert into t values (1)", Transaction::None);
    let run = tokio::spawn(async move { connection.run(write).await.map(drop) });
    until("its result was asked for", || !server.seen(RESULT).is_empty()).await;
    canceller.detach();
    let error = run.await.unwrap().unwrap_err();
    assert_eq!((error.kind, error.query_id.as_deref()), (ErrorKind::Detached, Some("01-a")));
    assert_eq!(journal.entries(), ["begin", "01-a"]);
    closing.closing.close();
    closing.closing.wait().await;
    assert!(server.seen("/session").is_empty() && server.seen(ABORT_QUERY).is_empty());
}

#[tokio::test]
async fn a_session_is_switched_to_the_request_s_context_first() {
    let (server, mut connection) = connected(|seen, _| {
        let mut data = answers::numbers("01-a", &["1"]);
        data["finalWarehouseName"] = "W0".into();
        data["finalDatabaseName"] = "D0".into();
        data["finalSchemaName"] = "S0".into();
        if seen.body["sqlText"] == "USE WAREHOUSE \"BIG\"" {
            data["finalWarehouseName"] = "BIG".into();
        }
        answers::success(&data)
    })
    .await;
    let (_, mut read) = request("select 1", Transaction::None);
    read.context.warehouse = Some("big".to_owned());
    connection.run(read).await.unwrap();
    assert_eq!(statements(&server), ["USE WAREHOUSE \"BIG\"", "select 1"]);
}

#[tokio::test]
async fn an_earlier_query_whose_result_is_gone_runs_again_only_if_it_reads() {
    let (server, mut connection) = connected(|seen, _| match seen.path.as_str() {
        RESULT => answers::refused("000707", "the result is gone"),
        "/monitoring/queries/01-a" => {
            answers::success(&json!({"queries": [{"id": "01-a", "status": "SUCCESS"}]}))
        }
        _ => done(&["1"]),
    })
    .await;
    let (_, mut read) = request("select 1", Transaction::None);
    read.earlier = Some("01-a".to_owned());
    connection.run(read).await.unwrap();
    let (_, mut write) = request("insert into t values (1)", Transaction::None);
    write.earlier = Some("01-a".to_owned());
    let error = connection.run(write).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error}");
    assert!(error.message.contains("was executed"), "{error}");
    assert_eq!(statements(&server), ["select 1"]);
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn events_of_a_request_have_its_query_id_and_none_has_the_text() {
    // With a second subscriber, `tracing` asks this one too about what other tests' threads have met first.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (_server, mut connection) = connected(|_, _| done(&["1"])).await;
    let span = tracing::info_span!("request", request = 7, query_id = tracing::field::Empty);
    let (_, read) = request("select secret_column from t", Transaction::None);
    connection.run(read).instrument(span.clone()).await.unwrap();
    span.in_scope(|| tracing::info!("the request is done"));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let line = |text: &str| log.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{log}"));
    assert!(line("the request is done").contains("query_id=\"01-a\""), "{log}");
    assert!(!log.contains("secret_column"), "{log}");
}

#[test]
fn a_failed_switch_takes_a_new_session_once() {
    let ended = || Err(SwitchError::Wire(Error::Closed));
    let timed_out = || {
        let (operation, after) = (WireOperation::Submit, Duration::from_secs(1));
        Err(SwitchError::Wire(Error::TimedOut { operation, after }))
    };
    let report = |keeps_session| AfterSwitch::Report { keeps_session };
    for (switched, before, new) in [
        (Ok(Switched::Done), AfterSwitch::Ready, AfterSwitch::Ready),
        (Ok(Switched::NeedsNewSession), AfterSwitch::NewSession, report(true)),
        (ended(), AfterSwitch::NewSession, report(true)),
        (timed_out(), report(false), report(false)),
        (Err(SwitchError::Stopped), report(false), report(false)),
    ] {
        assert_eq!((after_switch(&switched, false), after_switch(&switched, true)), (before, new));
    }
}

/// A request on a connection of its session's own.
fn owned(sql: &str) -> Request {
    Request { ownership: Ownership::Owned, ..request(sql, Transaction::None).1 }
}

#[tokio::test]
async fn what_a_connection_holds_follows_its_statements_and_is_taken_back() {
    let (server, mut connection) = connected(|seen, _| match seen.body["sqlText"].as_str() {
        Some("select nothing") => answers::refused("000904", "invalid identifier"),
        _ => done(&["1"]),
    })
    .await;
    connection.run(owned("begin")).await.unwrap();
    connection.run(owned("select nothing")).await.unwrap_err();
    connection.run(owned("set x = 1")).await.unwrap();
    let held = connection.held();
    assert!(held.transaction && held.variables == ["X"], "{held}");
    connection.reset().await.unwrap();
    assert!(connection.held().is_empty());
    let sent = statements(&server);
    assert_eq!(sent, ["begin", "select nothing", "set x = 1", "ROLLBACK", "UNSET (X)"]);
    connection.run(owned("create temporary table t (x int)")).await.unwrap();
    connection.reset().await.expect_err("only a new session is without it");
}

#[tokio::test]
async fn a_statement_in_an_open_transaction_is_not_final() {
    let (server, mut connection) = connected(|_, _| done(&["1"])).await;
    connection.run(owned("begin")).await.unwrap();
    let (journal, write) = request("insert into t values (1)", Transaction::None);
    connection.run(Request { ownership: Ownership::Owned, ..write }).await.unwrap();
    let (commits, commit) = request("commit", Transaction::None);
    connection.run(Request { ownership: Ownership::Owned, ..commit }).await.unwrap();
    assert_eq!((journal.entries(), commits.entries()), (vec!["begin".to_owned()], vec!["begin".to_owned()]));
    assert!(server.seen(SUBMIT).iter().all(|seen| seen.body["asyncExec"] == false));
    assert!(connection.held().is_empty());
}

#[tokio::test]
async fn a_request_that_finds_its_state_lost_does_not_run_on_a_new_session() {
    for (holds, sql) in [
        ("begin", "insert into t values (1)"),
        ("begin", "select 1"),
        ("begin", "commit"),
        ("create temporary table t (x int)", "select * from t"),
        ("set x = 1", "select $x"),
    ] {
        let (server, mut connection) = connected(|_, times| match times {
            1 => session_ended(),
            _ => done(&["1"]),
        })
        .await;
        connection.run(owned(holds)).await.unwrap();
        let error = connection.run(owned(sql)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::StateLost, "{sql}: {error}");
        assert!(error.message.contains("nothing was run") && error.next_step.is_some(), "{error}");
        assert_eq!((server.seen(LOG_IN).len(), connection.held().is_empty()), (1, true), "{sql}");
        connection.run(owned(sql)).await.unwrap();
        assert_eq!(server.seen(LOG_IN).len(), 2, "the client was told");
    }
}

#[tokio::test]
async fn a_change_whose_answer_and_session_are_lost_in_a_transaction_is_rolled_back_for_sure() {
    let (_server, mut connection) = connected(|seen, _| match seen.body["sqlText"].as_str() {
        Some("begin") => done(&["1"]),
        _ => Reply::HangUp,
    })
    .await;
    connection.run(owned("begin")).await.unwrap();
    let error = connection.run(owned("insert into t values (1)")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::StateLost, "{error}");
    assert!(error.message.contains("rolled back") && connection.held().is_empty(), "{error}");
}

#[tokio::test]
async fn a_commit_without_an_answer_is_unknown_and_loses_what_else_was_held() {
    let (_server, mut connection) = connected(|seen, _| match seen.body["sqlText"].as_str() {
        Some("commit") => Reply::HangUp,
        _ => done(&["1"]),
    })
    .await;
    connection.run(owned("begin")).await.unwrap();
    let error = connection.run(owned("commit")).await.unwrap_err();
    assert_eq!((error.kind, connection.held().is_empty()), (ErrorKind::OutcomeUnknown, true), "{error}");
    connection.run(owned("set x = 1")).await.unwrap();
    connection.run(owned("begin")).await.unwrap();
    connection.run(owned("commit")).await.unwrap_err();
    let error = connection.run(owned("select $x")).await.unwrap_err();
    assert!(error.kind == ErrorKind::StateLost && error.message.contains("the variable X"), "{error}");
    assert!(!error.message.contains("transaction"), "{error}");
}

#[tokio::test]
async fn a_procedure_leaves_its_session_to_be_closed_where_it_is_shared() {
    let (server, mut connection) = connected(|_, _| done(&["1"])).await;
    connection.run(owned("call p()")).await.unwrap();
    assert!(connection.held().unknown);
    connection.reset().await.expect_err("nobody knows what it left");
    let (server_of_shared, mut shared) = connected(|_, _| done(&["1"])).await;
    shared.run(request("call p()", Transaction::None).1).await.unwrap();
    assert!(shared.held().is_empty());
    shared.run(request("select 1", Transaction::None).1).await.unwrap();
    assert_eq!((server.seen(LOG_IN).len(), server_of_shared.seen(LOG_IN).len()), (1, 2));
}

#[tokio::test]
async fn secondary_roles_are_selected_once_and_the_default_takes_a_new_session() {
    let (server, mut connection) = connected(|_, _| done(&["1"])).await;
    let with = |roles| {
        let mut read = request("select 1", Transaction::None).1;
        read.context.secondary_roles = roles;
        read
    };
    let none = Some(crate::backend::SecondaryRoles::None);
    connection.run(with(none)).await.unwrap();
    let completion = connection.run(with(none)).await.unwrap();
    assert_eq!(completion.context.unwrap().secondary_roles, none);
    assert_eq!(connection.context().unwrap().secondary_roles, none);
    assert_eq!(statements(&server), ["USE SECONDARY ROLES NONE", "select 1", "select 1"]);
    connection.run(with(None)).await.unwrap();
    assert_eq!(server.seen(LOG_IN).len(), 2);
}

/// The answer to the question for a session's standing.
fn standing(agent: &str, scopes: &str) -> Reply {
    let mut data = answers::numbers("01-a", &[]);
    let column = |name: &str| json!({"name": name, "type": "text", "nullable": true});
    data["rowtype"] = json!([column("AGENT"), column("SCOPES")]);
    data["rowset"] = json!([[agent, scopes]]);
    data["total"] = 1.into();
    data["returned"] = 1.into();
    for (name, value) in [("Database", "D0"), ("Schema", "S0"), ("Warehouse", "W0")] {
        data[format!("final{name}Name")] = value.into();
    }
    answers::success(&data)
}

#[tokio::test]
async fn the_wall_is_asked_for_once_on_each_session_before_anything_runs_there() {
    let is_question =
        |seen: &Seen| seen.body["sqlText"].as_str().is_some_and(|sql| sql.contains("SYS_CONTEXT"));
    let (server, mut connection) = connected(move |seen, times| match times {
        _ if is_question(seen) => standing("TRUE", r#"[{"name": "SNOWFLAKE$DATA_READ"}]"#),
        2 => session_ended(),
        _ => done(&["1"]),
    })
    .await;
    let with = |scope: &str| Request {
        wall: Wall::new(true, Some(scope.to_owned())),
        ..request("select 1", Transaction::None).1
    };
    connection.run(with("SNOWFLAKE$DATA_READ")).await.unwrap();
    let error = connection.run(with("OTHER")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
    assert_eq!(
        connection.login_manager.wall.shown().unwrap(),
        "agent session: yes, scope: SNOWFLAKE$DATA_READ"
    );
    let questions = || statements(&server).iter().filter(|sql| sql.contains("SYS_CONTEXT")).count();
    assert_eq!((questions(), statements(&server).len()), (1, 2), "the other one ran nowhere");
    connection.run(with("SNOWFLAKE$DATA_READ")).await.unwrap();
    assert_eq!((questions(), server.seen(LOG_IN).len()), (2, 2), "the new session was asked, too");
}

#[tokio::test]
async fn an_account_that_does_not_know_the_question_is_no_wall() {
    let (server, mut connection) =
        connected(|_, _| answers::refused("002140", "Unknown function SYS_CONTEXT.")).await;
    let read = Request { wall: Wall::new(true, None), ..request("select 1", Transaction::None).1 };
    let error = connection.run(read).await.unwrap_err();
    assert!(error.kind == ErrorKind::Refused && error.message.contains("Unknown function"), "{error}");
    assert!(error.next_step.unwrap().contains("SERVICE_AGENT"));
    assert_eq!(statements(&server).len(), 1);
}

/// Leaves out what is called SECRET.
#[derive(Debug)]
struct NoSecrets;

impl RowFilter for NoSecrets {
    fn keeps(&self, columns: &[String], row: &[Option<&str>]) -> bool {
        let at = columns.iter().position(|column| column == "name").expect("a column of names");
        row[at] != Some("SECRET")
    }
}

impl StatementGate for NoSecrets {
    fn looks_at_names(&self) -> bool {
        true
    }

    fn admit<'a>(&'a self, _: &'a [sql_gate::Object]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(ready(Ok(())))
    }

    fn rows_of(&self, _: &Catalog) -> Option<Arc<dyn RowFilter>> {
        Some(Arc::new(NoSecrets))
    }
}

fn names(names: &[&str]) -> Reply {
    let mut data = answers::numbers("01-a", names);
    data["rowtype"][0]["name"] = "name".into();
    data["rowtype"][0]["type"] = "text".into();
    for (name, value) in [("Database", "D0"), ("Schema", "S0"), ("Warehouse", "W0")] {
        data[format!("final{name}Name")] = value.into();
    }
    answers::success(&data)
}

#[tokio::test]
async fn denied_rows_are_left_out_before_the_caps_count_and_of_hints_too() {
    let (server, mut connection) = connected(|seen, _| match seen.body["sqlText"].as_str() {
        Some("select * from x.y.z") => {
            answers::refused("002003", "Database 'X' does not exist or not authorized.")
        }
        _ => names(&["SECRET", "A", "SECRET", "B", "C"]),
    })
    .await;
    let caps = Caps { rows_max: 2, bytes_max: 1000, count_rows_max: 100 };
    let row_filter = || Some(Arc::new(NoSecrets) as Arc<dyn RowFilter>);
    let (_, show) = request("show databases", Transaction::None);
    let completion =
        connection.run(Request { caps, row_filter: row_filter(), ..show.clone() }).await.unwrap();
    let shown: Vec<_> = completion.rows.to_rows().into_iter().flatten().flatten().collect();
    assert_eq!((shown, completion.rows.cut()), (vec!["A".to_owned(), "B".to_owned()], Cut::Rows(1)));
    let operation = Operation::Catalog(Catalog::Databases);
    connection.run(Request { caps, row_filter: row_filter(), operation, ..show }).await.unwrap();
    assert_eq!(statements(&server)[1], "SHOW DATABASES LIMIT 10000", "what is left out makes room");
    let (_, select) = request("select * from x.y.z", Transaction::None);
    let error = connection.run(Request { gate: Arc::new(NoSecrets), ..select }).await.unwrap_err();
    let next_step = error.next_step.unwrap();
    assert!(next_step.contains("sees: A, B, C;") && !next_step.contains("SECRET"), "{next_step}");
}
