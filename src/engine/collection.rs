//! One of authentik's collections: the copy of its list, and what is read and written of single objects.
//!
//! Whatever authentik answers goes into the copy, and wakes whom it concerns.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::index::{Index, Interest};
use super::resource::Id;
use crate::authentik::{Client, Error, Key, Mirror, Object};
use crate::kinds::{Address, Body, Change, Endpoint, Entry, Field, STAGES};

/// A list that takes no longer is read as readily as a single object.
const CHEAP: Duration = Duration::from_millis(500);

/// A collection, read and written.
pub(crate) struct Collection {
    /// Where it is.
    pub(crate) endpoint: Endpoint,
    client: Client,
    index: Arc<Index>,
    mirror: Mirror,
    /// The collection of all stages, for one of a kind of stages.
    stages: Option<Arc<Collection>>,
    /// Why the list could not be read the last time.
    failure: Mutex<Option<Error>>,
    /// Held while the list is read because it is old.
    freshening: tokio::sync::Mutex<()>,
}

impl Collection {
    /// The collection of all stages.
    pub(crate) fn of_stages(client: Client, index: Arc<Index>) -> Self {
        Self::new(STAGES, &[], client, index, None)
    }

    /// The collection of a kind.
    pub(crate) fn of_kind(entry: &Entry, client: Client, index: Arc<Index>, stages: &Arc<Self>) -> Self {
        let stages = entry.stage.then(|| Arc::clone(stages));
        Self::new(entry.endpoint, entry.fields, client, index, stages)
    }

    fn new(
        endpoint: Endpoint,
        fields: &[Field],
        client: Client,
        index: Arc<Index>,
        stages: Option<Arc<Self>>,
    ) -> Self {
        let names = fields.iter().map(|field| field.name);
        let ordering = endpoint.ordering();
        let mirror = Mirror::new(client.clone(), endpoint.collection, ordering, endpoint.key, names);
        Self {
            endpoint,
            client,
            index,
            mirror,
            stages,
            failure: Mutex::default(),
            freshening: Default::default(),
        }
    }

    /// The copy of the list.
    pub(crate) fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// Reads the list and wakes whom changes concern. Returns how many managed objects vanished from a first list, if they
    /// were suspiciously many.
    ///
    /// # Errors
    /// When it cannot be read; the copy stays.
    pub(crate) async fn refresh(&self) -> Result<usize, Error> {
        let first = !self.mirror.is_read();
        match self.mirror.refresh(|pk| self.index.is_kept(pk)).await {
            Ok(changes) => {
                self.set_failure(None);
                for object in &changes.appeared {
                    self.changed(None, Some(object), None);
                }
                for (before, after) in &changes.changed {
                    self.changed(Some(before), Some(after), None);
                }
                for object in &changes.missing {
                    self.changed(Some(object), None, None);
                }
                if first {
                    self.index.wake(&Interest::Collection(self.endpoint.collection));
                }
                Ok(changes.vanished)
            }
            Err(error) => {
                self.set_failure(Some(error.clone()));
                if first {
                    self.index.wake(&Interest::Collection(self.endpoint.collection));
                }
                Err(error)
            }
        }
    }

    /// Whether the copy of the list is not older than that.
    pub(crate) fn is_young(&self, age: Duration) -> bool {
        self.mirror.age().is_some_and(|now| now <= age)
    }

    /// Reads the list when it is older than that and cheap to read: one reading serves all who are about to make something.
    /// Whether it is young then.
    pub(crate) async fn freshen(&self, age: Duration) -> bool {
        let _one_at_a_time = self.freshening.lock().await;
        if self.is_young(age) {
            return true;
        }
        self.mirror.took().is_some_and(|took| took <= CHEAP) && self.refresh().await.is_ok()
    }

    /// Why the list could not be read the last time.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_failure(&self, failure: Option<Error>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// The object with this identifier as authentik has it now; none when it says that there is none.
    ///
    /// # Errors
    /// When authentik does not say.
    pub(crate) async fn read(&self, pk: &str, author: Option<&Id>) -> Result<Option<Object>, Error> {
        let found = match self.endpoint.address {
            Address::Pk => found(self.client.get::<Object>(self.endpoint.collection, pk).await)?,
            Address::Field { field, filter } => self.read_by_filter(pk, field, filter).await?,
        };
        match found.filter(|object| object.pk == pk) {
            Some(object) => Ok(Some(self.take(object, author))),
            None => {
                self.gone(pk, author);
                Ok(None)
            }
        }
    }

