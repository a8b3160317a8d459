//! A fault that repeats does not fill the log: the first line is written, then once a minute how many more
//! there were.
//!
//! It is the same fault if it comes from the same place in the code with the same fields: a client that is
//! refused again and again is one, another client's refusal is another. Warnings and errors only: everything
//! else is no fault.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How often a fault that goes on is counted in the log.
const COUNT_INTERVAL: Duration = Duration::from_secs(60);

/// Faults that are kept apart at once. Of more, the lines are all written: that many causes are news.
const FAULTS_MAX: usize = 256;

/// Writes events as `inner` does, the repeated ones as a count.
pub(super) struct WithoutRepeats<F> {
    inner: F,
    faults: Mutex<Faults>,
}

impl<F> WithoutRepeats<F> {
    pub(super) fn new(inner: F) -> Self {
        Self { inner, faults: Mutex::default() }
    }
}

impl<S, N, F> FormatEvent<S, N> for WithoutRepeats<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let (counts, is_news) = faults.note(event, Instant::now());
        // Nothing that waits is done under it.
        drop(faults);
        for count in counts {
            count.write(&mut writer)?;
        }
        // A line without a byte is none.
        if is_news { self.inner.format_event(context, writer, event) } else { Ok(()) }
    }
}

/// The faults of the last minute.
#[derive(Debug, Default)]
struct Faults {
    seen: HashMap<u64, Fault>,
    /// When the first of them is to be counted.
    due: Option<Instant>,
}

#[derive(Debug)]
struct Fault {
    what: &'static Metadata<'static>,
    message: String,
    /// Since when `more` counts.
    since: Instant,
    more: u64,
}

impl Faults {
    /// What is to be written: how often earlier faults came again, and whether this event is news.
    fn note(&mut self, event: &Event<'_>, now: Instant) -> (Vec<Count>, bool) {
        let counts = self.take_due(now);
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN {
            return (counts, true);
        }
        let mut fields = Fields { hasher: DefaultHasher::new(), message: String::new() };
        metadata.callsite().hash(&mut fields.hasher);
        event.record(&mut fields);
        let key = fields.hasher.finish();
        if let Some(fault) = self.seen.get_mut(&key) {
            fault.more += 1;
            return (counts, false);
        }
        if self.seen.len() < FAULTS_MAX {
            let fault = Fault { what: metadata, message: fields.message, since: now, more: 0 };
            self.seen.insert(key, fault);
            self.due = self.due.or(Some(now + COUNT_INTERVAL));
        }
        (counts, true)
    }

    /// The counts whose minute is over. A fault that did not come again in its minute is news the next time.
    fn take_due(&mut self, now: Instant) -> Vec<Count> {
        if self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        let mut counts = Vec::new();
        self.seen.retain(|_, fault| {
            if now.duration_since(fault.since) < COUNT_INTERVAL {
                return true;
            }
            if fault.more == 0 {
                return false;
            }
            let times = std::mem::take(&mut fault.more);
            counts.push(Count { what: fault.what, message: fault.message.clone(), times });
            fault.since = now;
            true
        });
        self.due = self.seen.values().map(|fault| fault.since + COUNT_INTERVAL).min();
        counts
    }
}

/// How often a fault came again.
#[derive(Debug, PartialEq, Eq)]
struct Count {
    what: &'static Metadata<'static>,
    message: String,
    times: u64,
}

impl Count {
    /// The same line as the fault's, with `repeated` instead of its fields.
    fn write(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let line = serde_json::json!({
            "timestamp": timestamp,
            "level": self.what.level().as_str(),
            "message": self.message,
            "repeated": self.times,
            "target": self.what.target(),
        });
        writeln!(writer, "{line}")
    }
}

/// The fields of an event, as one number, and its message.
struct Fields {
    hasher: DefaultHasher,
    message: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = write!(text, "{value:?}");
        (field.name(), &text).hash(&mut self.hasher);
        if field.name() == "message" {
            self.message = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt};

    use super::*;

    /// Notes every event `step` later than the one before.
    struct Noting {
        faults: Arc<Mutex<(Faults, Instant)>>,
        step: Duration,
        said: Arc<Mutex<Vec<String>>>,
    }

    impl<S: Subscriber> Layer<S> for Noting {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut faults = self.faults.lock().unwrap();
            faults.1 += self.step;
            let now = faults.1;
            let (counts, is_news) = faults.0.note(event, now);
            let mut said = self.said.lock().unwrap();
            said.extend(counts.iter().map(|count| format!("{} x{}", count.message, count.times)));
            said.extend(is_news.then(|| "news".to_owned()));
        }
    }

    fn said(step: Duration, body: impl FnOnce()) -> Vec<String> {
        let said = Arc::new(Mutex::default());
        let faults = Arc::new(Mutex::new((Faults::default(), Instant::now())));
        let layer = Noting { faults, step, said: Arc::clone(&said) };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), body);
        std::mem::take(&mut *said.lock().unwrap())
    }

    #[test]
    fn a_fault_is_written_once_and_then_counted_once_a_minute() {
        // 12 a minute, for two minutes and a half.
        let said = said(Duration::from_secs(5), || {
            for _ in 0..30 {
                tracing::error!(error = "too many", "cannot accept");
            }
        });
        assert_eq!(said, ["news", "cannot accept x11", "cannot accept x12"]);
    }

    #[test]
    fn other_fields_are_another_fault_and_what_is_no_fault_is_always_written() {
        let said = said(Duration::from_secs(1), || {
            for pid in [1, 2, 1, 2] {
                tracing::warn!(pid, "refused");
                tracing::info!("fine");
            }
        });
        assert_eq!(said.iter().filter(|line| *line == "news").count(), 2 + 4);
    }

    #[test]
    fn the_count_comes_with_whatever_is_written_next_and_a_fault_that_was_over_is_news_again() {
        let said = said(Duration::from_secs(31), || {
            let fault = || tracing::warn!("fault");
            fault();
            fault();
            for _ in 0..5 {
                tracing::info!("fine");
            }
            fault();
        });
        assert_eq!(said, ["news", "fault x1", "news", "news", "news", "news", "news", "news"]);
    }

    #[test]
    fn many_different_faults_are_all_written() {
        let said = said(Duration::ZERO, || {
            for number in 0..FAULTS_MAX * 2 {
                tracing::warn!(number, "fault");
            }
        });
        assert_eq!(said.len(), FAULTS_MAX * 2);
    }
}
