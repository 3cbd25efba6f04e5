//! Asking the repository of the runbooks again, beside everything else.

use std::time::Duration;

use crate::engine::Engine;

/// How often a running engine asks.
const EVERY: Duration = Duration::from_secs(60);

impl Engine {
    /// Asks the repository that runbooks come from for what is new, unless that was done less than `patience` ago. What
    /// was fetched before stays in use when it cannot be reached, and plans say so.
    pub async fn refresh_runbooks(&self, patience: Duration) {
        let library = self.library().clone();
        let Some((source, _)) = library.git() else { return };
        let shown = source.shown();
        let before = library.git().and_then(|(_, fetched)| fetched.ok());
        let asked = library.clone();
        let result = tokio::task::spawn_blocking(move || asked.refresh(Some(patience))).await;
        let after = library.git().and_then(|(_, fetched)| fetched.ok());
        let is_new =
            before.as_ref().map(|fetched| &fetched.commit) != after.as_ref().map(|fetched| &fetched.commit);
        match (result, after) {
            (Ok(Ok(())), Some(fetched)) if is_new => {
                tracing::info!(repository = %shown, commit = %fetched.commit, left_out = fetched.left_out, "runbooks are of a new commit");
            }
            (Ok(Ok(())), _) => {}
            (Ok(Err(reason)), Some(fetched)) => {
                tracing::warn!(repository = %shown, commit = %fetched.commit, %reason, "the runbooks' repository cannot be reached, and the last good commit is used");
            }
            (Ok(Err(reason)), None) => {
                tracing::error!(repository = %shown, %reason, "the runbooks' repository cannot be reached, and nothing of it is here");
            }
            (Err(error), _) => tracing::error!(repository = %shown, %error, "fetching runbooks broke off"),
        }
    }

    /// Keeps the runbooks of a repository up to date until the engine is drained. Where nothing was fetched yet, the first
    /// time is waited for: until then no runbook can be named.
    pub async fn keep_runbooks_fresh(&self) {
        let Some((_, fetched)) = self.library().git() else { return };
        if fetched.is_err() {
            self.refresh_runbooks(Duration::ZERO).await;
        }
        let engine = self.clone();
        self.spawn(Box::pin(async move {
            let mut stop = engine.inner.draining.subscribe();
            while !engine.is_draining() {
                engine.refresh_runbooks(EVERY / 2).await;
                tokio::select! {
                    () = tokio::time::sleep(EVERY) => {}
                    _ = stop.changed() => {}
                }
            }
        }));
    }
}
