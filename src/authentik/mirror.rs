//! One copy of one of authentik's lists, so that many who ask cost authentik one reading.
//!
//! Lists are dear on a real server (a page of bindings can take seconds), so the copy is read again only from
//! time to time, and the answers to the client's own writes go into it in between. A list is not the truth: an
//! object that is missing from it is gone only when reading that object says so.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use super::client::Client;
use super::error::Error;
use super::key::Key;
use super::object::Object;

/// A copy is read again after this time at the soonest.
const SOONEST: Duration = Duration::from_secs(60);
/// A reading may take one part in so many of the time until the next.
const SHARE: u32 = 50;
/// So many managed objects may vanish in one reading without a second look...
const INCONSPICUOUS: usize = 5;
/// ...and so may one in this many.
const INCONSPICUOUS_PART: usize = 10;

/// A copy of a collection's list.
pub struct Mirror {
    client: Client,
    collection: &'static str,
    ordering: &'static str,
    /// What is kept of an object. Fields that change at each reading must not be among them.
    fields: Vec<&'static str>,
    key: &'static [&'static str],
    copy: RwLock<Copy>,
    /// Held while the list is read: one reading serves all who want one.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Copy {
    rows: Rows,
    /// What was written here while a reading is under way: the list may be older. None is an object deleted.
    meanwhile: Option<HashMap<String, Option<Object>>>,
    /// How long the last reading took; none before the first.
    took: Option<Duration>,
    /// When the last reading began.
    begun: Option<Instant>,
}

/// Objects by identifier and by natural key.
#[derive(Default)]
struct Rows {
    by_pk: HashMap<String, Object>,
    by_key: HashMap<Key, BTreeSet<String>>,
}

/// What a reading found changed, against the copy before it and without the client's own writes.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Changes {
    /// Objects that were not there.
    pub appeared: Vec<Object>,
    /// Objects that are not as they were: before, after.
    pub changed: Vec<(Object, Object)>,
    /// Objects that the list no longer has. Reading each tells whether it is gone.
    pub missing: Vec<Object>,
    /// How many managed objects a first list lacked, when they were so many that it was read again; 0 otherwise.
    /// What the second list has is in none of the above.
    pub vanished: usize,
}

