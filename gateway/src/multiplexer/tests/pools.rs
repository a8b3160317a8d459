//! Several connections of the config, each with its pool.

use std::fmt::Debug;
use std::sync::Mutex;

use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::*;
use crate::backend::fake::{Event, Script};
use crate::backend::{ErrorKind, Registry};
use crate::multiplexer::Multiplexer;

/// A multiplexer over two connections, `a` and `b`.
fn two() -> (FakeBackend, FakeBackend, Multiplexer) {
    let (a, b) = (FakeBackend::new(), FakeBackend::new());
    let registry = Registry::default();
    for (name, fake) in [("b", b.clone()), ("a", a.clone())] {
        registry.define(name, move || Ok(Arc::new(fake.clone())));
    }
    (a, b, Multiplexer::new(registry, config(1)))
}

fn opened(multiplexer: &Multiplexer) -> Vec<String> {
    multiplexer.opened().into_iter().map(|(name, _)| name).collect()
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_opened_when_its_connection_is_first_used() {
    let (a, b, multiplexer) = two();
    assert!(opened(&multiplexer).is_empty());
    assert!(run(&multiplexer.pool("b").await.unwrap(), "select 1").await.is_ok());
    assert_eq!(
        (opened(&multiplexer), a.open_connections(), b.open_connections()),
        (vec!["b".to_owned()], 0, 1)
    );
    multiplexer.pool("a").await.unwrap();
    assert_eq!(opened(&multiplexer), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn all_users_of_a_connection_share_its_pool() {
    let (_, _, multiplexer) = two();
    let (first, second) = tokio::join!(multiplexer.pool("a"), multiplexer.pool("a"));
    let (first, third) = (first.unwrap(), multiplexer.pool("a").await.unwrap());
    assert!(Arc::ptr_eq(&first, &second.unwrap()) && Arc::ptr_eq(&first, &third));
}

#[tokio::test(start_paused = true)]
async fn a_busy_pool_does_not_hold_up_another() {
    let (a, _, multiplexer) = two();
    a.script("endless", Script::endless());
    let (_holder, _stop) = spawn_stoppable(&multiplexer.pool("a").await.unwrap(), request("endless"));
    settle().await;
    let start = Instant::now();
    assert!(run(&multiplexer.pool("b").await.unwrap(), "select 1").await.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_defined_is_an_error_that_lists_those_that_are() {
    let (_, _, multiplexer) = two();
    let error = multiplexer.pool("c").await.err().unwrap();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Refused, "no connection is named \"c\""));
    assert_eq!(error.next_step.as_deref(), Some("use one of: a, b"));
}

#[tokio::test(start_paused = true)]
async fn closing_drops_idle_connections_of_all_pools_and_leaves_what_runs() {
    let (a, b, multiplexer) = two();
    a.script("slow", Script::completes().after(seconds(3)));
    let pools = [multiplexer.pool("a").await.unwrap(), multiplexer.pool("b").await.unwrap()];
    let slow = spawn(&pools[0], "slow");
    assert!(run(&pools[1], "select 1").await.is_ok());
    settle().await;
    multiplexer.close().await;
    assert_eq!(b.events()[2..], [Event::Dropped(1), Event::Closed]);
    assert_eq!(a.events().last(), Some(&Event::Closed));
    assert!(slow.await.unwrap().is_ok());
    assert_eq!(a.events().last(), Some(&Event::Dropped(1)));
    let error = run(&pools[0], "too late").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
}

/// Records each new span: its parent's name, its own, and its fields.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| span.parent().map(|parent| parent.name()));
        let mut fields = Fields(String::new());
        attributes.record(&mut fields);
        let span = format!("{} > {}{}", parent.unwrap_or("none"), attributes.metadata().name(), fields.0);
        self.0.lock().unwrap().push(span);
    }
}

#[tokio::test(start_paused = true)]
async fn opening_a_connection_has_a_span_within_that_of_its_request() {
    use tracing::Instrument as _;
    // `tracing` caches for each span in the code whether a subscriber wants it. With a single subscriber, the
    // thread of another test, which has none, may fill that cache; with two, all subscribers are asked.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let spans = Spans::default();
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    let pool = pool(&FakeBackend::new(), 1);
    run(&pool, "select secret").instrument(tracing::info_span!("request")).await.unwrap();
    let connection = "request > backend backend=\"fake\" connection=1";
    assert_eq!(*spans.0.lock().unwrap(), ["none > request", connection]);
}
