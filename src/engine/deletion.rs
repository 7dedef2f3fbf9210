//! Letting go of a resource: what happens to its object, and what would break.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cluster::Happening;
use super::compare::hash;
use super::halt::Halt;
use super::index::Interest;
use super::resource::Resource;
use super::retry::Retry;
use super::status::{Verdict, reason};
use super::{Engine, Pass};
use crate::authentik::{Error, Key, Object, Outcome, UsedBy, UsedByAction};
use crate::kinds::{Address, Entry, FLOWS, FORCE_DELETE, Reason, Referrer};

/// So many users of an object are named.
const NAMED: usize = 8;

impl Engine {
    /// Deletes the object, or leaves it, and lets the resource go. None when it is gone.
    pub(super) async fn part(&self, pass: &mut Pass) -> Result<Option<Verdict>, Halt> {
        if !pass.resource.is_held() {
            return Ok(None);
        }
        if !pass.resource.deletes() {
            return self.retain(pass, "it stays in authentik").await;
        }
        self.listed(&pass.resource)?;
        if pass.resource.entry.flow.is_some() {
            // Whether its flow may be touched is in there.
            self.readable(&pass.resource, self.collection(FLOWS.collection))?;
        }
        self.announce(pass).await?;
        let Some(object) = self.to_be_deleted(pass).await? else {
            return self.let_go(pass).await;
        };
        if let Some(heir) = self.heir(&pass.resource, &object)? {
            return self.retain(pass, &format!("it stays in authentik, for {heir}")).await;
        }
        if let Some(why) = self.protection(&pass.resource, &object.fields) {
            return Err(Verdict::new(Reason::Forbidden, why).into());
        }
        let users = self.users(&pass.resource, &object).await?;
        let objections = users.objections();
        if let Some(objections) = &objections
            && !pass.resource.forced
        {
            let message = format!("not deleted in authentik: {objections}");
            return Err(Verdict::new(Reason::InUse, message).retry(Retry::Backoff).into());
        }
        self.delete(pass, &object).await?;
        let mut note = "deleted in authentik".to_owned();
        if let Some(objections) = objections {
            note = format!("deleted in authentik, as {FORCE_DELETE} asked for, although {objections}");
            self.cluster.warn(&pass.resource, "ForceDeleted", &note);
        }
        self.cluster.tell(&pass.resource, Happening::Deleted, &note);
        self.let_go(pass).await
    }

    /// Says that the resource is on its way out, unless it already says why it is not gone yet.
    async fn announce(&self, pass: &mut Pass) -> Result<(), Halt> {
        let parting = [Reason::Deleting, Reason::InUse, Reason::Unreachable, Reason::Forbidden];
        let said = reason(&pass.resource.status);
        if said.is_some_and(|said| parting.iter().any(|reason| reason.as_str() == said)) {
            return Ok(());
        }
        let verdict = Verdict::new(Reason::Deleting, "is being deleted in authentik");
        let status = pass.status(&verdict);
        Ok(self.write_status(pass, &status).await?)
    }

    /// The object as authentik has it now; none when there is none that is the resource's own.
    async fn to_be_deleted(&self, pass: &Pass) -> Result<Option<Object>, Halt> {
        let resource = &pass.resource;
        let collection = self.collection_of(resource.entry);
        let failed = |error| self.read_failed(resource, &collection.endpoint, &error);
        if let (Some(pk), Some(_)) = (&pass.facts.pk, pass.facts.origin) {
            self.usable(resource).await?;
            let object = collection.read(pk, Some(&resource.id)).await.map_err(failed)?;
            if object.is_some() {
                return Ok(object);
            }
        }
        // A creation may have been cut short.
        let Some(creating) = &pass.facts.creating else { return Ok(None) };
        let Some(key) = Key::recorded(collection.endpoint.key, &creating.key) else { return Ok(None) };
        self.usable(resource).await?;
        let found = collection.find(&key).await.map_err(failed)?;
        Ok(found.filter(|object| {
            hash(resource.entry, &object.fields, &creating.fields) == creating.body_hash
                && !self.index.is_owned(&object.pk)
        }))
    }

