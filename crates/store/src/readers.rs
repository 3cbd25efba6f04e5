//! The threads that read, each on its own connection. Write-ahead logging lets them go on while the writer works.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use runbook_core::ports::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Fault;

/// Questions that may wait; one more is refused.
const MAX_WAITING: usize = 1024;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// Handle to the reading threads; dropping it waits for them.
pub(crate) struct Readers {
    queue: Option<SyncSender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// One thread for each connection.
    pub(crate) fn start(connections: Vec<Connection>) -> std::io::Result<Readers> {
        let (queue, waiting) = sync_channel(MAX_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let threads = connections
            .into_iter()
            .map(|connection| {
                let waiting = Arc::clone(&waiting);
                std::thread::Builder::new().name("store-reader".to_owned()).spawn(move || {
                    while next(&waiting).is_some_and(|question| answer(question, &connection)) {}
                })
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Readers { queue: Some(queue), threads })
    }

    /// Runs `work` on a connection that cannot write; it sees one state of the store throughout.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |connection| {
            // ends when dropped; a transaction that only read has nothing to keep
            let result = connection.unchecked_transaction().map_err(Fault::from).and_then(|t| work(&t));
            // a caller who has gone away needs no answer
            let _ = reply.send(result);
        });
        let Some(queue) = &self.queue else { return Err(stopped()) };
        queue.try_send(question).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                Fault::Store(StoreError::Unavailable(format!("{MAX_WAITING} questions are waiting")))
            }
            TrySendError::Disconnected(_) => stopped(),
        })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("one of the store's readers had stopped early");
            }
        }
    }
}

fn next(waiting: &Mutex<Receiver<Question>>) -> Option<Question> {
    waiting.lock().ok()?.recv().ok()
}

fn answer(question: Question, connection: &Connection) -> bool {
    question(connection);
    true
}

fn stopped() -> Fault {
    Fault::Store(StoreError::Unavailable("its readers have stopped: restart".to_owned()))
}
