//! All sessions of the front.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use snowgate_link::credit::{ReceiveCredit, SendCredit, Window};
use snowgate_link::hello::{ClientHello, Origin, Refusal, Resume, Role, SessionKey};
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::task::TaskTracker;

use super::super::caller::Caller;
use super::client::{NoSession, SlotKey, TAG_BYTES_MAX, Which, is_tag, named, split_id};
use super::courier;
use super::http_session::{Credit, HttpSession, Parts};
use super::numbers::Numbers;
use super::seat::Seat;
use crate::link::{InnerClient, InnerLink, open_inner};
use crate::mcp::Mcp;
use crate::session::FrontClient;
use crate::state::{Digest, FrontQuery, FrontSession};

/// A session of the front that is unused for so long is left; what the state file has of it stays for `session.ttl_minutes`.
const IDLE: Duration = Duration::from_secs(600);

/// How often unused sessions are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(15);

/// What the state file has is kept so long at least, whatever `session.ttl_minutes` says.
const KEPT_MIN: Duration = Duration::from_secs(600);

/// The program that launched such a client, as far as profiles and people see it.
const PARENT: &str = "http";

/// All sessions of the front.
pub(crate) struct HttpSessions {
    mcp: Arc<Mcp>,
    tasks: TaskTracker,
    slots: Mutex<HashMap<SlotKey, Arc<Slot>>>,
    /// Sessions open at once: shims get the rest.
    open_max: usize,
    open: Arc<AtomicUsize>,
}

/// The place of one session: locked while it is opened.
#[derive(Default)]
struct Slot {
    session: tokio::sync::Mutex<Option<Arc<HttpSession>>>,
}

/// A session that is to be opened.
struct Plan {
    /// The session of an earlier gateway.
    earlier: Option<FrontSession>,
    secret: Option<String>,
    /// What finds it again.
    identity: Option<Digest>,
    /// Whether the state file is to have it.
    is_kept: bool,
    client: InnerClient,
}

