//! Contexts that are lost, gone or of another connection.

use super::*;
use crate::backend::Place;
use crate::session::ContextOrigin;

fn database(name: &str) -> Context {
    Context { database: Some(name.to_owned()), ..Context::default() }
}

const INHERITED_NOTE: &str = "Note: it runs in D";

/// A backend that only tells by trying whether a context exists, and a session that has inherited `D` there.
async fn inherited() -> (TestGateway, crate::session::SessionGuard) {
    let gateway = TestGateway::new().await;
    gateway.fake.tell_contexts();
    let guard = gateway.open_session();
    let at = Some(gateway.shared.default_pool.place().clone());
    let origin = ContextOrigin::Tentative;
    guard.session.inherit(
        SessionContext { context: database("D"), lost: None, origin, at },
        INHERITED_NOTE.to_owned(),
    );
    (gateway, guard)
}

/// Where the requests ran, in order.
fn databases(gateway: &TestGateway) -> Vec<Option<String>> {
    gateway.fake.requests().into_iter().map(|request| request.context.database).collect()
}

#[tokio::test(start_paused = true)]
async fn a_lost_context_stops_nothing_that_needs_none() {
    let gateway = TestGateway::new().await;
    let session = &gateway.open_session().session;
    let lost = SessionContext {
        context: database("LOST"),
        lost: Some("it is gone".to_owned()),
        ..SessionContext::default()
    };
    let facts = RequestFacts { context: lost, ..facts(session, 1) };
    for (tool, arguments) in [
        ("list_databases", json!({})),
        ("list_schemas", json!({"database": "d"})),
        ("list_tables", json!({"database": "d"})),
        ("list_views", json!({"database": "d"})),
        ("describe_table", json!({"table": "t", "database": "d", "schema": "s"})),
        ("execute_query", json!({"query": "select 1"})),
        ("session_info", json!({})),
    ] {
        let result = answer(&gateway, session, &facts, tool, arguments).await.unwrap();
        assert_eq!(result.is_error, Some(false), "{tool}: {result:?}");
    }
    assert!(databases(&gateway).iter().all(Option::is_none), "{:?}", databases(&gateway));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_lost_context_begins_with_it_if_it_is_back_and_else_with_the_profile_s() {
    let gateway = TestGateway::new().await;
    let session = &gateway.open_session().session;
    let here = gateway.shared.default_pool.place().clone();
    let lost = |at: &Place| SessionContext {
        context: database("LOST"),
        lost: Some("it was gone".to_owned()),
        at: Some(at.clone()),
        origin: ContextOrigin::Set,
    };
    let elsewhere = Place::from("sqlite:0".to_owned());
    let changed = async |at: &Place| {
        let facts = RequestFacts { context: lost(at), ..facts(session, 1) };
        let moved =
            answer(&gateway, session, &facts, "set_context", json!({"warehouse": "W"})).await.unwrap();
        moved.structured_content.unwrap()["context"].clone()
    };
    assert_eq!(changed(&here).await, json!({"warehouse": "W", "database": "LOST"}));
    assert_eq!(changed(&elsewhere).await, json!({"warehouse": "W"}));
    gateway.fake.drop_database("LOST");
    assert_eq!(changed(&here).await, json!({"warehouse": "W"}));
    assert_eq!(session.context().at, Some(here));
}

#[tokio::test(start_paused = true)]
async fn an_inherited_context_that_is_gone_falls_back_to_the_profile_s_and_says_so_once() {
    let (gateway, guard) = inherited().await;
    let session = &guard.session;
    gateway.fake.drop_database("D");
    let result = execute(&gateway, session, 1, "select x").await;
    assert_eq!(text(&result), ("ran\nselect x\n(1 row)", false));
    let note = result.content[1].as_text().unwrap().text.clone();
    assert_eq!(
        note,
        "Note: the context that this client has set last (database D) cannot be used: no such database: D. \
         This session now runs in its profile's context (what the log-in selects); set_context changes it."
    );
    assert!(session.take_stale_state() && !session.take_stale_state());
    assert_eq!(execute(&gateway, session, 2, "select x").await.content.len(), 1, "said once");
    assert_eq!(databases(&gateway), [None, None]);
    assert_eq!(
        (session.context().context, session.context().origin),
        (Context::default(), ContextOrigin::Fallback)
    );
}

#[tokio::test(start_paused = true)]
async fn an_inherited_context_that_was_used_is_the_session_s_own_and_never_replaced() {
    let (gateway, guard) = inherited().await;
    let session = &guard.session;
    let result = execute(&gateway, session, 1, "select x").await;
    assert_eq!(result.content[1].as_text().unwrap().text, INHERITED_NOTE);
    assert_eq!(session.context().origin, ContextOrigin::Inherited);
    gateway.fake.drop_database("D");
    let result = execute(&gateway, session, 2, "delete").await;
    assert_eq!(result.content.len(), 1, "said once");
    let (text, is_error) = text(&result);
    assert!(
        is_error && text.contains("cannot run in the context (database D): no such database: D"),
        "{text}"
    );
    assert_eq!(databases(&gateway), [Some("D".to_owned())]);
    assert_eq!(session.context().context, database("D"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_database_of_one_call_says_nothing_about_the_inherited_one() {
    let (gateway, guard) = inherited().await;
    let session = &guard.session;
    gateway.fake.drop_database("NOWHERE");
    let arguments = json!({"query": "select x", "database": "NOWHERE"});
    let result = answer(&gateway, session, &facts(session, 1), "execute_query", arguments).await.unwrap();
    assert!(text(&result).1, "{result:?}");
    assert_eq!(session.context().context, database("D"));
    gateway.fake.drop_database("D");
    let arguments = json!({"query": "select x", "database": "OTHER"});
    let result = answer(&gateway, session, &facts(session, 2), "execute_query", arguments).await.unwrap();
    assert!(!text(&result).1, "the call names its own database: {result:?}");
}

#[tokio::test(start_paused = true)]
async fn an_inherited_context_that_is_gone_hinders_neither_lists_nor_a_change() {
    let (gateway, guard) = inherited().await;
    let session = &guard.session;
    gateway.fake.drop_database("D");
    let (sent, change) = (facts(session, 1), json!({"warehouse": "W"}));
    let moved = answer(&gateway, session, &sent, "set_context", change).await.unwrap();
    assert_eq!(
        moved.structured_content.unwrap(),
        json!({"context": {"warehouse": "W"}}),
        "the note is no news"
    );
    let (gateway, guard) = inherited().await;
    let session = &guard.session;
    gateway.fake.drop_database("D");
    let listed = answer(&gateway, session, &facts(session, 1), "list_databases", json!({})).await.unwrap();
    assert!(!text(&listed).1 && listed.content.len() == 2, "{listed:?}");
    let info = answer(&gateway, session, &facts(session, 2), "session_info", json!({})).await.unwrap();
    assert_eq!(info.structured_content.unwrap()["context"], json!({}));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_in_a_context_that_is_gone_does_not_run_in_the_one_after_it() {
    let gateway = TestGateway::new().await;
    let session = &gateway.open_session().session;
    session.set_notice("Note: it moved".to_owned());
    let context = SessionContext { origin: ContextOrigin::Fallback, ..SessionContext::default() };
    let sent = |replayed| RequestFacts { context: context.clone(), replayed, ..facts(session, 1) };
    let query = || json!({"query": "delete"});
    let result = answer(&gateway, session, &sent(true), "execute_query", query()).await.unwrap();
    assert!(text(&result).0.starts_with("Refused: not run") && result.content.len() == 2, "{result:?}");
    assert!(gateway.fake.requests().is_empty());
    let result = answer(&gateway, session, &sent(false), "execute_query", query()).await.unwrap();
    assert!(!text(&result).1, "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_structured_result_says_the_note_as_a_value() {
    let gateway = TestGateway::new().await;
    let session = &gateway.open_session().session;
    session.set_notice("Note: it moved".to_owned());
    let info = answer(&gateway, session, &facts(session, 1), "session_info", json!({})).await.unwrap();
    assert_eq!(info.structured_content.unwrap()["note"], "Note: it moved");
}
