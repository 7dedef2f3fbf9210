//! What authentik has for a resource, and to whom it belongs.

use super::halt::Halt;
use super::index::Interest;
use super::plan::{Holder, Known, Owner, Situation};
use super::resource::Resource;
use super::{Engine, Pass};
use crate::authentik::{Key, Object};
use crate::kinds::{Adoption, Body, Declared, FLOWS};

/// So many resources may stand in one circle in which each waits for the next one's place.
const CIRCLE: usize = 1000;

impl Engine {
    /// Looks at authentik itself when a new value of the annotation asks for that. Whether it did.
    pub(super) async fn asked_to_look(&self, pass: &mut Pass, declared: &dyn Declared) -> Result<bool, Halt> {
        let asked = pass.resource.reconcile_at.clone();
        if asked.is_none() || asked == pass.facts.last_handled_reconcile_at {
            return Ok(false);
        }
        let resource = &pass.resource;
        // While authentik is away there is nothing to look at; the request stands.
        if self.usable(resource).await.is_err() {
            return Ok(false);
        }
        let collection = self.collection_of(resource.entry);
        let looked = match (&pass.facts.pk, declared.own_name()) {
            (Some(pk), _) => collection.read(pk, Some(&resource.id)).await,
            (None, Some(name)) => collection.find(&Key::named(collection.endpoint.key[0], name)).await,
            // Its key is known once its references are, and those are looked for.
            (None, None) => Ok(None),
        };
        looked.map_err(|error| self.read_failed(resource, &collection.endpoint, &error))?;
        pass.facts.last_handled_reconcile_at = asked;
        Ok(true)
    }

    /// All that the plan rests on.
    pub(super) async fn observe<'a>(&self, pass: &mut Pass, body: &'a Body) -> Result<Situation<'a>, Halt> {
        let resource = &pass.resource;
        let (id, entry) = (&resource.id, resource.entry);
        let collection = self.collection_of(entry);
        let known = match pass.facts.pk.clone().filter(|_| pass.facts.origin.is_some()) {
            None => Known::Nothing,
            Some(pk) => self.known(resource, &pk).await?,
        };
        let own = match &known {
            Known::Present(object) => Some(object.pk.as_str()),
            Known::Nothing | Known::Gone => None,
        };
        let owner = own.and_then(|pk| self.index.owner(pk)).filter(|owner| owner.id != *id);
        let key = Key::of(entry.endpoint.key, body);
        let (mut holder, mut namesake, mut rival) = (None, None, None);
        if let Some(key) = &key {
            self.index.watch(id, Interest::Key(entry.endpoint.collection, key.clone()));
            if resource.observing {
                self.index.disclaim(id);
            } else {
                self.index.claim(entry.endpoint.collection, id, key.clone());
            }
            holder = collection.mirror().by_key(key).filter(|object| Some(object.pk.as_str()) != own);
            namesake = self.namesake(resource, key, own);
            let rivals = self.index.rivals(entry.endpoint.collection, key, id);
            let senior = rivals.first().filter(|rival| rival.seniority() < resource.seniority());
            rival = senior.map(|rival| rival.id.to_string());
        }
        let protected = [&known_object(&known), &holder.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|object| self.protection(resource, &object.fields))
            .or_else(|| self.protection(resource, body));
        let holder = holder.map(|object| {
            let owner = self.holder_owner(resource, own, key.as_ref(), &object);
            Holder { object, owner }
        });
        self.index.watch(id, Interest::Connection);
        Ok(Situation {
            entry,
            declared: body,
            version: self.connection.version(),
            // Who only looks may look at anything.
            adoption: match resource.observing {
                true => Adoption::Force,
                false => self.policy.adoption(resource.management.adoption),
            },
            known,
            owner: owner.map(|owner| owner.id.to_string()),
            holder,
            namesake,
            rival,
            protected: protected.filter(|_| !resource.observing),
        })
    }

    /// The object with this identifier. That a list lacks it proves nothing: authentik is asked.
    async fn known(&self, resource: &Resource, pk: &str) -> Result<Known, Halt> {
        self.index.watch(&resource.id, Interest::Object(pk.to_owned()));
        let collection = self.collection_of(resource.entry);
        if let Some(object) = collection.mirror().get(pk) {
            return Ok(Known::Present(object));
        }
        self.usable(resource).await?;
        match collection.read(pk, Some(&resource.id)).await {
            Ok(Some(object)) => Ok(Known::Present(object)),
            Ok(None) => Ok(Known::Gone),
            Err(error) => Err(self.read_failed(resource, &collection.endpoint, &error)),
        }
    }

    /// To whom the object belongs that has the key which `resource` declares.
    fn holder_owner(
        &self,
        resource: &Resource,
        own: Option<&str>,
        key: Option<&Key>,
        object: &Object,
    ) -> Owner {
        self.index.watch(&resource.id, Interest::Object(object.pk.clone()));
        let Some(owner) = self.index.owner(&object.pk).filter(|owner| owner.id != resource.id) else {
            return Owner::Nobody;
        };
        let id = owner.id.clone();
        self.index.watch(&resource.id, Interest::of(&id));
        let claim = self.index.claim_of(&id);
        if owner.deleting {
            return Owner::Frees(id.to_string());
        }
        // Who has not said yet what it declares, as right after the start, does not free anything.
        if owner.observing || claim.is_none() || claim.as_ref() == key {
            return Owner::Keeps(id.to_string());
        }
        match (own, key) {
            (Some(own), Some(key)) if self.steps_aside(resource, own, key) => Owner::Waits,
            _ => Owner::Frees(id.to_string()),
        }
    }

    /// Whether `resource` stands in a circle in which each waits for the next one's place, and is the one to step aside. Who
    /// closes the circle may be far away and know nothing of this resource, so each step is watched.
    fn steps_aside(&self, resource: &Resource, own: &str, key: &Key) -> bool {
        if resource.entry.steps_aside.is_none() {
            return false;
        }
        let (id, collection) = (&resource.id, self.collection_of(resource.entry));
        let mirror = collection.mirror();
        let (mut key, mut least) = (key.clone(), true);
        for _ in 0..CIRCLE {
            self.index.watch(id, Interest::Key(collection.endpoint.collection, key.clone()));
            let Some(holder) = mirror.by_key(&key) else { return false };
            if holder.pk == own {
                return least;
            }
            least &= own < holder.pk.as_str();
            self.index.watch(id, Interest::Object(holder.pk.clone()));
            let Some(owner) = self.index.owner(&holder.pk) else { return false };
            self.index.watch(id, Interest::of(&owner.id));
            let Some(next) = self.index.claim_of(&owner.id).filter(|next| *next != key) else { return false };
            key = next;
        }
        false
    }

    /// Why the operator may not touch an object with these fields.
    pub(super) fn protection(&self, resource: &Resource, fields: &Body) -> Option<String> {
        let entry = resource.entry;
        let text = |field: &str| fields.get(field).and_then(|value| value.as_str());
        if entry.endpoint.collection == FLOWS.collection {
            return self.policy.protects(text(FLOWS.key[0])?);
        }
        let flow = self.collection(FLOWS.collection).mirror().get(text(entry.flow?)?)?;
        self.policy.protects(flow.text(FLOWS.key[0])?)
    }
}

fn known_object(known: &Known) -> Option<&Object> {
    match known {
        Known::Present(object) => Some(object),
        Known::Nothing | Known::Gone => None,
    }
}

#[cfg(test)]
mod tests;