impl HttpSessions {
    pub(crate) fn new(mcp: Arc<Mcp>, tasks: TaskTracker) -> Arc<Self> {
        let open_max = (mcp.shared.descriptors.budget.sessions_max / 2).max(1);
        let this = Arc::new(Self { mcp, tasks, slots: Mutex::default(), open_max, open: Arc::default() });
        this.tasks.spawn(sweep(Arc::downgrade(&this)));
        this
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The session that a request of `caller` is for; one that is not open is opened, with what the state file has of it.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn find(
        self: &Arc<Self>,
        caller: &Caller,
        which: Which<'_>,
    ) -> Result<Arc<HttpSession>, NoSession> {
        match which {
            Which::New => self.open_new(caller, true).await,
            Which::Socket => self.open_new(caller, false).await,
            Which::Id(text) => {
                let (id, secret) = split_id(text).ok_or(NoSession::Unknown)?;
                self.resume(caller, id, secret).await
            }
            Which::Named { client, tag, is_repeatable } => {
                check_tag(tag)?;
                self.named(caller, client, tag, is_repeatable).await
            }
        }
    }

    /// The connection of this number has ended.
    pub(crate) fn connection_ended(self: &Arc<Self>, connection: u64) {
        let slot = self.lock().remove(&SlotKey::Connection(connection));
        if let Some(slot) = slot {
            self.tasks.spawn(async move {
                let session = slot.session.lock().await.take();
                if let Some(session) = session {
                    session.close().await;
                }
            });
        }
    }

    async fn open_new(
        self: &Arc<Self>,
        caller: &Caller,
        is_kept: bool,
    ) -> Result<Arc<HttpSession>, NoSession> {
        let plan =
            Plan { earlier: None, secret: None, identity: None, is_kept, client: InnerClient::default() };
        let session = self.open(caller, plan).await?;
        let slot = self.slot(SlotKey::Id(session.session.key.id.clone()));
        *slot.session.lock().await = Some(Arc::clone(&session));
        Ok(session)
    }

    async fn resume(
        self: &Arc<Self>,
        caller: &Caller,
        id: &str,
        secret: &str,
    ) -> Result<Arc<HttpSession>, NoSession> {
        let key = SlotKey::Id(id.to_owned());
        let slot = self.slot(key.clone());
        let mut place = slot.session.lock().await;
        if let Some(open) = open_in(&mut place) {
            let is_same: bool = open.session.key.secret.as_bytes().ct_eq(secret.as_bytes()).into();
            if !is_same || open.owner != owner(caller) {
                return Err(NoSession::Unknown);
            }
            if is_of(&open, caller) {
                return Ok(open);
            }
            leave(&open).await;
        }
        let found = self.resume_kept(caller, id, secret).await;
        if found.is_err() {
            self.lock().remove(&key);
        }
        place.clone_from(&found.as_ref().ok().cloned());
        found
    }

    /// Opens the session of an earlier gateway.
    async fn resume_kept(
        self: &Arc<Self>,
        caller: &Caller,
        id: &str,
        secret: &str,
    ) -> Result<Arc<HttpSession>, NoSession> {
        let earlier = self.look_up(FrontQuery::Id(id.to_owned())).await?.ok_or(NoSession::Unknown)?;
        let kept = kept_secret(secret);
        let is_same: bool = earlier.secret.as_bytes().ct_eq(kept.as_bytes()).into();
        if !is_same || earlier.identity.is_some() || earlier.owner != owner(caller) {
            return Err(NoSession::Unknown);
        }
        let secret = Some(secret.to_owned());
        let plan = Plan {
            earlier: Some(earlier),
            secret,
            identity: None,
            is_kept: true,
            client: InnerClient::default(),
        };
        self.open(caller, plan).await
    }

    async fn named(
        self: &Arc<Self>,
        caller: &Caller,
        client: Option<&str>,
        tag: Option<&str>,
        is_repeatable: bool,
    ) -> Result<Arc<HttpSession>, NoSession> {
        let mut key = named(caller, client, tag);
        let is_anonymous = matches!(key, SlotKey::Connection(_));
        if is_anonymous && is_repeatable {
            // What is sent again comes on another connection.
            key = SlotKey::Identity(Digest::of("anonymous, with a key for each request"));
        }
        let slot = self.slot(key.clone());
        let mut place = slot.session.lock().await;
        if let Some(open) = open_in(&mut place) {
            // What was sent before is known to the one in the state file only.
            if (open.is_kept || !is_repeatable) && is_of(&open, caller) {
                return Ok(open);
            }
            place.replace(open);
        }
        let identity = if let SlotKey::Identity(digest) = &key { Some(*digest) } else { None };
        let looked_up = match identity {
            Some(identity) => self.look_up(FrontQuery::Identity(identity)).await,
            None => Ok(None),
        };
        let (earlier, identity) = match looked_up {
            Ok(earlier) => (earlier, identity),
            Err(error) if is_repeatable => return Err(error),
            // Reads work without the state file, as they do for shims.
            Err(error) => {
                tracing::warn!(%error, "a client's session begins anew");
                (None, None)
            }
        };
        if let Some(open) = place.take() {
            leave(&open).await;
        }
        let called = tag.or(client).map(str::to_owned);
        let front = FrontClient { tag: tag.map(str::to_owned), is_anonymous };
        let client = InnerClient { has_several_clients: true, called, front, ..InnerClient::default() };
        let secret = earlier.as_ref().map(|earlier| earlier.secret.clone());
        let plan = Plan { earlier, secret, identity, is_kept: identity.is_some(), client };
        let found = self.open(caller, plan).await;
        if found.is_err() {
            self.lock().remove(&key);
        }
        place.clone_from(&found.as_ref().ok().cloned());
        found
    }

    async fn look_up(&self, query: FrontQuery) -> Result<Option<FrontSession>, NoSession> {
        let found = self.mcp.shared.state.front_session(query, self.kept_ms()).await;
        found.map_err(|error| NoSession::Refused {
            message: format!("the session cannot be looked up: {error}"),
            next_step: Some("send the request again; `snowgate status` says more".to_owned()),
            retry: true,
        })
    }

    fn kept_ms(&self) -> i64 {
        let kept = self.mcp.shared.config.session.ttl.max(KEPT_MIN);
        i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)
    }