    /// Another resource that stays and declares the same object, or will once others are handed over: what it refers to may
    /// change hands as well.
    fn heir(&self, resource: &Resource, object: &Object) -> Result<Option<String>, Halt> {
        let (id, endpoint) = (&resource.id, &resource.entry.endpoint);
        let owner = self.index.owner(&object.pk).filter(|owner| owner.id != *id && !owner.deleting);
        if let Some(owner) = owner {
            return Ok(Some(owner.id.to_string()));
        }
        let Some(key) = Key::of(endpoint.key, &object.fields) else { return Ok(None) };
        if let Some(rival) = self.index.rivals(endpoint.collection, &key, id).first() {
            return Ok(Some(rival.id.to_string()));
        }
        for other in self.index.unclaimed(id.kind) {
            match self.foreseen(&other, resource) {
                Ok(Some(foreseen)) if foreseen == key => return Ok(Some(other.id.to_string())),
                // Who may not see what it refers to cannot take over either.
                Ok(_) | Err(Halt::Verdict(_)) => {}
                Err(halt) => return Err(halt),
            }
        }
        Ok(None)
    }

    /// Leaves the object to authentik. Asks nobody, so it works while authentik is away.
    async fn retain(&self, pass: &mut Pass, note: &str) -> Result<Option<Verdict>, Halt> {
        if pass.facts.origin.is_some() {
            self.cluster.tell(&pass.resource, Happening::Retained, note);
        }
        self.let_go(pass).await
    }

    async fn let_go(&self, pass: &mut Pass) -> Result<Option<Verdict>, Halt> {
        let written = self.cluster.release(&pass.resource).await;
        match written {
            Ok(object) => {
                let left = Resource::read(pass.resource.entry, object);
                // The API server drops it with its last finalizer, and the watch may already have said so.
                match left.finalizers.is_empty() {
                    true => self.index.remove(&left),
                    false => drop(self.index.answered(left)),
                }
            }
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }

    /// Deletes the object and looks whether it is gone: a change that raced the deletion can bring it back.
    async fn delete(&self, pass: &Pass, object: &Object) -> Result<(), Halt> {
        let (resource, endpoint) = (&pass.resource, pass.resource.entry.endpoint);
        let collection = self.collection_of(resource.entry);
        let now = match endpoint.address {
            Address::Pk => Some(object.clone()),
            // While its users were looked for, its address may have become another object's.
            Address::Field { .. } => {
                let read = collection.read(&object.pk, Some(&resource.id)).await;
                read.map_err(|error| self.read_failed(resource, &endpoint, &error))?
            }
        };
        let Some(object) = now else { return Ok(()) };
        match collection.delete(&object).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) if error.outcome() == Outcome::Unknown => {
                self.connection.suspect(&error);
                self.usable(resource).await?;
            }
            Err(error) => return Err(self.failed(resource, &endpoint, "delete", error)),
        }
        let left = collection.read(&object.pk, Some(&resource.id)).await;
        match left.map_err(|error| self.read_failed(resource, &endpoint, &error))? {
            None => Ok(()),
            Some(_) => {
                let message =
                    "authentik still has the object after it was told to delete it: it is tried again";
                Err(Verdict::new(Reason::Deleting, message).retry(Retry::Backoff).into())
            }
        }
    }

    /// Who uses the object and is neither a part of it nor on its way out as well.
    async fn users(&self, resource: &Resource, object: &Object) -> Result<Users, Halt> {
        let entry = resource.entry;
        let collection = self.collection_of(entry);
        let told = self.client().used_by(entry.endpoint.collection, collection.address(object)).await;
        let told = told.map_err(|error| self.read_failed(resource, &entry.endpoint, &error))?;
        let mut users = Users::default();
        for user in told.into_iter().filter(|user| !is_part(entry, user)) {
            let effect = match user.action {
                UsedByAction::Cascade => ", which would be deleted along",
                _ => "",
            };
            let name = format!("{} “{}”{effect}", user.model_name, user.name);
            let name = match self.index.owner(&user.pk) {
                Some(owner) => format!("the {} ({name})", owner.id),
                None => format!("the {name}"),
            };
            users.known.insert(user.pk, name);
        }
        for referrer in entry.referrers {
            match self.referring(referrer, object).await {
                Ok(rows) => {
                    for row in rows {
                        let name = name(referrer, &row);
                        users.known.entry(row.pk).or_insert(name);
                    }
                }
                // Other versions have other kinds of stages.
                Err(Error::WrongPath { .. }) => {}
                Err(Error::Forbidden { .. }) => users.unseen.push(referrer),
                Err(error) => return Err(self.read_failed(resource, &entry.endpoint, &error)),
            }
        }
        for pk in users.known.keys() {
            self.index.watch(&resource.id, Interest::Object(pk.clone()));
        }
        users.known.retain(|pk, _| *pk != object.pk && !self.goes_too(pk));
        Ok(users)
    }

    /// Whether another resource that is being deleted will delete the object.
    fn goes_too(&self, pk: &str) -> bool {
        self.index.owner(pk).is_some_and(|owner| owner.deleting && owner.deletes())
    }

    /// Objects of a collection that refer to the object, as far as `used_by` does not tell them.
    async fn referring(&self, referrer: &Referrer, object: &Object) -> Result<Vec<Object>, Error> {
        let refers = |other: &Object| {
            referrer.fields.iter().any(|field| match other.fields.get(*field) {
                Some(Value::String(pk)) => *pk == object.pk,
                Some(Value::Array(pks)) => pks.iter().any(|pk| pk.as_str() == Some(&object.pk)),
                _ => false,
            })
        };
        let query: Vec<(&str, &str)> = match referrer.fields {
            [] => {
                self.client().may_list(referrer.collection).await?;
                return Ok(Vec::new());
            }
            [only] => vec![(only, object.pk.as_str())],
            _ => Vec::new(),
        };
        let mut rows = self.client().list::<Object>(referrer.collection, &query, "pk").await?;
        rows.retain(refers);
        Ok(rows)
    }
}