    /// For objects that are addressed by what may change: the list tells where the object is now. When it lacks the object,
    /// the last known address has to lack it as well.
    async fn read_by_filter(&self, pk: &str, field: &str, filter: &str) -> Result<Option<Object>, Error> {
        let query = [(filter, pk)];
        let listed =
            self.client.find(self.endpoint.collection, &query, |object: &Object| object.pk == pk).await;
        if let Some(object) = listed?.into_iter().next() {
            return Ok(Some(object));
        }
        // The copy of the list may lack it by now; its owner's status knows how it was called.
        let listed = self.mirror.get(pk).and_then(|object| object.text(field).map(str::to_owned));
        let last = listed.or_else(|| self.index.owner(pk)?.status.slug.clone());
        match last {
            Some(address) => found(self.client.get(self.endpoint.collection, &address).await),
            None => Ok(None),
        }
    }

    /// The object with this natural key as authentik has it now.
    ///
    /// # Errors
    /// When authentik does not say.
    pub(crate) async fn find(&self, key: &Key) -> Result<Option<Object>, Error> {
        let same = |object: &Object| Key::of(self.endpoint.key, &object.fields).as_ref() == Some(key);
        let listed = match self.client.find(self.endpoint.collection, &key.query(), same).await {
            // A filter by an identifier that authentik does not know is refused.
            Err(Error::Rejected { .. }) => Vec::new(),
            listed => listed?,
        };
        match listed.into_iter().next() {
            Some(object) => Ok(Some(self.take(object, None))),
            None => {
                if let Some(stale) = self.mirror.by_key(key) {
                    self.read(&stale.pk, None).await?;
                }
                Ok(None)
            }
        }
    }

    /// Makes an object.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub(crate) async fn create(&self, body: &Body, author: &Id) -> Result<Object, Error> {
        let object = self.client.create(self.endpoint.collection, body).await?;
        Ok(self.take(object, Some(author)))
    }

    /// Changes an object that was just read.
    ///
    /// # Errors
    /// As [`Client::patch`] and [`Client::replace`].
    pub(crate) async fn change(
        &self,
        object: &Object,
        change: Change,
        body: &Body,
        author: &Id,
    ) -> Result<Object, Error> {
        let (collection, address) = (self.endpoint.collection, self.address(object));
        let object = match change {
            Change::Patch => self.client.patch(collection, address, body).await?,
            Change::Put => self.client.replace(collection, address, body).await?,
        };
        Ok(self.take(object, Some(author)))
    }

    /// Deletes an object that was just read.
    ///
    /// # Errors
    /// As [`Client::delete`].
    pub(crate) async fn delete(&self, object: &Object) -> Result<(), Error> {
        self.client.delete(self.endpoint.collection, self.address(object)).await
    }

    /// What addresses an object in a URL.
    pub(crate) fn address<'a>(&self, object: &'a Object) -> &'a str {
        match self.endpoint.address {
            Address::Pk => &object.pk,
            Address::Field { field, .. } => object.text(field).unwrap_or(&object.pk),
        }
    }

    /// The object is not there any more, as authentik said.
    pub(crate) fn gone(&self, pk: &str, author: Option<&Id>) {
        let before = self.mirror.remove(pk);
        self.changed(before.as_ref(), None, author);
        if let Some(stages) = &self.stages {
            stages.gone(pk, author);
        }
    }

    fn take(&self, object: Object, author: Option<&Id>) -> Object {
        let (object, before) = self.mirror.put(object);
        self.changed(before.as_ref(), Some(&object), author);
        if let Some(stages) = &self.stages {
            stages.take(object.clone(), author);
        }
        object
    }

    fn changed(&self, before: Option<&Object>, after: Option<&Object>, author: Option<&Id>) {
        let Endpoint { collection, key, .. } = self.endpoint;
        self.index.object_changed(collection, key, before, after, author);
    }
}

/// An object, or none where authentik says that there is none.
fn found(read: Result<Object, Error>) -> Result<Option<Object>, Error> {
    match read {
        Ok(object) => Ok(Some(object)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