    async fn open(self: &Arc<Self>, caller: &Caller, plan: Plan) -> Result<Arc<HttpSession>, NoSession> {
        let seat = self.take_seat().await?;
        let Plan { earlier, secret, identity, mut is_kept, mut client } = plan;
        let mut hello = ClientHello::new(Role::Client);
        hello.origin = Origin { pid: 0, parent_exe: Some(PARENT.to_owned()), cwd: None };
        hello.profile = caller.key.as_ref().and_then(|key| key.profile.clone());
        let presented = earlier.as_ref().zip(secret);
        hello.session = presented.map(|(earlier, secret)| SessionKey { id: earlier.id.clone(), secret });
        hello.state = earlier.as_ref().and_then(|earlier| earlier.state.clone());
        client.api_key.clone_from(&caller.key);
        client.address = caller.address;
        let opened = open_inner(&self.mcp, &hello, client, &self.tasks).await;
        let InnerLink { session, resume, stream, facts } = opened.map_err(refused)?;
        // It may have been revoked meanwhile, and what looks for its sessions has not found this one.
        if caller.key.as_ref().is_some_and(|key| !self.mcp.shared.keys.is_live(key)) {
            return Err(NoSession::Refused {
                message: "the API key is good no more".to_owned(),
                next_step: Some("use another key".to_owned()),
                retry: false,
            });
        }
        if resume == Resume::Lost && identity.is_none() {
            // Dropping the stream ends it.
            return Err(NoSession::Unknown);
        }
        let earlier = earlier.filter(|_| resume == Resume::Rebuilt);
        let public = format!("{}.{}", session.key.id, session.key.secret);
        let owner = owner(caller);
        let shared = Arc::clone(&self.mcp.shared);
        if is_kept && earlier.is_none() {
            let secret = match identity {
                // Its client has none, so the gateway must.
                Some(_) => session.key.secret.clone(),
                None => kept_secret(&session.key.secret),
            };
            let row = FrontSession {
                id: session.key.id.clone(),
                secret,
                owner: owner.clone(),
                identity,
                reserved: 0,
                state: None,
                pinned: None,
            };
            if let Err(error) = shared.state.add_front_session(row).await {
                tracing::warn!(%error, "a client's session cannot be written down: it ends with this gateway");
                is_kept = false;
            }
        }
        let (out, pieces) = unbounded_channel();
        let window = Window::default();
        let parts = Parts {
            id: public,
            session,
            owner,
            is_kept,
            is_rebuilt: earlier.is_some(),
            numbers: if is_kept {
                Numbers::behind(earlier.as_ref().map_or(0, |earlier| earlier.reserved))
            } else {
                Numbers::unreserved()
            },
            credit: Credit { send: SendCredit::new(window), receive: ReceiveCredit::new(window) },
            out,
            facts,
            pinned: earlier.and_then(|earlier| pinned(earlier.pinned.as_deref())).unwrap_or_default(),
            seat,
        };
        let session = HttpSession::new(Arc::clone(&shared), parts);
        let (reading, writing) = tokio::io::split(stream);
        self.tasks.spawn(courier::write(Arc::clone(&session), writing, pieces));
        self.tasks.spawn(courier::read(Arc::clone(&session), shared, reading));
        Ok(session)
    }

    /// Takes a seat for one more session; if there is none, the session that is unused for the longest time is left.
    async fn take_seat(&self) -> Result<Seat, NoSession> {
        if let Some(seat) = Seat::take(&self.open, self.open_max) {
            return Ok(seat);
        }
        let slots: Vec<_> = self.lock().iter().map(|(key, slot)| (key.clone(), Arc::clone(slot))).collect();
        let unused = slots.iter().filter_map(|(key, slot)| {
            // One that is being opened is in use.
            let session = slot.session.try_lock().ok()?.clone()?;
            let idle = session.idle();
            (!idle.is_zero()).then_some((idle, key, session))
        });
        let longest = unused.max_by_key(|(idle, ..)| *idle);
        let Some((_, key, session)) = longest.filter(|(idle, ..)| *idle >= Duration::from_secs(1)) else {
            return Err(NoSession::Refused {
                message: format!(
                    "{} sessions of HTTP clients are open and in use, which is the limit: half of `sessions_max` under \
                     [gateway]",
                    self.open_max
                ),
                next_step: Some("send the request again a little later, or raise `sessions_max`".to_owned()),
                retry: true,
            });
        };
        self.lock().remove(key);
        leave(&session).await;
        // It gives its own back a moment later: once its last request has ended.
        Ok(Seat::beyond(&self.open))
    }

