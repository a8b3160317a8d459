//! What one client has asked and not heard of yet, and the checked on every line that it hears. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::backend::Backend;
use super::databases::{DEFAULT_DATABASE, Database};
use super::era::Era;
use super::judge::{Judge, Outcome};
use super::stage::Moment;
use super::step::Step;
use super::writes::{Fate, Write, Writes};

/// A request that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// Its place among all that this client sent; an id can be used again, this cannot.
    pub(super) order: u64,
    /// What it asks.
    pub(super) step: Step,
    /// The client's current database; more than one where that is not known.
    pub(super) contexts: Vec<Database>,
    /// What a write writes.
    pub(super) key: Option<String>,
    /// When.
    pub(super) when: Moment,
}

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// A request is answered as it may be.
    Answered(Sent, Outcome),
    /// A cancelled request is answered all the same, which it may be, once.
    Late,
    /// Nothing that may come; with the request that it answers, if it does.
    Wrong(Option<Sent>, String),
}

/// One client's requests, and its writes.
#[derive(Debug)]
pub(super) struct Ledger {
    judge: Judge,
    /// The last request's place.
    order: u64,
    /// The last id's number.
    number: u64,
    /// Ids of cancelled requests that the next requests take.
    reusable: VecDeque<u64>,
    /// By the numbers of their ids.
    open: BTreeMap<u64, Sent>,
    cancelled: BTreeMap<u64, VecDeque<Sent>>,
    /// What the next request finds as its current database.
    contexts: Vec<Database>,
    /// The context that is written down for the next shim: the last that was set while the disk had room, or
    /// any that was set since.
    written: Vec<Database>,
    writes: Writes,
}

impl Ledger {
    /// The ledger of a client that has not asked anything.
    pub(super) fn new(era: Era, backend: Backend, client: String) -> Self {
        Self {
            judge: Judge { era, backend, client },
            order: 0,
            number: 0,
            reusable: VecDeque::new(),
            open: BTreeMap::new(),
            cancelled: BTreeMap::new(),
            contexts: vec![DEFAULT_DATABASE],
            written: vec![DEFAULT_DATABASE],
            writes: Writes::new(),
        }
    }

    /// Who asks.
    pub(super) fn client(&self) -> &str {
        &self.judge.client
    }

    /// In which era.
    pub(super) fn era(&self) -> Era {
        self.judge.era
    }

    /// Notes a request; gives the number of its id and its line.
    pub(super) fn send(&mut self, step: Step, when: Moment) -> (u64, String) {
        self.order += 1;
        let number = self.reusable.pop_front().unwrap_or_else(|| {
            self.number += 1;
            self.number
        });
        let key = step.is_write().then(|| format!("{}-{}", self.judge.client, self.order));
        let call = step.call(self.judge.backend, key.as_deref().unwrap_or_default());
        let line = self.judge.era.request(&self.judge.client, number, call);
        let contexts = self.contexts.clone();
        if let Some(key) = &key {
            self.writes.insert(key.clone(), Write { databases: contexts.clone(), fate: Fate::Unknown });
        }
        if let Step::SetContext(database) = &step {
            self.contexts = vec![database];
        }
        self.open.insert(number, Sent { order: self.order, step, contexts, key, when });
        (number, line)
    }

    /// Gives up the request with this number if it is still open; gives the line that says so.
    pub(super) fn cancel(&mut self, number: u64, reuse_id: bool) -> Option<String> {
        let sent = self.open.remove(&number)?;
        self.cancelled.entry(number).or_default().push_back(sent);
        if reuse_id {
            self.reusable.push_back(number);
        }
        Some(self.judge.era.cancel(number))
    }

