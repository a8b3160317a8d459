//! Reading the chunks of a result in order, some ahead, each from its start again where it fails.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::feed::Feed;
use super::links::{LinkSource, Links, RemoteRows};
use super::splitter::{SplitError, Splitter};
use crate::error::{Error, Operation};
use crate::http::{AttemptError, Http, Inflate, Replay, dice};
use crate::ids::QueryId;

const OPERATION: Operation = Operation::Download;
/// How often a result may ask for new addresses.
const REFRESHES_MAX: u32 = 3;

/// The rows of a result's chunks, as JSON. It can be left at any await and asked again.
pub(super) struct Chunks {
    http: Http,
    source: Box<dyn LinkSource>,
    query_id: Option<QueryId>,
    links: Links,
    /// The chunk that is read.
    index: usize,
    /// Downloads of that chunk and of those behind it.
    feeds: VecDeque<Feed>,
    inflate: Inflate,
    splitter: Splitter,
    /// Whether all of the chunk has come.
    complete: bool,
    /// Rows of the chunk that were given out,
    given: u64,
    /// and how many of them are to come once more, after a new start.
    to_skip: u64,
    /// Attempts to download the chunk that failed.
    failures: u32,
    /// When to start again.
    resume_at: Option<Instant>,
    /// Whether the addresses are to be asked for again before that.
    stale: bool,
    refreshes: u32,
}

impl Chunks {
    pub(super) fn new(http: Http, remote: RemoteRows) -> Self {
        let RemoteRows { links, query_id, source } = remote;
        let splitter = Splitter::new(http.limits().row_bytes_max);
        Self {
            http,
            source,
            query_id,
            links,
            index: 0,
            feeds: VecDeque::new(),
            inflate: Inflate::new(),
            splitter,
            complete: false,
            given: 0,
            to_skip: 0,
            failures: 0,
            resume_at: None,
            stale: false,
            refreshes: 0,
        }
    }

    pub(super) fn into_links(self) -> Links {
        self.links
    }

    /// Leaves out whole chunks, of `rows` rows at most, before the first one is read. Returns how many rows are left out.
    pub(super) fn skip(&mut self, rows: u64) -> u64 {
        let mut left = rows;
        while self.feeds.is_empty() && self.given == 0 {
            let chunk = self.links.chunks.get(self.index).and_then(|chunk| chunk.rows);
            let Some(rest) = chunk.and_then(|rows| left.checked_sub(rows)) else { break };
            (left, self.index) = (rest, self.index + 1);
        }
        rows - left
    }