impl Mirror {
    /// A mirror of `collection`, empty until its first [`refresh`](Self::refresh). `ordering` should name a unique
    /// field, `key` the fields of the natural key. Of an object, `fields` and the key are kept.
    pub fn new(
        client: Client,
        collection: &'static str,
        ordering: &'static str,
        key: &'static [&'static str],
        fields: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let fields = fields.into_iter().chain(key.iter().copied()).collect();
        Self {
            client,
            collection,
            ordering,
            fields,
            key,
            copy: RwLock::default(),
            reading: Default::default(),
        }
    }

    /// Reads the list. `managed` says of an identifier whether its object is looked after: when more than five and
    /// more than a tenth of those vanish at once, the list is read a second time before it is believed.
    ///
    /// # Errors
    /// When the list cannot be read; the copy stays as it was.
    pub async fn refresh(&self, managed: impl Fn(&str) -> bool) -> Result<Changes, Error> {
        let _one_at_a_time = self.reading.lock().await;
        let reading = Reading::begin(self);
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

    async fn list(&self) -> Result<HashMap<String, Object>, Error> {
        let rows = self.client.list::<Object>(self.collection, &[], self.ordering).await?;
        Ok(rows.into_iter().map(|row| (row.pk.clone(), row.only(&self.fields))).collect())
    }

    /// How many managed objects the list lacks, if they are suspiciously many.
    fn vanished(&self, listed: &HashMap<String, Object>, managed: impl Fn(&str) -> bool) -> usize {
        let copy = self.read();
        let managed: Vec<&String> = copy.rows.by_pk.keys().filter(|pk| managed(pk)).collect();
        let vanished = managed.iter().filter(|pk| !listed.contains_key(**pk)).count();
        let many = vanished > INCONSPICUOUS && vanished * INCONSPICUOUS_PART > managed.len();
        if many { vanished } else { 0 }
    }

    /// The object with this identifier, as it was last seen.
    pub fn get(&self, pk: &str) -> Option<Object> {
        self.read().rows.by_pk.get(pk).cloned()
    }

    /// The object with this natural key, as it was last seen.
    pub fn by_key(&self, key: &Key) -> Option<Object> {
        let copy = self.read();
        let pk = copy.rows.by_key.get(key)?.first()?;
        copy.rows.by_pk.get(pk).cloned()
    }

    /// The objects that `wanted` accepts.
    pub fn find(&self, wanted: impl Fn(&Object) -> bool) -> Vec<Object> {
        self.read().rows.by_pk.values().filter(|row| wanted(row)).cloned().collect()
    }

    /// Takes over an object as authentik just answered it, to a write or to the reading of it alone. Returns what is
    /// kept of it, and what it was before.
    pub fn put(&self, object: Object) -> (Object, Option<Object>) {
        let object = object.only(&self.fields);
        let before = self.note(object.pk.clone(), Some(object.clone()));
        (object, before)
    }

    /// Forgets an object that authentik just said is not there. Returns what it was.
    pub fn remove(&self, pk: &str) -> Option<Object> {
        self.note(pk.to_owned(), None)
    }

    fn note(&self, pk: String, row: Option<Object>) -> Option<Object> {
        let mut copy = self.write();
        if let Some(meanwhile) = &mut copy.meanwhile {
            meanwhile.insert(pk.clone(), row.clone());
        }
        copy.rows.set(self.key, &pk, row)
    }

    /// Whether the list was read at least once: before, nothing that is missing here means anything.
    pub fn is_read(&self) -> bool {
        self.read().took.is_some()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.read().rows.by_pk.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long the last reading took; none before the first.
    pub fn took(&self) -> Option<Duration> {
        self.read().took
    }

    /// How long ago the last reading began; none before the first.
    pub fn age(&self) -> Option<Duration> {
        self.read().begun.map(|begun| begun.elapsed())
    }

    /// How long to wait after a reading until the next: a minute, or fifty times what the last one took, and `latest`
    /// at most.
    pub fn interval(&self, latest: Duration) -> Duration {
        interval(self.took().unwrap_or_default(), latest)
    }

    /// The copy is whole between any two of its changes, so a panic elsewhere does not spoil it.
    fn read(&self) -> RwLockReadGuard<'_, Copy> {
        self.copy.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Copy> {
        self.copy.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// Puts an object or takes it away. Returns what was there.
    fn set(&mut self, key: &[&'static str], pk: &str, row: Option<Object>) -> Option<Object> {
        let before = match &row {
            Some(row) => self.by_pk.insert(pk.to_owned(), row.clone()),
            None => self.by_pk.remove(pk),
        };
        if let Some(old) = before.as_ref().and_then(|row| Key::of(key, &row.fields))
            && let Some(holders) = self.by_key.get_mut(&old)
        {
            holders.remove(pk);
            if holders.is_empty() {
                self.by_key.remove(&old);
            }
        }
        if let Some(new) = row.as_ref().and_then(|row| Key::of(key, &row.fields)) {
            self.by_key.entry(new).or_default().insert(pk.to_owned());
        }
        before
    }
}

fn interval(took: Duration, latest: Duration) -> Duration {
    took.saturating_mul(SHARE).max(SOONEST).min(latest)
}

/// A reading under way; what is written meanwhile is remembered until it ends, also when it fails or is given up.
struct Reading<'a> {
    mirror: &'a Mirror,
}

impl<'a> Reading<'a> {
    fn begin(mirror: &'a Mirror) -> Self {
        mirror.write().meanwhile = Some(HashMap::new());
        Self { mirror }
    }

    /// Makes the list the copy, but for what was written meanwhile.
    fn end(self, mut listed: HashMap<String, Object>, took: Duration, vanished: usize) -> Changes {
        let mut copy = self.mirror.write();
        copy.begun = Instant::now().checked_sub(took);
        for (pk, row) in copy.meanwhile.take().unwrap_or_default() {
            match row {
                Some(row) => drop(listed.insert(pk, row)),
                None => drop(listed.remove(&pk)),
            }
        }
        let mut changes = Changes { vanished, ..Changes::default() };
        let gone: Vec<String> =
            copy.rows.by_pk.keys().filter(|pk| !listed.contains_key(*pk)).cloned().collect();
        for pk in gone {
            changes.missing.extend(copy.rows.set(self.mirror.key, &pk, None));
        }
        for (pk, row) in listed {
            match copy.rows.by_pk.get(&pk) {
                Some(known) if *known == row => continue,
                Some(known) => changes.changed.push((known.clone(), row.clone())),
                None => changes.appeared.push(row.clone()),
            }
            copy.rows.set(self.mirror.key, &pk, Some(row));
        }
        copy.took = Some(took);
        changes
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.mirror.write().meanwhile = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::interval;

    #[test]
    fn a_dear_list_is_read_less_often_up_to_a_ceiling() {
        let latest = Duration::from_secs(900);
        for (took, wait) in
            [(0.0, 60.0), (1.0, 60.0), (1.3, 65.0), (10.0, 500.0), (18.0, 900.0), (600.0, 900.0)]
        {
            let took = Duration::from_secs_f64(took);
            assert_eq!(interval(took, latest), Duration::from_secs_f64(wait), "{took:?}");
        }
        assert_eq!(interval(Duration::MAX, latest), latest);
        assert_eq!(interval(Duration::ZERO, Duration::from_secs(1)), Duration::from_secs(1));
    }
}