    /// Judges a line of the shim's.
    pub(super) fn receive(&mut self, line: &[u8], now: Moment) -> Checked {
        let wrong =
            |why: &str| Checked::Wrong(None, format!("{why}: {}", String::from_utf8_lossy(line).trim_end()));
        let Some(answer) = parse(line) else { return wrong("no JSON-RPC message") };
        if answer.get("method").is_some() {
            return wrong("nobody asked for this");
        }
        let Some(number) = self.judge.era.number(&answer["id"]) else {
            return wrong("an id that no request had");
        };
        let Some(sent) = self.open.get(&number) else { return self.receive_late(number, &wrong) };
        match self.judge.judge(sent, &answer) {
            Ok(outcome) => match self.open.remove(&number) {
                Some(sent) => self.settle(sent, outcome, now),
                None => wrong("no request"),
            },
            // The id was used again, and this is the answer to the request that had it before.
            Err(_) if self.is_late(number, &answer) => Checked::Late,
            Err(why) => Checked::Wrong(self.open.remove(&number), format!("{why}: {answer}")),
        }
    }

    fn receive_late(&mut self, number: u64, wrong: &dyn Fn(&str) -> Checked) -> Checked {
        match self.cancelled.get_mut(&number).and_then(VecDeque::pop_front) {
            Some(_) => Checked::Late,
            None if number <= self.number => wrong("answered before"),
            None => wrong("an id that no request had"),
        }
    }

    /// Whether `answer` can be that of a cancelled request with this number; then it was.
    fn is_late(&mut self, number: u64, answer: &Value) -> bool {
        let Some(cancelled) = self.cancelled.get_mut(&number) else { return false };
        let judge = &self.judge;
        let Some(at) = cancelled.iter().position(|sent| judge.judge(sent, answer).is_ok()) else {
            return false;
        };
        cancelled.remove(at).is_some()
    }

    fn settle(&mut self, sent: Sent, outcome: Outcome, now: Moment) -> Checked {
        if let Some(write) = sent.key.as_ref().and_then(|key| self.writes.get_mut(key)) {
            write.fate = outcome.into();
        }
        if let Step::SetContext(database) = &sent.step {
            if outcome != Outcome::Right {
                self.doubt_context(&sent);
            }
            if outcome == Outcome::Right && sent.when.had_room_until(now) {
                self.written.clear();
            }
            self.written.push(database);
        }
        Checked::Answered(sent, outcome)
    }

    /// Nobody knows whether `unset` has changed the context: what was sent after it may find the one before.
    fn doubt_context(&mut self, unset: &Sent) {
        let widen = |contexts: &mut Vec<Database>| contexts.extend(&unset.contexts);
        for later in self.open.values_mut().filter(|sent| sent.order > unset.order) {
            widen(&mut later.contexts);
            if let Some(write) = later.key.as_ref().and_then(|key| self.writes.get_mut(key)) {
                widen(&mut write.databases);
            }
        }
        widen(&mut self.contexts);
    }

    /// The shim is gone, and with it every answer; gives how many requests were open.
    ///
    /// The next shim's session begins in the default database, or where this one's was at its end, as far as
    /// that was written down: which of the last changes of context came about is not known.
    pub(super) fn abandon(&mut self) -> usize {
        self.cancelled.clear();
        self.reusable.clear();
        let open = std::mem::take(&mut self.open);
        self.contexts.push(DEFAULT_DATABASE);
        self.contexts.extend(&self.written);
        self.contexts.extend(open.values().flat_map(|sent| &sent.contexts));
        self.contexts.sort_unstable();
        self.contexts.dedup();
        open.len()
    }

    /// How many requests are open.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether the opening is not answered yet.
    pub(super) fn is_opening(&self) -> bool {
        self.open.values().any(|sent| sent.step == Step::Open)
    }

    /// Takes out what was sent before `at` and is not answered.
    pub(super) fn take_older(&mut self, at: Duration) -> Vec<Sent> {
        self.open.extract_if(.., |_, sent| sent.when.at < at).map(|(_, sent)| sent).collect()
    }

    /// All writes, at the end.
    pub(super) fn into_writes(self) -> Writes {
        self.writes
    }
}

