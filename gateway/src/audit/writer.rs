//! The thread that writes the trail.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::notice::Notice;
use super::queue::{Item, Queue};
use super::record::{Users, is_final, of_request};
use super::trail::{Known, Trail};
use crate::config::AuditConfig;
use crate::state::PendingKey;

/// Records written at once.
const BATCH_MAX: usize = 512;

/// The pause after a batch, where no answer waits for it: records that come meanwhile are the next batch, and find the thread
/// awake. A gateway that is killed loses them, but for those of statements that wrote: see `state::audit`.
const PAUSE: Duration = Duration::from_millis(20);

/// How often a trail that cannot be written is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The wait for the first record of a batch, so that heads are signed in time.
const TICK: Duration = Duration::from_millis(500);

/// A record to be written, and the statement of the outbox that it is about.
struct Rendered {
    fields: String,
    pending: Option<PendingKey>,
}

pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) received: Receiver<Item>,
    pub(super) folder: PathBuf,
    pub(super) state: PathBuf,
    pub(super) config: AuditConfig,
    /// `None` while it cannot be opened.
    trail: Option<Trail>,
    known: Option<Known>,
    users: Users,
    /// `None`: not yet; what begins the trail is signed at once.
    signed_at: Option<Instant>,
    /// Records lost that the trail does not tell of yet.
    lost: u64,
    is_over: bool,
}

impl Writer {
    pub(super) fn new(
        queue: Arc<Queue>,
        received: Receiver<Item>,
        folder: PathBuf,
        state: PathBuf,
        config: AuditConfig,
    ) -> Self {
        let mut writer = Self {
            queue,
            received,
            folder,
            state,
            config,
            trail: None,
            known: None,
            users: Users::default(),
            signed_at: None,
            lost: 0,
            is_over: false,
        };
        if let Err(error) = writer.open() {
            writer.queue.failed(&error, &writer.folder);
        }
        writer
    }

    fn open(&mut self) -> std::io::Result<()> {
        if self.trail.is_none() {
            self.trail = Some(Trail::open(&self.folder, &self.state, self.config.retention, self.known)?);
        }
        Ok(())
    }

    /// Writes until the end is asked for.
    pub(super) fn run(mut self) {
        while !self.is_over {
            self.queue.add_refusals(false);
            let batch = self.collect();
            let is_empty = batch.is_empty();
            self.write(&batch);
            self.sign_if_due(self.is_over);
            if !is_empty && !self.config.required && !self.is_over {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// What is to be written next.
    fn collect(&mut self) -> Vec<Rendered> {
        let mut batch = Vec::new();
        let mut next = match self.received.recv_timeout(TICK) {
            Ok(item) => Some(item),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                self.is_over = true;
                None
            }
        };
        while let Some(item) = next {
            self.queue.taken(&item);
            batch.extend(self.render(item));
            if self.is_over || batch.len() >= BATCH_MAX {
                break;
            }
            next = self.received.try_recv().ok();
        }
        // The queue was full when its end was sent.
        self.is_over |= batch.len() < BATCH_MAX && self.queue.is_ending.load(Ordering::Acquire);
        batch
    }

    fn render(&mut self, item: Item) -> Option<Rendered> {
        match item {
            Item::Request(event) => {
                let fields = of_request(&event, &mut self.users, self.config.statement_text);
                // Else a later record tells.
                let journaled = event.journaled.filter(|_| is_final(&event));
                let pending = journaled.map(|journaled| PendingKey {
                    session: event.asker.session.clone(),
                    request: journaled.number,
                });
                Some(Rendered { fields, pending })
            }
            Item::Notice(notice) => Some(Rendered { fields: notice.fields(&mut self.users), pending: None }),
            Item::Recovered(fields, pending) => Some(Rendered { fields, pending: Some(pending) }),
            Item::End => {
                self.is_over = true;
                None
            }
        }
    }

    /// Writes `batch`, again and again while it cannot be written.
    fn write(&mut self, batch: &[Rendered]) {
        let mut done = 0;
        loop {
            self.queue.begins_to_write();
            let written = self.try_write(batch, &mut done);
            self.queue.has_written();
            match written {
                Ok(()) => break,
                Err(error) => {
                    self.known = self.trail.as_ref().map(Trail::known).or(self.known);
                    self.trail = None;
                    self.queue.failed(&error, &self.folder);
                }
            }
            // There is no later: what is left is lost, but for statements that wrote.
            if self.is_over || self.queue.is_ending.load(Ordering::Acquire) {
                self.is_over = true;
                self.queue.lost.fetch_add((batch.len() - done) as u64, Ordering::Relaxed);
                return;
            }
            std::thread::sleep(RETRY_PAUSE);
            if batch.is_empty() {
                return;
            }
        }
        let keys: Vec<PendingKey> = batch.iter().filter_map(|record| record.pending.clone()).collect();
        if let Some(trail) = &self.trail {
            self.queue.written(batch.len() as u64, trail);
        }
        if !keys.is_empty() {
            self.queue.told(keys);
        }
    }

    /// Writes what is behind the first `done` of `batch`, and counts on.
    fn try_write(&mut self, batch: &[Rendered], done: &mut usize) -> std::io::Result<()> {
        self.open()?;
        let Some(trail) = &mut self.trail else { return Ok(()) };
        let lost = self.queue.lost.load(Ordering::Relaxed);
        if lost > self.lost {
            let records = lost - self.lost;
            trail.push(&Notice::gap(records).fields(&mut self.users));
            trail.commit()?;
            self.lost = lost;
            tracing::warn!(records, "records of the audit trail were lost: see its record `gap`");
        }
        let mut pushed = *done;
        for record in &batch[*done..] {
            if trail.is_full() {
                trail.commit()?;
                *done = pushed;
                trail.rotate()?;
            }
            trail.push(&record.fields);
            pushed += 1;
        }
        trail.commit()?;
        *done = pushed;
        Ok(())
    }

    fn sign_if_due(&mut self, is_last: bool) {
        let Some(trail) = &mut self.trail else { return };
        let interval = self.config.head_interval;
        let is_due = is_last || self.signed_at.is_none_or(|signed_at| signed_at.elapsed() >= interval);
        if trail.is_at_head() || !is_due {
            return;
        }
        self.signed_at = Some(Instant::now());
        self.queue.begins_to_write();
        let signed = trail.sign();
        self.queue.has_written();
        match signed {
            Ok(()) => self.queue.written(0, trail),
            Err(error) => {
                self.known = Some(trail.known());
                self.trail = None;
                self.queue.failed(&error, &self.folder);
            }
        }
    }
}
