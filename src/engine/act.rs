//! Carrying out a plan: what is sent, in which order, and what the answers mean.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cluster::Happening;
use super::compare::{self, Difference};
use super::contest::Contested;
use super::halt::{Halt, Refusal};
use super::plan::{Plan, Situation, not_stored, step_aside};
use super::retry::{Attempt, Retry};
use super::status::{Verdict, is_ready, reason};
use super::{Engine, Pass};
use crate::authentik::{Error, Key, Object, Outcome};
use crate::kinds::{Body, Entry, FLOWS, Origin, Reason, Reference, STAGES};

/// A list that was read less than this ago is taken for what authentik has, for an object that is taken over or made.
const YOUNG: Duration = Duration::from_secs(15);

/// What came of carrying out a plan.
pub(super) enum Acted {
    /// All that can be done now.
    Done(Verdict),
    /// authentik is not as it was before, or not as it was thought to be: the next plan tells.
    LookAgain,
}

impl Engine {
    /// Carries out a plan. What just failed is not tried again before its time, unless `urgent`.
    pub(super) async fn act(
        &self,
        pass: &mut Pass,
        situation: &Situation<'_>,
        plan: &Plan,
        urgent: bool,
    ) -> Result<Acted, Halt> {
        let attempt = match plan {
            Plan::Nothing(object) => {
                return match self.contests.unsettled(&pass.resource.id) {
                    Some(contested) => Ok(Acted::Done(insisted(&contested))),
                    None => self.in_sync(pass, object).await,
                };
            }
            Plan::Adopt(object) => {
                self.elders_first(&pass.resource)?;
                if !self.is_still(pass, object).await? {
                    return Ok(Acted::LookAgain);
                }
                self.hold(pass).await?;
                let note = "taken over as it is: authentik has what is declared";
                self.cluster.tell(&pass.resource, Happening::Adopted, note);
                pass.own(object, Origin::Adopted);
                return self.in_sync(pass, object).await;
            }
            Plan::Wait(reason, message) => {
                return Ok(Acted::Done(Verdict::new(*reason, message)));
            }
            Plan::Refuse(reason, message, drift) => {
                let retry = if *reason == Reason::Invalid { Retry::Slowly } else { Retry::WhenWoken };
                return Ok(Acted::Done(Verdict::new(*reason, message).drift(drift.clone()).retry(retry)));
            }
            Plan::Create { body, .. } => Attempt { pk: None, body: body.clone() },
            Plan::Update { object, differences, body, adopt } => {
                if !adopt
                    && is_drift(pass)
                    && let Some(contested) = self.contests.holds_back(&pass.resource.id, &fields(differences))
                {
                    return Ok(Acted::Done(insisted(&contested)));
                }
                Attempt { pk: Some(object.pk.clone()), body: body.clone() }
            }
            Plan::StepAside(object) => {
                Attempt { pk: Some(object.pk.clone()), body: self.aside(pass.resource.entry, object) }
            }
        };
        if let Some((refused, why)) = &pass.refused
            && *refused == attempt
        {
            let verdict = self.refusal(pass.resource.entry, why);
            pass.tried = Some(attempt);
            return Ok(Acted::Done(verdict));
        }
        if matches!(plan, Plan::Create { .. } | Plan::Update { adopt: true, .. }) {
            self.elders_first(&pass.resource)?;
        }
        if !urgent && self.retries.pending(&pass.resource.id, &attempt, self.connection.epoch()) {
            return Err(Halt::Pending);
        }
        pass.tried = Some(attempt.clone());
        self.usable(&pass.resource).await?;
        if attempt.pk.is_some() {
            self.remember(pass).await?;
        }
        let sent = match plan {
            Plan::Update { object, differences, adopt, .. } => {
                self.update(pass, object, differences, *adopt, &attempt.body).await
            }
            Plan::StepAside(object) => self.step_aside(pass, object, &attempt.body).await,
            _ => self.create(pass, &attempt.body, matches!(plan, Plan::Create { again: true, .. })).await,
        };
        match sent {
            Ok(Acted::LookAgain) => {
                pass.tried = None;
                Ok(Acted::LookAgain)
            }
            Err(Halt::Refused(why)) => {
                // Whatever the words are: the state decides, so it is looked at before they are passed on.
                pass.refused = Some((attempt, why));
                self.read_again(pass, situation).await?;
                Ok(Acted::LookAgain)
            }
            sent => sent,
        }
    }