fn parse(line: &[u8]) -> Option<Value> {
    let message: Value = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
    (message.is_object() && message["jsonrpc"] == "2.0").then_some(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WRITE: Step = Step::Write { transaction: false };
    const GIVEN_UP: &str = "Snowgate: the gateway disconnected 5 times without answering this request";

    /// A client whose context is ALPHA.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(Era::Handshake, Backend::Sqlite, "c00".into());
        ledger.contexts = vec!["ALPHA"];
        ledger
    }

    fn send(ledger: &mut Ledger, step: Step) -> u64 {
        ledger.send(step, Moment::default()).0
    }

    fn hear(ledger: &mut Ledger, message: &Value) -> Checked {
        ledger.receive(format!("{message}\n").as_bytes(), Moment::default())
    }

    fn result(id: u64, text: &str) -> Value {
        let content = json!([{"type": "text", "text": text}]);
        json!({"jsonrpc": "2.0", "id": id, "result": {"isError": false, "content": content}})
    }

    fn given_up(id: u64) -> Value {
        json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32603, "message": GIVEN_UP}})
    }

    fn is_right(checked: &Checked) -> bool {
        matches!(checked, Checked::Answered(_, Outcome::Right))
    }

    fn is_wrong(checked: &Checked) -> bool {
        matches!(checked, Checked::Wrong(..))
    }

    #[test]
    fn an_answer_counts_once() {
        let mut ledger = ledger();
        let id = send(&mut ledger, Step::Constant(7));
        assert!(is_right(&hear(&mut ledger, &result(id, "n\n7\n(1 row)"))));
        let Checked::Wrong(None, why) = hear(&mut ledger, &result(id, "n\n7\n(1 row)")) else { panic!() };
        assert!(why.starts_with("answered before"), "{why}");
    }

    #[test]
    fn an_answer_to_nothing_is_wrong() {
        let mut ledger = ledger();
        send(&mut ledger, Step::WhoAmI);
        for line in ["rubbish\n", "[]\n", "{}\n", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"] {
            assert!(is_wrong(&ledger.receive(line.as_bytes(), Moment::default())), "{line}");
        }
        for id in [json!(2), json!("1"), json!(null)] {
            assert!(is_wrong(&hear(&mut ledger, &json!({"jsonrpc": "2.0", "id": id, "result": {}}))), "{id}");
        }
        assert!(is_wrong(&hear(&mut ledger, &json!({"jsonrpc": "2.0", "method": "notifications/message"}))));
        assert_eq!(ledger.open(), 1);
    }

    #[test]
    fn a_wrong_answer_ends_its_request() {
        let mut ledger = ledger();
        let id = send(&mut ledger, Step::WhoAmI);
        let Checked::Wrong(Some(sent), why) = hear(&mut ledger, &result(id, "name\nBRAVO\n(1 row)")) else {
            panic!()
        };
        assert_eq!((sent.step, ledger.open()), (Step::WhoAmI, 0));
        assert!(why.contains("not the right result"), "{why}");
    }

    #[test]
    fn a_cancelled_request_is_answered_at_most_once() {
        let mut ledger = ledger();
        let id = send(&mut ledger, WRITE);
        assert!(ledger.cancel(id, false).unwrap().contains("notifications/cancelled"));
        assert_eq!(ledger.cancel(id, false), None);
        assert_eq!(hear(&mut ledger, &result(id, "1 row changed")), Checked::Late);
        assert!(is_wrong(&hear(&mut ledger, &result(id, "1 row changed"))));
    }

    #[test]
    fn an_id_that_is_used_again_gets_its_own_answer() {
        let mut ledger = ledger();
        let id = send(&mut ledger, Step::Endless);
        ledger.cancel(id, true);
        assert_eq!(send(&mut ledger, Step::Constant(7)), id);
        assert!(is_right(&hear(&mut ledger, &result(id, "n\n7\n(1 row)"))));

        let id = send(&mut ledger, Step::Endless);
        ledger.cancel(id, true);
        send(&mut ledger, Step::Constant(7));
        assert!(is_wrong(&hear(&mut ledger, &result(id, "n\n9\n(1 row)"))), "the endless read's own");
    }

    #[test]
    fn a_later_request_is_judged_in_the_context_that_was_set_before_it() {
        let mut ledger = ledger();
        let before = send(&mut ledger, Step::WhoAmI);
        let set = send(&mut ledger, Step::SetContext("BRAVO"));
        let after = send(&mut ledger, Step::WhoAmI);
        let mut changed = result(set, "{}");
        changed["result"]["structuredContent"] = json!({"context": {"database": "BRAVO"}});
        assert!(is_right(&hear(&mut ledger, &changed)));
        assert!(is_wrong(&hear(&mut ledger, &result(after, "name\nALPHA\n(1 row)"))));
        assert!(is_right(&hear(&mut ledger, &result(before, "name\nALPHA\n(1 row)"))));
    }

    #[test]
    fn where_setting_a_context_came_to_nothing_known_both_are_possible() {
        let mut ledger = ledger();
        let set = send(&mut ledger, Step::SetContext("BRAVO"));
        let (first, second) = (send(&mut ledger, Step::WhoAmI), send(&mut ledger, WRITE));
        assert!(matches!(hear(&mut ledger, &given_up(set)), Checked::Answered(_, Outcome::ShimError)));
        assert!(is_right(&hear(&mut ledger, &result(first, "name\nALPHA\n(1 row)"))));
        assert!(is_right(&hear(&mut ledger, &result(second, "1 row changed"))));
        let third = send(&mut ledger, Step::WhoAmI);
        assert!(is_wrong(&hear(&mut ledger, &result(third, "name\nDELTA\n(1 row)"))));
        let writes = ledger.into_writes();
        assert_eq!(writes["c00-3"].databases, ["BRAVO", "ALPHA"]);
    }

    #[test]
    fn a_write_s_answer_decides_its_fate() {
        let mut ledger = ledger();
        let ids: Vec<u64> = (0..3).map(|_| send(&mut ledger, WRITE)).collect();
        hear(&mut ledger, &result(ids[0], "1 row changed"));
        let mut refused = result(ids[1], "Refused: the journal cannot be written");
        refused["result"]["isError"] = json!(true);
        hear(&mut ledger, &refused);
        assert_eq!(ledger.abandon(), 1);
        let writes = ledger.into_writes();
        let fates: Vec<Fate> = writes.values().map(|write| write.fate).collect();
        assert_eq!(fates, [Fate::There, Fate::NotThere, Fate::Unknown]);
    }

    #[test]
    fn the_next_shim_begins_in_the_default_database_or_where_the_last_one_may_have_been() {
        let mut ledger = Ledger::new(Era::Handshake, Backend::Sqlite, "c00".into());
        assert_eq!(ledger.contexts, ["ALPHA"]);
        ledger.contexts = vec!["BRAVO"];
        send(&mut ledger, Step::SetContext("CHARLIE"));
        send(&mut ledger, WRITE);
        assert_eq!(ledger.abandon(), 2);
        assert_eq!(ledger.contexts, ["ALPHA", "BRAVO", "CHARLIE"]);
    }

    #[test]
    fn a_context_that_was_set_on_a_full_disk_may_not_have_been_written_down() {
        let mut ledger = ledger();
        for (database, disk) in [("BRAVO", 0), ("CHARLIE", 1), ("DELTA", 2), ("ALPHA", 3)] {
            let when = Moment { disk, ..Moment::default() };
            let id = ledger.send(Step::SetContext(database), when).0;
            let mut changed = result(id, "{}");
            changed["result"]["structuredContent"] = json!({"context": {"database": database}});
            assert!(is_right(&ledger.receive(format!("{changed}\n").as_bytes(), when)));
        }
        ledger.abandon();
        assert_eq!(
            ledger.contexts,
            ["ALPHA", "DELTA"],
            "the last one, and the last one that was written down"
        );
    }

    #[test]
    fn what_waits_too_long_is_taken_out() {
        let mut ledger = ledger();
        let at = |seconds| Moment { at: Duration::from_secs(seconds), ..Moment::default() };
        ledger.send(Step::WhoAmI, at(1));
        ledger.send(Step::ListTables, at(3));
        let older = ledger.take_older(Duration::from_secs(2));
        assert_eq!(older.iter().map(|sent| sent.step.name()).collect::<Vec<_>>(), ["whoami"]);
        assert_eq!(ledger.open(), 1);
    }
}
