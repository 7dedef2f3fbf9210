//! What resources there are, who owns what, and who waits for what.
//!
//! Watches and the operator's own writes both go into it, the newer version wins: so a decision never rests on a copy
//! that lacks what the operator just wrote.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::jiff::Timestamp;

use super::resource::{Id, Resource};
use crate::authentik::{Key, Object};
use crate::kinds::Reference;

/// Something whose change concerns a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Interest {
    /// All kinds are listed.
    Listed,
    /// authentik answers again or no more, or has another version.
    Connection,
    /// A collection was read for the first time, or cannot be read any more.
    Collection(&'static str),
    /// A resource, what it declares and what that is called: kind, namespace and name.
    Resource(String, String, String),
    /// The object with this identifier, or who owns it.
    Object(String),
    /// What has this natural key in this collection, or who declares it.
    Key(&'static str, Key),
    /// Of all resources of a kind it is known what they declare to be called.
    Decided(&'static str),
}

impl Interest {
    /// The resource with this id.
    pub(crate) fn of(id: &Id) -> Self {
        Self::Resource(id.kind.to_owned(), id.namespace.clone(), id.name.clone())
    }
}

/// The index. All of it is in memory and none of it is kept: it follows from what is watched.
#[derive(Default)]
pub(crate) struct Index {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    resources: HashMap<Id, Arc<Resource>>,
    /// Who says of an object that it is theirs.
    owners: HashMap<String, BTreeSet<Id>>,
    /// What each resource declares to be called in authentik, and who declares what.
    claims: HashMap<Id, (&'static str, Key)>,
    claimants: HashMap<(&'static str, Key), BTreeSet<Id>>,
    interests: HashMap<Interest, HashSet<Id>>,
    interests_of: HashMap<Id, HashSet<Interest>>,
    /// Resources by kind, the oldest first, of which it is not known yet what they declare to be called.
    undecided: HashMap<&'static str, BTreeSet<Seniority>>,
    /// Kinds whose first list is not complete.
    unlisted: BTreeSet<&'static str>,
    queues: HashMap<&'static str, UnboundedSender<Id>>,
    /// All kinds, also when the queues are closed.
    kinds: BTreeSet<&'static str>,
}

impl Index {
    /// Announces a kind that will be listed, and where its resources are woken.
    pub(crate) fn expect(&self, kind: &'static str, queue: UnboundedSender<Id>) {
        let mut state = self.state();
        state.unlisted.insert(kind);
        state.kinds.insert(kind);
        state.queues.insert(kind, queue);
    }

    /// The kind's first list is complete.
    pub(crate) fn listed(&self, kind: &'static str) {
        let mut state = self.state();
        if state.unlisted.remove(kind) && state.unlisted.is_empty() {
            state.wake(&Interest::Listed, None);
        }
    }

    /// Kinds that are not listed yet.
    pub(crate) fn unlisted(&self) -> Vec<&'static str> {
        self.state().unlisted.iter().copied().collect()
    }

    /// Ends all queues: nothing is woken any more.
    pub(crate) fn close(&self) {
        self.state().queues.clear();
    }

    /// Takes over a resource as watched, unless a newer version is known.
    pub(crate) fn put(&self, resource: Resource) -> Arc<Resource> {
        self.state().put(resource)
    }

    /// Takes over a resource as the API server answered it to a write, unless a newer version is known. The watch may have
    /// told meanwhile that it is gone, or that another has its name: then the answer is history.
    pub(crate) fn answered(&self, resource: Resource) -> Arc<Resource> {
        let mut state = self.state();
        let known = state.resources.get(&resource.id);
        match known.is_some_and(|known| known.uid == resource.uid) {
            true => state.put(resource),
            false => Arc::new(resource),
        }
    }

    /// Forgets a resource that is gone from the API server, unless another has its name by now.
    pub(crate) fn remove(&self, gone: &Resource) {
        let mut state = self.state();
        if state.resources.get(&gone.id).is_some_and(|known| known.uid == gone.uid) {
            state.remove(&gone.id);
        }
    }

    /// Forgets the resources of a kind that a complete list lacks.
    pub(crate) fn retain(&self, kind: &'static str, listed: &HashSet<Id>) {
        let mut state = self.state();
        let gone = state.resources.keys().filter(|id| id.kind == kind && !listed.contains(*id));
        for id in gone.cloned().collect::<Vec<_>>() {
            state.remove(&id);
        }
    }

    /// The newest known version of a resource.
    pub(crate) fn get(&self, id: &Id) -> Option<Arc<Resource>> {
        self.state().resources.get(id).cloned()
    }

    /// The resource that `reference` names, seen from `id`.
    pub(crate) fn referred(&self, id: &Id, reference: &Reference) -> Option<Arc<Resource>> {
        let (kind, namespace, name) = id.of_reference(reference)?;
        let state = self.state();
        let kind = state.kinds.iter().copied().find(|known| *known == kind)?;
        state.resources.get(&Id { kind, namespace, name }).cloned()
    }

    /// Whether some resource that stays looks after the object.
    pub(crate) fn is_kept(&self, pk: &str) -> bool {
        self.owner(pk).is_some_and(|owner| !owner.deleting)
    }

    /// Whether some resource says that the object is its own.
    pub(crate) fn is_owned(&self, pk: &str) -> bool {
        self.state().owners.contains_key(pk)
    }

    /// Who owns the object: of several who say so, one that stays before one that is being deleted, then the oldest.
    pub(crate) fn owner(&self, pk: &str) -> Option<Arc<Resource>> {
        let state = self.state();
        let owners = state.owners.get(pk)?.iter().filter_map(|id| state.resources.get(id));
        owners.min_by_key(|owner| (owner.deleting, owner.seniority())).cloned()
    }

    /// Says what the resource declares to be called, now that its references are known.
    pub(crate) fn claim(&self, collection: &'static str, id: &Id, key: Key) {
        self.state().claim(collection, id, key);
    }

    /// It is known by now what the resource declares to be called, as far as it can be.
    pub(crate) fn decided(&self, id: &Id) {
        let mut state = self.state();
        let Some(seniority) = state.resources.get(id).map(|resource| seniority(resource)) else { return };
        state.decide(id.kind, &seniority);
    }

    /// Whether of an older resource of the same kind it is not known yet what it declares to be called.
    pub(crate) fn has_undecided_elder(&self, resource: &Resource) -> bool {
        let state = self.state();
        let eldest = state.undecided.get(resource.id.kind).and_then(BTreeSet::first);
        eldest.is_some_and(|eldest| *eldest < seniority(resource))
    }

    /// Takes the claim back, as of a resource that observes only.
    pub(crate) fn disclaim(&self, id: &Id) {
        self.state().drop_claims(id);
    }

    /// What the resource declares to be called.
    pub(crate) fn claim_of(&self, id: &Id) -> Option<Key> {
        self.state().claims.get(id).map(|(_, key)| key.clone())
    }

    /// The others that declare this key and are not being deleted, the oldest first.
    pub(crate) fn rivals(&self, collection: &'static str, key: &Key, id: &Id) -> Vec<Arc<Resource>> {
        let state = self.state();
        let Some(claimants) = state.claimants.get(&(collection, key.clone())) else { return Vec::new() };
        let others = claimants.iter().filter(|other| *other != id);
        let mut rivals: Vec<_> = others.filter_map(|other| state.resources.get(other)).cloned().collect();
        rivals.retain(|rival| !rival.deleting && !rival.observing);
        rivals.sort_by(|one, other| one.seniority().cmp(&other.seniority()));
        rivals
    }

    /// The resources of a kind that are to stay and of which it is not known what they declare to be called.
    pub(crate) fn unclaimed(&self, kind: &'static str) -> Vec<Arc<Resource>> {
        let state = self.state();
        let silent = |it: &&Arc<Resource>| {
            it.id.kind == kind && !it.deleting && !it.observing && !state.claims.contains_key(&it.id)
        };
        state.resources.values().filter(silent).cloned().collect()
    }

    /// Forgets what a resource waited for, at the beginning of its reconcile.
    pub(crate) fn forget_interests(&self, id: &Id) {
        self.state().forget_interests(id);
    }

    /// Wakes the resource when that changes. To be said before looking, so that no change falls in between.
    pub(crate) fn watch(&self, id: &Id, interest: Interest) {
        let mut state = self.state();
        state.interests.entry(interest.clone()).or_default().insert(id.clone());
        state.interests_of.entry(id.clone()).or_default().insert(interest);
    }

    /// Wakes who waits for that.
    pub(crate) fn wake(&self, interest: &Interest) {
        self.state().wake(interest, None);
    }

    /// Wakes whom an object's change concerns, but for `author`, who made it.
    pub(crate) fn object_changed(
        &self,
        collection: &'static str,
        key: &[&'static str],
        before: Option<&Object>,
        after: Option<&Object>,
        author: Option<&Id>,
    ) {
        if before == after {
            return;
        }
        let mut state = self.state();
        let keys = [before, after].map(|object| object.and_then(|object| Key::of(key, &object.fields)));
        for key in keys.into_iter().flatten() {
            state.wake(&Interest::Key(collection, key), author);
        }
        if let Some(object) = after.or(before) {
            state.wake(&Interest::Object(object.pk.clone()), author);
        }
    }

    /// The index is whole between any two of its changes, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What orders resources by age.
type Seniority = (Option<Timestamp>, Id);

fn seniority(resource: &Resource) -> Seniority {
    let (created, id) = resource.seniority();
    (created, id.clone())
}

impl State {
    fn decide(&mut self, kind: &'static str, seniority: &Seniority) {
        let Some(undecided) = self.undecided.get_mut(kind) else { return };
        if undecided.remove(seniority) && undecided.is_empty() {
            self.wake(&Interest::Decided(kind), None);
        }
    }

    fn put(&mut self, resource: Resource) -> Arc<Resource> {
        let resource = Arc::new(resource);
        let known = self.resources.get(&resource.id).cloned();
        if let Some(known) = &known
            && known.uid == resource.uid
            && older(&resource.version, &known.version)
        {
            return Arc::clone(known);
        }
        // Who only observes declares nothing that others would have to leave alone.
        if resource.observing || known.as_ref().is_some_and(|known| known.uid != resource.uid) {
            self.drop_claims(&resource.id);
        }
        self.own(known.as_deref(), Some(&resource));
        let id = resource.id.clone();
        if let Ok(declared) = &resource.declared
            && let (Some(name), [field]) = (declared.own_name(), resource.entry.endpoint.key)
            && !resource.observing
        {
            self.claim(resource.entry.endpoint.collection, &id, Key::named(field, name));
        }
        if known.as_ref().is_none_or(|known| known.uid != resource.uid) {
            self.undecided.entry(id.kind).or_default().insert(seniority(&resource));
        }
        self.resources.insert(id.clone(), Arc::clone(&resource));
        let identity =
            |resource: &Resource| (resource.status.pk.clone(), resource.deleting, resource.generation);
        if known.as_deref().map(identity) != Some(identity(&resource)) {
            self.wake(&Interest::of(&id), Some(&id));
            // Who is being deleted claims nothing any more.
            if let Some((collection, key)) = self.claims.get(&id).cloned() {
                self.wake(&Interest::Key(collection, key), Some(&id));
            }
        }
        resource
    }

    fn remove(&mut self, id: &Id) {
        let Some(known) = self.resources.remove(id) else { return };
        self.own(Some(&known), None);
        self.decide(id.kind, &seniority(&known));
        self.drop_claims(id);
        self.forget_interests(id);
        self.wake(&Interest::of(id), None);
    }

    /// Follows who says of which object that it is theirs.
    fn own(&mut self, before: Option<&Resource>, after: Option<&Resource>) {
        let [old, new] = [before, after].map(|it| it.and_then(Resource::owned_pk).map(str::to_owned));
        let deleting = |resource: Option<&Resource>| resource.is_some_and(|resource| resource.deleting);
        if old == new && deleting(before) == deleting(after) {
            return;
        }
        let Some(id) = after.or(before).map(|resource| resource.id.clone()) else { return };
        if let Some(old) = &old
            && let Some(owners) = self.owners.get_mut(old)
        {
            owners.remove(&id);
            if owners.is_empty() {
                self.owners.remove(old);
            }
        }
        if let Some(new) = &new {
            self.owners.entry(new.clone()).or_default().insert(id.clone());
        }
        for pk in [old, new].into_iter().flatten() {
            self.wake(&Interest::Object(pk), Some(&id));
        }
    }

    fn claim(&mut self, collection: &'static str, id: &Id, key: Key) {
        let claim = (collection, key.clone());
        if self.claims.get(id) == Some(&claim) {
            return;
        }
        self.drop_claims(id);
        self.claims.insert(id.clone(), claim.clone());
        self.claimants.entry(claim).or_default().insert(id.clone());
        self.wake(&Interest::Key(collection, key), Some(id));
        self.wake(&Interest::of(id), Some(id));
    }

    fn drop_claims(&mut self, id: &Id) {
        let Some(claim) = self.claims.remove(id) else { return };
        if let Some(claimants) = self.claimants.get_mut(&claim) {
            claimants.remove(id);
            if claimants.is_empty() {
                self.claimants.remove(&claim);
            }
        }
        self.wake(&Interest::Key(claim.0, claim.1), Some(id));
        self.wake(&Interest::of(id), Some(id));
    }

    fn forget_interests(&mut self, id: &Id) {
        for interest in self.interests_of.remove(id).into_iter().flatten() {
            if let Some(ids) = self.interests.get_mut(&interest) {
                ids.remove(id);
                if ids.is_empty() {
                    self.interests.remove(&interest);
                }
            }
        }
    }

    fn wake(&mut self, interest: &Interest, author: Option<&Id>) {
        for id in self.interests.get(interest).into_iter().flatten().filter(|id| Some(*id) != author) {
            if let Some(queue) = self.queues.get(id.kind) {
                // A queue whose reader is gone belongs to a process that is ending.
                let _ = queue.unbounded_send(id.clone());
            }
        }
    }
}

/// Whether `version` comes before `known`. The API server's versions are numbers that grow; should they not be, the one that
/// came last counts.
fn older(version: &str, known: &str) -> bool {
    match (version.parse::<u64>(), known.parse::<u64>()) {
        (Ok(version), Ok(known)) => version < known,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
