//! From a reference to a UUID, or to what is waited for.

use super::Engine;
use super::halt::Halt;
use super::index::Interest;
use super::resource::{Id, Resource};
use super::retry::Retry;
use super::status::Verdict;
use crate::authentik::{Key, Object};
use crate::kinds::{Declared, Identifiers, Reason, Reference, STAGES};

impl Engine {
    /// The UUIDs of all that the resource refers to. `look` asks authentik itself for what the copies of its lists lack.
    ///
    /// # Errors
    /// What is waited for; or that it cannot be told now.
    pub(super) async fn resolve(
        &self,
        resource: &Resource,
        declared: &dyn Declared,
        look: bool,
    ) -> Result<Identifiers, Halt> {
        let references = declared.references();
        let mut found = Vec::with_capacity(references.len());
        for reference in references {
            let pk = match reference.in_authentik() {
                None => self.resolve_resource(resource, &reference)?,
                Some((endpoint, called)) => {
                    let collection = self.collection(endpoint.collection);
                    self.readable(resource, collection)?;
                    let key = Key::named(endpoint.key[0], called);
                    self.index.watch(&resource.id, Interest::Key(endpoint.collection, key.clone()));
                    self.index.watch(&resource.id, Interest::Object(called.to_owned()));
                    let mirror = collection.mirror();
                    let known = || mirror.get(called).or_else(|| mirror.by_key(&key));
                    let object = match known() {
                        None if look => self.look(resource, &reference, &key).await?,
                        known => known,
                    };
                    object.map(|object| object.pk).ok_or_else(|| missing(&reference))?
                }
            };
            found.push((reference, pk));
        }
        Ok(found.into_iter().collect())
    }

    /// Asks authentik for what a reference names, which may have been made after its list was read.
    async fn look(
        &self,
        resource: &Resource,
        reference: &Reference,
        key: &Key,
    ) -> Result<Option<Object>, Halt> {
        let Some((endpoint, called)) = reference.in_authentik() else { return Ok(None) };
        if self.connection.failure().is_some() {
            return Ok(None);
        }
        let collection = self.collection(endpoint.collection);
        let read = async {
            match uuid::Uuid::try_parse(called) {
                Ok(_) => collection.read(called, None).await,
                Err(_) => collection.find(key).await,
            }
        };
        read.await.map_err(|error| self.read_failed(resource, &collection.endpoint, &error))
    }

    fn resolve_resource(&self, resource: &Resource, reference: &Reference) -> Result<String, Halt> {
        if let Some((kind, namespace, name)) = resource.id.of_reference(reference) {
            self.index.watch(&resource.id, Interest::Resource(kind, namespace, name));
        }
        let Some(referred) = self.index.referred(&resource.id, reference) else {
            return Err(missing(reference));
        };
        let not_ready = |why: &str| {
            Halt::Verdict(Verdict::new(Reason::ReferenceNotReady, format!("waits for {reference}: {why}")))
        };
        if referred.deleting {
            let message = format!("{reference} is being deleted");
            return Err(Halt::Verdict(Verdict::new(Reason::ReferenceNotFound, message)));
        }
        if let Some(path) = self.index.cycle(&resource.id) {
            // Whichever of them is changed can open the circle.
            path.iter().for_each(|id| self.index.watch(&resource.id, Interest::of(id)));
            let verdict = Verdict::new(Reason::Invalid, circle(&path)).retry(Retry::Slowly);
            return Err(Halt::Verdict(verdict));
        }
        let Some(pk) = referred.status.pk.clone() else {
            return Err(not_ready("authentik does not have it yet"));
        };
        self.index.watch(&resource.id, Interest::Object(pk.clone()));
        let collection = self.collection_of(referred.entry);
        self.readable(resource, collection)?;
        match collection.mirror().get(&pk) {
            Some(_) => Ok(pk),
            None => Err(not_ready("authentik does not have its object any more")),
        }
    }

    /// What a resource that waits for others, or was not looked at yet, will declare to be called once they have what they
    /// declare.
    ///
    /// # Errors
    /// When `asking` has to wait until that can be told.
    pub(super) fn foreseen(&self, resource: &Resource, asking: &Resource) -> Result<Option<Key>, Halt> {
        let Ok(declared) = &resource.declared else { return Ok(None) };
        let mut found = Vec::new();
        for reference in declared.references() {
            let Some(pk) = self.foreseen_pk(resource, &reference, asking)? else { return Ok(None) };
            found.push((reference, pk));
        }
        let body = declared.body(&found.into_iter().collect()).ok();
        Ok(body.and_then(|body| Key::of(resource.entry.endpoint.key, &body)))
    }

    fn foreseen_pk(
        &self,
        resource: &Resource,
        reference: &Reference,
        asking: &Resource,
    ) -> Result<Option<String>, Halt> {
        let (collection, pk, key) = match reference.in_authentik() {
            Some((endpoint, called)) => {
                let key = Key::named(endpoint.key[0], called);
                (self.collection(endpoint.collection), Some(called.to_owned()), Some(key))
            }
            None => {
                let referred = self.index.referred(&resource.id, reference).filter(|it| !it.deleting);
                let Some(referred) = referred else { return Ok(None) };
                let collection = self.collection_of(referred.entry);
                (collection, referred.status.pk.clone(), self.index.claim_of(&referred.id))
            }
        };
        self.readable(asking, collection)?;
        let mirror = collection.mirror();
        let object = pk.and_then(|pk| mirror.get(&pk)).or_else(|| mirror.by_key(&key?));
        Ok(object.map(|object| object.pk))
    }

    /// What else in authentik has the name that a stage is to have: names are unique over all kinds of stages.
    pub(super) fn namesake(&self, resource: &Resource, key: &Key, own: Option<&str>) -> Option<String> {
        if !resource.entry.stage {
            return None;
        }
        self.index.watch(&resource.id, Interest::Key(STAGES.collection, key.clone()));
        let stage = self.collection(STAGES.collection).mirror().by_key(key)?;
        let of_this_kind = self.collection_of(resource.entry).mirror().get(&stage.pk).is_some();
        let other = !of_this_kind && own != Some(stage.pk.as_str());
        other.then(|| {
            format!(
                "authentik already has a stage of another kind with the {key}: names are unique over all kinds of stages"
            )
        })
    }
}

fn missing(reference: &Reference) -> Halt {
    Halt::Verdict(Verdict::new(Reason::ReferenceNotFound, format!("there is no {}", bare(reference))))
}

/// A reference without its article.
fn bare(reference: &Reference) -> String {
    let text = reference.to_string();
    text.strip_prefix("the ").map(str::to_owned).unwrap_or(text)
}

fn circle(path: &[Id]) -> String {
    let names: Vec<String> = path.iter().map(|id| format!("{} {}", id.kind, id.name)).collect();
    format!(
        "these resources refer to each other in a circle, so that none can be made first: {}",
        names.join(" -> ")
    )
}

#[cfg(test)]
mod tests;