    fn slot(&self, key: SlotKey) -> Arc<Slot> {
        Arc::clone(self.lock().entry(key).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SlotKey, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves sessions that are unused, and notes for the state file which are used.
    async fn look_after(&self) {
        let slots: Vec<_> = self.lock().iter().map(|(key, slot)| (key.clone(), Arc::clone(slot))).collect();
        let mut used = Vec::new();
        for (key, slot) in slots {
            let Ok(mut place) = slot.session.try_lock() else { continue };
            let idle = place.as_ref().map(|session| session.idle());
            match idle {
                Some(idle) if idle < IDLE && open_in(&mut place).is_some() => {
                    if idle < SWEEP_INTERVAL
                        && let Some(session) = place.as_ref().filter(|session| session.is_kept)
                    {
                        used.push(session.session.key.id.clone());
                    }
                    continue;
                }
                _ => {}
            }
            let session = place.take();
            drop(place);
            // Who has come meanwhile opens it again.
            self.lock().remove(&key);
            if let Some(session) = session {
                leave(&session).await;
            }
        }
        let state = &self.mcp.shared.state;
        if let Err(error) = state.note_front_use(used, self.kept_ms()).await {
            tracing::warn!(%error, "cannot write down which HTTP sessions are used");
        }
    }
}

/// Ends the connection to a session; a client that comes back gets another, with what the state file has.
async fn leave(session: &HttpSession) {
    if session.is_kept {
        session.closed.cancel();
    } else {
        session.close().await;
    }
}

async fn sweep(sessions: Weak<HttpSessions>) {
    loop {
        let Some(drain) = sessions.upgrade().map(|sessions| sessions.mcp.shared.shutdown.drain.clone())
        else {
            return;
        };
        tokio::select! {
            () = tokio::time::sleep(SWEEP_INTERVAL) => {}
            () = drain.cancelled() => return,
        }
        if let Some(sessions) = sessions.upgrade() {
            sessions.look_after().await;
        }
    }
}

/// The session in `place`, if it goes on.
fn open_in(place: &mut Option<Arc<HttpSession>>) -> Option<Arc<HttpSession>> {
    place.take_if(|session| session.closed.is_cancelled());
    if let Some(session) = place.as_ref() {
        session.touch();
    }
    place.clone()
}

/// Whether the key that `session` was opened with is as it was: what it may do is that of the session.
fn is_of(session: &HttpSession, caller: &Caller) -> bool {
    session.session.api_key == caller.key
}

fn owner(caller: &Caller) -> String {
    caller.key.as_ref().map(|key| key.id.clone()).unwrap_or_default()
}

/// What the state file has of a secret that a client has.
fn kept_secret(secret: &str) -> String {
    Digest::of(secret).in_full()
}

fn pinned(text: Option<&str>) -> Option<BTreeMap<u64, String>> {
    serde_json::from_str(text?).ok()
}

fn refused(refusal: Refusal) -> NoSession {
    let Refusal { message, next_step, retry } = refusal;
    NoSession::Refused { message, next_step, retry }
}

fn check_tag(tag: Option<&str>) -> Result<(), NoSession> {
    if tag.is_none_or(is_tag) {
        return Ok(());
    }
    Err(NoSession::Refused {
        message: "the client id cannot be used".to_owned(),
        next_step: Some(format!(
            "give `_client_id` or `Snowgate-Client-Id` 1 to {TAG_BYTES_MAX} bytes without control characters"
        )),
        retry: false,
    })
}
