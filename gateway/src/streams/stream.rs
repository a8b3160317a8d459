//! A stream: a queue, and the thread that writes what is in it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::queue::{Found, Queue};

/// How long the end waits for the last lines. A file system that stalls keeps no gateway from ending.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How often an idle stream looks after its files: their age, and whether they can be written again.
const IDLE_INTERVAL: Duration = Duration::from_secs(600);

/// The same, while lines are lost that the stream has not said.
const UNSAID_INTERVAL: Duration = Duration::from_secs(1);

/// Writes a stream's items; its thread alone calls it.
pub trait Consumer<T>: Send + 'static {
    /// Writes the items down. `dropped` are those for which there was no room before them.
    fn write(&mut self, items: &mut Vec<T>, dropped: u64);

    /// There were none for a while. Returns whether it has lost lines that it has not said.
    fn tidy(&mut self) -> bool;
}

/// Takes items of one kind; clones are the same stream.
#[derive(Debug)]
pub struct Stream<T> {
    queue: Arc<Queue<T>>,
}

impl<T> Clone for Stream<T> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<T: Send + 'static> Stream<T> {
    /// Starts the thread `name`, in which `consumer` writes.
    ///
    /// # Errors
    /// The system has no room for a thread.
    pub fn start(name: &str, mut consumer: impl Consumer<T>) -> io::Result<Self> {
        let queue = Arc::new(Queue::new());
        let own = Arc::clone(&queue);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            run(&own, &mut consumer);
            own.end();
        })?;
        Ok(Self { queue })
    }

    /// Takes an item that takes about so many bytes. Never waits: it is dropped where there is no room.
    pub fn push(&self, item: T, bytes: usize) {
        self.queue.push(item, bytes);
    }

    /// Takes no more, and waits until everything is written, but for a second at most.
    pub fn close(&self) {
        self.queue.close(CLOSE_TIMEOUT);
    }
}

fn run<T>(queue: &Queue<T>, consumer: &mut impl Consumer<T>) {
    let mut batch = Vec::new();
    let mut idle = IDLE_INTERVAL;
    loop {
        let found = queue.take(&mut batch, idle);
        let dropped = queue.take_dropped();
        if !batch.is_empty() || dropped > 0 {
            consumer.write(&mut batch, dropped);
            batch.clear();
            idle = UNSAID_INTERVAL;
        } else if found == Found::Open {
            idle = if consumer.tidy() { UNSAID_INTERVAL } else { IDLE_INTERVAL };
        }
        if found == Found::Closed {
            return;
        }
        queue.pause();
    }
}