    /// The next row, as JSON; `None` after the last chunk's last.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while self.index < self.links.chunks.len() {
            self.resume().await?;
            self.look_ahead();
            match self.buffered() {
                Ok(Some(row)) => return Ok(Some(row)),
                Ok(None) if self.complete => self.end_chunk()?,
                Ok(None) => self.read().await?,
                Err(Stopped::Failed(error)) => self.failed(error)?,
                Err(Stopped::Final(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Waits out the pause after a failure, and asks for new addresses where the old ones are refused.
    async fn resume(&mut self) -> Result<(), Error> {
        if let Some(at) = self.resume_at {
            sleep_until(at).await;
            self.resume_at = None;
        }
        if self.stale {
            self.refresh().await?;
            self.stale = false;
        }
        Ok(())
    }

    /// Starts the downloads of the chunk that is read and of those behind it, as many as may be.
    fn look_ahead(&mut self) {
        let wanted = self.links.chunks[self.index..].iter().take(1 + self.http.limits().chunks_ahead);
        for link in wanted.skip(self.feeds.len()) {
            self.feeds.push_back(Feed::start(
                self.http.clone(),
                link.address.clone(),
                self.links.headers.clone(),
            ));
        }
    }

    /// The next row of what has come; `None`: more must come.
    fn buffered(&mut self) -> Result<Option<Bytes>, Stopped> {
        loop {
            match self.splitter.next()? {
                Some(_) if self.to_skip > 0 => self.to_skip -= 1,
                Some(row) => {
                    self.given += 1;
                    return Ok(Some(row));
                }
                None => match self.inflate.next() {
                    Ok(Some(plain)) => self.splitter.push(plain),
                    Ok(None) => return Ok(None),
                    Err(_) => return Err(Stopped::Failed(AttemptError::Truncated)),
                },
            }
        }
    }

    /// Reads the next piece.
    async fn read(&mut self) -> Result<(), Error> {
        let Some(feed) = self.feeds.front_mut() else { return Ok(()) };
        match feed.next().await {
            Ok(Some(piece)) => self.inflate.push(piece),
            Ok(None) => match self.inflate.finish() {
                Ok(rest) => {
                    self.complete = true;
                    self.splitter.push(rest);
                }
                Err(_) => self.failed(AttemptError::Truncated)?,
            },
            Err(error) => self.failed(error)?,
        }
        Ok(())
    }

    /// Goes on to the next chunk, if this one was whole.
    fn end_chunk(&mut self) -> Result<(), Error> {
        let expected = self.links.chunks[self.index].rows;
        let short = expected.is_some_and(|rows| self.given < rows) || self.to_skip > 0;
        if short || !self.splitter.is_between_rows() {
            return self.failed(AttemptError::Truncated);
        }
        if expected.is_some_and(|rows| self.given > rows) {
            return Err(Error::malformed(OPERATION, "a part of the result has more rows than announced"));
        }
        self.feeds.pop_front();
        self.index += 1;
        (self.given, self.failures) = (0, 0);
        self.start_chunk();
        Ok(())
    }

    /// Forgets what came of the chunk.
    fn start_chunk(&mut self) {
        self.inflate = Inflate::new();
        self.splitter = Splitter::new(self.http.limits().row_bytes_max);
        self.complete = false;
        self.to_skip = self.given;
    }

    /// Prepares a new start, or gives up.
    fn failed(&mut self, error: AttemptError) -> Result<(), Error> {
        self.failures += 1;
        let pause = if self.may_refresh(&error) {
            self.stale = true;
            Some(Duration::ZERO)
        } else {
            // How long it took says nothing: a chunk may be large, or its reader slow.
            let retry = self.http.retry();
            retry.pause(&error, Replay::Safe, self.failures, Duration::ZERO, dice())
        };
        let Some(pause) = pause else { return Err(self.give_up(error)) };
        debug!(
            chunk = self.index,
            failures = self.failures,
            given = self.given,
            stale = self.stale,
            "starting again"
        );
        self.feeds.clear();
        self.start_chunk();
        self.resume_at = Some(Instant::now() + pause);
        Ok(())
    }

    fn give_up(&self, error: AttemptError) -> Error {
        let host =
            self.links.chunks.get(self.index).and_then(|link| link.address.host_str()).unwrap_or_default();
        error.into_error(OPERATION, host, false)
    }

    /// Whether `error` is how storage refuses an address that has expired, and a new one can be had.
    fn may_refresh(&self, error: &AttemptError) -> bool {
        let refused = matches!(error, AttemptError::Status { status: 400 | 401 | 403 | 404, .. });
        refused && self.query_id.is_some() && self.refreshes < REFRESHES_MAX
    }

    /// Asks for the result once more, for its addresses.
    async fn refresh(&mut self) -> Result<(), Error> {
        let Some(query_id) = &self.query_id else { return Ok(()) };
        let links = self.source.fetch_links(query_id).await?;
        if !links.lists_the_same(&self.links) {
            return Err(Error::malformed(OPERATION, "the result has changed since it was begun to be read"));
        }
        self.refreshes += 1;
        self.links = links;
        Ok(())
    }
}

/// Why there is no next row in what has come.
enum Stopped {
    /// A new start may help.
    Failed(AttemptError),
    Final(Error),
}

impl From<SplitError> for Stopped {
    fn from(error: SplitError) -> Self {
        Self::Final(error.into_error(OPERATION))
    }
}