/// Whether what `used_by` names is a part of the object, or merely linked to it through such a part.
fn is_part(entry: &Entry, user: &UsedBy) -> bool {
    let model = format!("{}.{}", user.app, user.model_name);
    user.action == UsedByAction::CascadeMany || entry.parts.contains(&model.as_str())
}

/// Who uses an object.
#[derive(Default)]
struct Users {
    /// What each is called, by identifier.
    known: BTreeMap<String, String>,
    /// Who may use it as well, and cannot be seen.
    unseen: Vec<&'static Referrer>,
}

impl Users {
    /// Why the object had better stay; none when nobody uses it.
    fn objections(&self) -> Option<String> {
        let mut objections = Vec::new();
        if !self.known.is_empty() {
            objections.push(format!("it is used by {}", named(&self.known)));
        }
        if !self.unseen.is_empty() {
            let what: Vec<&str> = self.unseen.iter().map(|unseen| unseen.what).collect();
            let permissions: Vec<&str> = self.unseen.iter().map(|unseen| unseen.permission).collect();
            objections.push(format!(
                "whether one of these uses it cannot be told: {}; the token lacks {}",
                what.join(", "),
                permissions.join(", ")
            ));
        }
        (!objections.is_empty()).then(|| objections.join("; and "))
    }
}

fn name(referrer: &Referrer, row: &Object) -> String {
    match row.text("name") {
        Some(name) => format!("the {} “{name}”", referrer.what),
        None => format!("the {} {}", referrer.what, row.pk),
    }
}

fn named(users: &BTreeMap<String, String>) -> String {
    let mut text = users.values().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if users.len() > NAMED {
        text += &format!("; and {} more", users.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests;
