//! One copy of one of authentik's lists, so that many who ask cost authentik one reading.
//!
//! Lists are dear on a real server (a page of bindings can take seconds), so the copy is read again only from
//! time to time, and the answers to the client's own writes go into it in between. A list is not the truth: an
//! object that is missing from it is gone only when reading that object says so.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::client::Client;
use super::error::Error;

/// A copy is read again after this time at the soonest.
const SOONEST: Duration = Duration::from_secs(60);
/// A reading may take one part in so many of the time until the next.
const SHARE: u32 = 50;
/// A copy is read again after this time at the latest, however long that takes.
const LATEST: Duration = Duration::from_secs(15 * 60);
/// So many managed objects may vanish in one reading without a second look...
const INCONSPICUOUS: usize = 5;
/// ...and so may one in this many.
const INCONSPICUOUS_PART: usize = 10;

/// What is kept of an object. Two that are equal show no change.
pub trait Row: DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    /// authentik's identifier, which stays when name, slug or order change.
    fn pk(&self) -> &str;
}

/// A copy of a collection's list.
pub struct Mirror<T> {
    client: Client,
    collection: &'static str,
    ordering: &'static str,
    copy: RwLock<Copy<T>>,
    /// Held while the list is read: one reading serves all who want one.
    reading: tokio::sync::Mutex<()>,
}

struct Copy<T> {
    rows: BTreeMap<String, T>,
    /// What was written here while a reading is under way: the list may be older. None is an object deleted.
    meanwhile: Option<BTreeMap<String, Option<T>>>,
    /// How long the last reading took; none before the first.
    took: Option<Duration>,
}

/// What a reading found changed, against the copy before it and without the client's own writes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Objects that were not there.
    pub appeared: Vec<String>,
    /// Objects that are not as they were.
    pub changed: Vec<String>,
    /// Objects that the list no longer has. Reading each tells whether it is gone.
    pub missing: Vec<String>,
    /// How many managed objects a first list lacked, when they were so many that it was read again; 0 otherwise.
    /// What the second list has is in none of the above.
    pub vanished: usize,
}

impl<T: Row> Mirror<T> {
    /// A mirror of `collection`, empty until its first [`refresh`](Self::refresh). `ordering` should name a unique
    /// field.
    pub fn new(client: Client, collection: &'static str, ordering: &'static str) -> Self {
        let copy = RwLock::new(Copy { rows: BTreeMap::new(), meanwhile: None, took: None });
        Self { client, collection, ordering, copy, reading: tokio::sync::Mutex::default() }
    }

    /// Reads the list. `managed` says of an identifier whether its object is looked after: when more than five and
    /// more than a tenth of those vanish at once, the list is read a second time before it is believed.
    ///
    /// # Errors
    /// When the list cannot be read; the copy stays as it was.
    pub async fn refresh(&self, managed: impl Fn(&str) -> bool) -> Result<Changes, Error> {
        let _one_at_a_time = self.reading.lock().await;
        let reading = Reading::begin(&self.copy);
        let started = Instant::now();
        let mut listed = self.list().await?;
        let mut took = started.elapsed();
        let vanished = self.vanished(&listed, managed);
        if vanished > 0 {
            let started = Instant::now();
            listed = self.list().await?;
            took = started.elapsed();
        }
        Ok(reading.end(listed, took, vanished))
    }

    async fn list(&self) -> Result<BTreeMap<String, T>, Error> {
        let rows = self.client.list::<T>(self.collection, &[], self.ordering).await?;
        Ok(rows.into_iter().map(|row| (row.pk().to_owned(), row)).collect())
    }

    /// How many managed objects the list lacks, if they are suspiciously many.
    fn vanished(&self, listed: &BTreeMap<String, T>, managed: impl Fn(&str) -> bool) -> usize {
        let copy = read(&self.copy);
        let managed: Vec<&String> = copy.rows.keys().filter(|pk| managed(pk)).collect();
        let vanished = managed.iter().filter(|pk| !listed.contains_key(**pk)).count();
        let many = vanished > INCONSPICUOUS && vanished * INCONSPICUOUS_PART > managed.len();
        if many { vanished } else { 0 }
    }

