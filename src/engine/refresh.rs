//! Reading authentik's lists again and again, so that what others change is found.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Engine;
use super::collection::Collection;
use super::retry::exponential;

impl Engine {
    /// Keeps the copy of one list fresh until `shutdown`: at the start, after each outage, and at intervals that follow from
    /// what a reading costs.
    pub(super) async fn keep_fresh(&self, collection: &Collection, shutdown: &CancellationToken) {
        let mut delays = exponential();
        let turns = async {
            loop {
                self.connection.wait_up().await;
                let epoch = self.connection.epoch();
                let wait = match self.read_list(collection).await {
                    Some(interval) => {
                        delays = exponential();
                        interval
                    }
                    None => delays.next().unwrap_or(self.refresh_at_most),
                };
                tokio::select! {
                    () = sleep(wait) => {}
                    () = self.connection.reconnected(epoch) => {}
                }
            }
        };
        shutdown.run_until_cancelled(turns).await;
    }

    /// Reads the list once. Returns when to read it next; none when it could not be read.
    async fn read_list(&self, collection: &Collection) -> Option<Duration> {
        let name = collection.endpoint.collection;
        let before = collection.failure().map(|error| error.to_string());
        match collection.refresh().await {
            Ok(vanished) => {
                if vanished > 0 {
                    warn!(
                        collection = name,
                        vanished,
                        "many managed objects were missing from a list, which was read a second time"
                    );
                }
                let mirror = collection.mirror();
                let interval = mirror.interval(self.refresh_at_most);
                self.metrics.mirror_read(name, mirror.len(), mirror.took().unwrap_or_default(), interval);
                Some(interval)
            }
            Err(error) => {
                self.connection.suspect(&error);
                // The same failure again and again is one line.
                if before != Some(error.to_string()) {
                    warn!(collection = name, %error, "a list of authentik's could not be read: what was known of it stays");
                }
                None
            }
        }
    }

    /// All collections.
    pub(super) fn collections(&self) -> impl Iterator<Item = &Collection> {
        self.collections.values().map(AsRef::as_ref)
    }
}