    /// Whether authentik has no object with this key, although the copy of its list may be old. An intention rests on that:
    /// what has the key afterwards is its own.
    pub(super) async fn is_free(&self, pass: &Pass, key: &Key) -> Result<bool, Halt> {
        let (resource, endpoint) = (&pass.resource, &pass.resource.entry.endpoint);
        let collection = self.collection_of(resource.entry);
        // When a creation was cut short, its object was looked for before this plan was made.
        let recovered = pass.facts.creating.as_ref().is_some_and(|creating| creating.key == key.record());
        if recovered {
            return Ok(true);
        }
        if collection.freshen(YOUNG).await {
            return Ok(collection.mirror().by_key(key).is_none());
        }
        let found = collection.find(key).await;
        Ok(found.map_err(|error| self.read_failed(resource, endpoint, &error))?.is_none())
    }

    /// Whether the object is as the copy of its list has it, which may be old.
    async fn is_still(&self, pass: &Pass, object: &Object) -> Result<bool, Halt> {
        let (resource, endpoint) = (&pass.resource, &pass.resource.entry.endpoint);
        let collection = self.collection_of(resource.entry);
        if collection.is_young(YOUNG) {
            return Ok(true);
        }
        self.usable(resource).await?;
        if collection.freshen(YOUNG).await {
            return Ok(collection.mirror().get(&object.pk).as_ref() == Some(object));
        }
        let read = collection.read(&object.pk, Some(&resource.id)).await;
        let read = read.map_err(|error| self.read_failed(resource, endpoint, &error))?;
        Ok(read.as_ref() == Some(object))
    }

    /// Nothing is to be done.
    async fn in_sync(&self, pass: &mut Pass, object: &Object) -> Result<Acted, Halt> {
        self.hold(pass).await?;
        pass.facts.slug = called(pass.resource.entry, object);
        Ok(Acted::Done(Verdict::new(Reason::InSync, "authentik has what is declared")))
    }

    /// Changes the object, if it still is as it was when the plan was made.
    async fn update(
        &self,
        pass: &mut Pass,
        object: &Object,
        differences: &[Difference],
        adopt: bool,
        body: &Body,
    ) -> Result<Acted, Halt> {
        if adopt {
            self.hold(pass).await?;
        }
        let Some(changed) = self.change(pass, object, body).await? else { return Ok(Acted::LookAgain) };
        let resource = &pass.resource;
        let lost = compare::differences(resource.entry, body, &changed);
        let made = differences.iter().filter(|it| lost.iter().all(|lost| lost.field != it.field));
        let made: Vec<Difference> = made.cloned().collect();
        let names = compare::names(&made);
        if adopt {
            let note = format!("taken over, and changed as declared: {names}");
            self.cluster.tell(resource, Happening::Adopted, &note);
            pass.own(&changed, Origin::Adopted);
        } else if made.is_empty() {
            // Nothing of it was stored, which is for the status to tell.
        } else if is_drift(pass) {
            self.contests.corrected(&resource.id, &fields(&made));
            let note = format!("somebody changed it in authentik; changed back as declared: {names}");
            self.cluster.tell(resource, Happening::DriftCorrected, &note);
        } else {
            self.contests.forget(&resource.id);
            self.cluster.tell(resource, Happening::Updated, &format!("changed as declared: {names}"));
        }
        Ok(stored(pass, body, &changed))
    }

    /// Gives the object another place for the moment.
    async fn step_aside(&self, pass: &mut Pass, object: &Object, body: &Body) -> Result<Acted, Halt> {
        let Some(changed) = self.change(pass, object, body).await? else { return Ok(Acted::LookAgain) };
        let note = "moved to a place that nobody uses, so that others can take theirs; its own is next";
        self.cluster.tell(&pass.resource, Happening::Updated, note);
        Ok(stored(pass, body, &changed))
    }

    /// Sends a change of an object that still is as it was when the plan was made. None when it is not, or is gone.
    async fn change(&self, pass: &Pass, object: &Object, body: &Body) -> Result<Option<Object>, Halt> {
        let (resource, entry) = (&pass.resource, pass.resource.entry);
        let collection = self.collection_of(entry);
        let read = |error| self.read_failed(resource, &entry.endpoint, &error);
        let fresh = collection.read(&object.pk, Some(&resource.id)).await.map_err(read)?;
        if fresh.as_ref() != Some(object) {
            return Ok(None);
        }
        match collection.change(object, entry.change, body, &resource.id).await {
            Ok(changed) => Ok(Some(changed)),
            Err(Error::NotFound { .. }) => {
                collection.gone(&object.pk, Some(&resource.id));
                Ok(None)
            }
            Err(error) if error.outcome() == Outcome::Unknown => {
                self.connection.suspect(&error);
                self.usable(resource).await?;
                let now = collection.read(&object.pk, Some(&resource.id)).await.map_err(read)?;
                match now {
                    Some(now) if not_stored(entry, body, &now).is_none() => Ok(Some(now)),
                    Some(_) => Err(Halt::Refused(Refusal::Unexplained(error))),
                    None => Ok(None),
                }
            }
            Err(error) => Err(self.failed(resource, &entry.endpoint, "change", error)),
        }
    }

