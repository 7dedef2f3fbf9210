//! Making an object so that a crash at any point loses nothing and makes nothing twice: what is about to be made is written
//! down before, and after a restart an object that is just that is known as the resource's own.

use uuid::Uuid;

use super::act::{Acted, stored};
use super::cluster::Happening;
use super::compare::hash;
use super::halt::{Halt, Refusal};
use super::plan::not_stored;
use super::status::Verdict;
use super::{Engine, Pass};
use crate::authentik::{Key, Object, Outcome};
use crate::kinds::{Body, Creating, Entry, Origin, Reason};

impl Engine {
    /// Makes the object, with the intention written down before.
    pub(super) async fn create(&self, pass: &mut Pass, body: &Body, again: bool) -> Result<Acted, Halt> {
        let entry = pass.resource.entry;
        let collection = self.collection_of(entry);
        let Some(key) = Key::of(entry.endpoint.key, body) else {
            let message = "what is declared lacks a part of its natural key";
            return Err(Verdict::new(Reason::Invalid, message).into());
        };
        if !self.is_free(pass, &key).await? {
            return Ok(Acted::LookAgain);
        }
        self.hold(pass).await?;
        self.intend(pass, body, &key).await?;
        let object = match collection.create(body, &pass.resource.id).await {
            Ok(object) => object,
            Err(error) if error.outcome() == Outcome::Unknown => {
                self.connection.suspect(&error);
                self.usable(&pass.resource).await?;
                let found = collection.find(&key).await;
                let found =
                    found.map_err(|error| self.read_failed(&pass.resource, &entry.endpoint, &error))?;
                match found {
                    Some(object) if is_made_of(entry, &object, body) && !self.index.is_owned(&object.pk) => {
                        object
                    }
                    Some(_) => {
                        pass.facts.creating = None;
                        return Ok(Acted::LookAgain);
                    }
                    None => return Err(Halt::Refused(Refusal::Unexplained(error))),
                }
            }
            Err(error) => {
                // It was not made, so what will be found by its key is not its own.
                pass.facts.creating = None;
                return Err(self.failed(&pass.resource, &entry.endpoint, "add", error));
            }
        };
        pass.own(&object, Origin::Created);
        let (happening, note) = match again {
            false => (Happening::Created, format!("made in authentik, with the {key}")),
            true => (
                Happening::Recreated,
                format!(
                    "somebody deleted it in authentik: it is made again, with the {key}; policies that were bound to it \
                     are gone"
                ),
            ),
        };
        self.cluster.tell(&pass.resource, happening, &note);
        Ok(stored(pass, body, &object))
    }

    /// Writes down what is about to be made, so that it is known as the resource's own after a crash.
    async fn intend(&self, pass: &mut Pass, body: &Body, key: &Key) -> Result<(), Halt> {
        let entry = pass.resource.entry;
        let fields: Vec<String> = body.keys().cloned().collect();
        let body_hash = hash(entry, body, &fields);
        let known = pass.resource.status.creating.as_ref();
        let same = |creating: &&Creating| creating.body_hash == body_hash && creating.key == key.record();
        if let Some(creating) = known.filter(same) {
            pass.facts.creating = Some(creating.clone());
            return Ok(());
        }
        let id = Uuid::new_v4().to_string();
        pass.facts.creating = Some(Creating { key: key.record(), fields, body_hash, id });
        let verdict = Verdict::new(Reason::Progressing, "is about to be made in authentik");
        let status = pass.status(&verdict);
        Ok(self.write_status(pass, &status).await?)
    }

    /// After a creation that was cut short: finds out whether the object was made.
    pub(super) async fn recover(&self, pass: &mut Pass) -> Result<(), Halt> {
        let Some(creating) = &pass.facts.creating else { return Ok(()) };
        let entry = pass.resource.entry;
        // What was missing and was to be made again is there after all.
        if pass.facts.pk.as_ref().is_some_and(|pk| self.collection_of(entry).mirror().get(pk).is_some()) {
            pass.facts.creating = None;
            return Ok(());
        }
        let Some(key) = Key::recorded(entry.endpoint.key, &creating.key) else {
            pass.facts.creating = None;
            return Ok(());
        };
        self.usable(&pass.resource).await?;
        let found = self.collection_of(entry).find(&key).await;
        let found = found.map_err(|error| self.read_failed(&pass.resource, &entry.endpoint, &error))?;
        let Some(object) = found else { return Ok(()) };
        let same = hash(entry, &object.fields, &creating.fields) == creating.body_hash;
        pass.facts.creating = None;
        if same && !self.index.is_owned(&object.pk) {
            pass.own(&object, Origin::Created);
            self.cluster.tell(
                &pass.resource,
                Happening::Created,
                &format!("made in authentik, with the {key}"),
            );
        }
        Ok(())
    }
}

/// Whether the object is what authentik makes of this body.
fn is_made_of(entry: &Entry, object: &Object, body: &Body) -> bool {
    not_stored(entry, body, object).is_none()
}

#[cfg(test)]
mod tests;