    /// The object with this identifier, as it was last seen.
    pub fn get(&self, pk: &str) -> Option<T> {
        read(&self.copy).rows.get(pk).cloned()
    }

    /// The objects that `wanted` accepts, by identifier.
    pub fn find(&self, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        read(&self.copy).rows.values().filter(|row| wanted(row)).cloned().collect()
    }

    /// Takes over an object as authentik just answered it, to a write or to the reading of it alone.
    pub fn put(&self, row: T) {
        self.note(row.pk().to_owned(), Some(row));
    }

    /// Forgets an object that authentik just said is not there.
    pub fn remove(&self, pk: &str) {
        self.note(pk.to_owned(), None);
    }

    fn note(&self, pk: String, row: Option<T>) {
        let mut copy = write(&self.copy);
        if let Some(meanwhile) = &mut copy.meanwhile {
            meanwhile.insert(pk.clone(), row.clone());
        }
        match row {
            Some(row) => drop(copy.rows.insert(pk, row)),
            None => drop(copy.rows.remove(&pk)),
        }
    }

    /// Whether the list was read at least once: before, nothing that is missing here means anything.
    pub fn is_read(&self) -> bool {
        read(&self.copy).took.is_some()
    }

    /// How long to wait after a reading until the next: a minute, or fifty times what the last one took, and a
    /// quarter of an hour at most.
    pub fn interval(&self) -> Duration {
        interval(read(&self.copy).took.unwrap_or_default())
    }
}

fn interval(took: Duration) -> Duration {
    took.saturating_mul(SHARE).clamp(SOONEST, LATEST)
}

/// A reading under way; what is written meanwhile is remembered until it ends, also when it fails or is given up.
struct Reading<'a, T> {
    copy: &'a RwLock<Copy<T>>,
}

impl<'a, T: Row> Reading<'a, T> {
    fn begin(copy: &'a RwLock<Copy<T>>) -> Self {
        write(copy).meanwhile = Some(BTreeMap::new());
        Self { copy }
    }

    /// Makes the list the copy, but for what was written meanwhile.
    fn end(self, mut listed: BTreeMap<String, T>, took: Duration, vanished: usize) -> Changes {
        let mut copy = write(self.copy);
        let meanwhile = copy.meanwhile.take().unwrap_or_default();
        let is_news = |pk: &String| !meanwhile.contains_key(pk);
        let mut changes = Changes { vanished, ..Changes::default() };
        for (pk, row) in listed.iter().filter(|(pk, _)| is_news(pk)) {
            match copy.rows.get(pk) {
                None => changes.appeared.push(pk.clone()),
                Some(known) if known != row => changes.changed.push(pk.clone()),
                Some(_) => {}
            }
        }
        let missing = copy.rows.keys().filter(|pk| is_news(pk) && !listed.contains_key(*pk));
        changes.missing = missing.cloned().collect();
        for (pk, row) in meanwhile {
            match row {
                Some(row) => drop(listed.insert(pk, row)),
                None => drop(listed.remove(&pk)),
            }
        }
        copy.rows = listed;
        copy.took = Some(took);
        changes
    }
}

impl<T> Drop for Reading<'_, T> {
    fn drop(&mut self) {
        write(self.copy).meanwhile = None;
    }
}

/// The copy is whole between any two of its changes, so a panic elsewhere does not spoil it.
fn read<T>(copy: &RwLock<Copy<T>>) -> RwLockReadGuard<'_, Copy<T>> {
    copy.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(copy: &RwLock<Copy<T>>) -> RwLockWriteGuard<'_, Copy<T>> {
    copy.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::interval;

    #[test]
    fn a_dear_list_is_read_less_often_up_to_a_ceiling() {
        for (took, wait) in
            [(0.0, 60.0), (1.0, 60.0), (1.3, 65.0), (10.0, 500.0), (18.0, 900.0), (600.0, 900.0)]
        {
            assert_eq!(interval(Duration::from_secs_f64(took)), Duration::from_secs_f64(wait), "{took} s");
        }
        assert_eq!(interval(Duration::MAX), Duration::from_secs(900));
    }
}