    /// Reads anew what the plan rested on, after authentik refused what it led to.
    async fn read_again(&self, pass: &Pass, situation: &Situation<'_>) -> Result<(), Halt> {
        let (resource, entry) = (&pass.resource, pass.resource.entry);
        let key = Key::of(entry.endpoint.key, situation.declared);
        let read = async {
            if let Some(key) = &key {
                self.collection_of(entry).find(key).await?;
                if entry.stage {
                    self.collection(STAGES.collection).find(key).await?;
                }
            }
            for (reference, pk) in pass.identifiers.iter() {
                let collection = match reference {
                    Reference::Flow(_) => FLOWS.collection,
                    Reference::Stage(_) => STAGES.collection,
                    Reference::Resource { .. } => match self.index.referred(&resource.id, reference) {
                        Some(referred) => referred.entry.endpoint.collection,
                        None => continue,
                    },
                };
                self.collection(collection).read(pk, None).await?;
            }
            Ok(())
        };
        read.await.map_err(|error: Error| self.read_failed(resource, &entry.endpoint, &error))
    }

    /// What is said when authentik does not take something and nothing that the token can see explains it.
    pub(super) fn refusal(&self, entry: &Entry, refusal: &Refusal) -> Verdict {
        let errors = match refusal {
            Refusal::Rejected(errors) => errors,
            Refusal::Unexplained(error) => {
                return Verdict::new(Reason::Unreachable, error.to_string()).retry(Retry::Backoff);
            }
        };
        // A duplicate is named by the field of the natural key, or, where that has several, by none.
        let of_key = |field: &str| match entry.endpoint.key {
            [only] => field == *only,
            _ => field.is_empty(),
        };
        let hidden = !errors.is_empty() && errors.iter().all(|error| of_key(&error.field));
        if hidden && !self.connection.sees_everything() {
            let permission = entry.endpoint.permission("view");
            let message = format!(
                "authentik refuses the natural key, and shows no object that has it: most likely it has one that the token \
                 may not see ({permission}). authentik says: {errors}"
            );
            return Verdict::new(Reason::Forbidden, message).retry(Retry::Slowly);
        }
        Verdict::new(Reason::Invalid, format!("authentik refuses: {errors}")).retry(Retry::Slowly)
    }

    /// The body that gives the object a place which no object of the same flow has.
    fn aside(&self, entry: &Entry, object: &Object) -> Body {
        let (Some(flow), Some(place)) = (entry.flow, entry.steps_aside) else { return Body::new() };
        let same_flow = |other: &Object| other.fields.get(flow) == object.fields.get(flow);
        let bound = self.collection_of(entry).mirror().find(same_flow);
        let used: BTreeSet<i64> =
            bound.iter().filter_map(|other| other.fields.get(place)?.as_i64()).collect();
        let free = (0..=i32::MAX).rev().find(|order| !used.contains(&i64::from(*order)));
        step_aside(entry, object, place, free.unwrap_or(i32::MAX))
    }
}

impl Pass {
    /// The object is the resource's from now on.
    pub(super) fn own(&mut self, object: &Object, origin: Origin) {
        self.facts.pk = Some(object.pk.clone());
        self.facts.slug = called(self.resource.entry, object);
        self.facts.origin = Some(origin);
        self.facts.creating = None;
    }
}

/// Whether what differs was changed in authentik, and not in the spec: authentik once had what is declared now.
fn is_drift(pass: &Pass) -> bool {
    let resource = &pass.resource;
    let contested = reason(&resource.status) == Some(Reason::Contested.as_str());
    is_ready(resource) || (contested && resource.status.observed_generation == Some(pass.generation))
}

/// The names of fields as the spec has them.
fn fields(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(|it| it.field.declared_name()).collect()
}

/// What is said while somebody else insists on other values.
fn insisted(contested: &Contested) -> Verdict {
    let message = format!(
        "somebody else keeps changing {} in authentik, and the operator corrects it less and less often: find out who else \
         manages it, such as a blueprint, Terraform or another operator",
        contested.fields
    );
    Verdict::new(Reason::Contested, message).retry(Retry::After(contested.wait))
}

/// What authentik calls an object, where it is called by one field.
pub(super) fn called(entry: &Entry, object: &Object) -> Option<String> {
    match entry.endpoint.key {
        [only] => object.text(only).map(str::to_owned),
        _ => None,
    }
}

/// After authentik answered to a change: whether the answer shows what was sent.
pub(super) fn stored(pass: &mut Pass, sent: &Body, object: &Object) -> Acted {
    match not_stored(pass.resource.entry, sent, object) {
        None => Acted::LookAgain,
        Some(message) => {
            pass.facts.slug = called(pass.resource.entry, object);
            Acted::Done(Verdict::new(Reason::NotApplied, message).retry(Retry::Slowly))
        }
    }
}

#[cfg(test)]
mod tests;
