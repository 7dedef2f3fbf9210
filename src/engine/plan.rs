//! The decision: from what is declared and what authentik has to what is to be done. Pure, so that a command can print it
//! and a test can try all of it.

use super::compare::{Difference, all_missing, differences, names};
use crate::authentik::{Key, Object, Version, text};
use crate::kinds::support::unsupported;
use crate::kinds::{Adoption, Body, Change, Drift, Entry, Reason};

/// All that the decision rests on.
#[derive(Debug)]
pub(crate) struct Situation<'a> {
    /// The kind.
    pub(crate) entry: &'static Entry,
    /// What is declared, references resolved.
    pub(crate) declared: &'a Body,
    /// authentik's version, once known.
    pub(crate) version: Option<Version>,
    /// What may be done with an object that this resource did not make.
    pub(crate) adoption: Adoption,
    /// The object whose identifier the resource knows.
    pub(crate) known: Known,
    /// Another resource to which the known object belongs.
    pub(crate) owner: Option<String>,
    /// Another object that has the declared natural key.
    pub(crate) holder: Option<Holder>,
    /// What else has the name: an object of another kind that shares names with this one.
    pub(crate) namesake: Option<String>,
    /// A resource that declares the same and comes first.
    pub(crate) rival: Option<String>,
    /// Why the operator may not touch the object, by its own settings.
    pub(crate) protected: Option<String>,
}

/// What is known of the object whose identifier the resource has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Known {
    /// The resource has no identifier.
    Nothing,
    /// authentik has the object.
    Present(Object),
    /// authentik said that there is no such object any more.
    Gone,
}

/// An object that has the natural key that a resource declares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Holder {
    /// The object.
    pub(crate) object: Object,
    /// To whom it belongs.
    pub(crate) owner: Owner,
}

/// To whom the holder of a key belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// To no resource.
    Nobody,
    /// To a resource that keeps the key.
    Keeps(String),
    /// To a resource that is about to free the key: it is being deleted, or declares another key.
    Frees(String),
    /// To a resource that waits, over others or directly, for the key that this one has; it is for this one to step aside.
    Waits,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plan {
    /// authentik has what is declared.
    Nothing(Object),
    /// Make the object.
    Create {
        /// The body of the request.
        body: Body,
        /// Whether it was there before.
        again: bool,
    },
    /// Take over an object, as it is.
    Adopt(Object),
    /// Change an object.
    Update {
        /// As it is.
        object: Object,
        /// What is not as declared.
        differences: Vec<Difference>,
        /// The body of the request.
        body: Body,
        /// Whether it is taken over with it.
        adopt: bool,
    },
    /// Give the object another place for the moment, so that others can move.
    StepAside(Object),
    /// Wait for others.
    Wait(Reason, String),
    /// Do nothing until somebody acts.
    Refuse(Reason, String, Vec<Drift>),
}

/// Decides.
#[must_use]
pub(crate) fn plan(situation: &Situation<'_>) -> Plan {
    let refuse = |reason, message: String| Plan::Refuse(reason, message, Vec::new());
    if let Some(version) = &situation.version {
        let unknown = unsupported(situation.entry.fields, situation.declared, version);
        if !unknown.is_empty() {
            let lines: Vec<String> = unknown.iter().map(ToString::to_string).collect();
            return refuse(Reason::Unsupported, lines.join("; "));
        }
    }
    if let Some(why) = &situation.protected {
        return refuse(Reason::Forbidden, why.clone());
    }
    match &situation.known {
        Known::Present(object) => keep(situation, object),
        Known::Nothing | Known::Gone => obtain(situation),
    }
}

/// For an object that the resource knows.
fn keep(situation: &Situation<'_>, object: &Object) -> Plan {
    if let Some(owner) = &situation.owner {
        let message = format!("{owner} owns this object in authentik: only one resource can");
        return Plan::Refuse(Reason::Conflict, message, Vec::new());
    }
    let differences = differences(situation.entry, situation.declared, object);
    if differences.is_empty() {
        return Plan::Nothing(object.clone());
    }
    let renamed = differences.iter().any(|it| situation.entry.endpoint.key.contains(&it.field.name));
    if renamed && let Some(holder) = &situation.holder {
        return match &holder.owner {
            Owner::Nobody => Plan::Refuse(
                Reason::AlreadyExists,
                format!("authentik has another object with {}, which no resource owns", key(situation)),
                differences.iter().map(Difference::drift).collect(),
            ),
            owner => among_resources(situation, owner, Some(object)),
        };
    }
    if renamed && let Some(namesake) = &situation.namesake {
        return Plan::Refuse(Reason::AlreadyExists, namesake.clone(), Vec::new());
    }
    update(situation, object, differences, false)
}

/// For a resource without an object.
fn obtain(situation: &Situation<'_>) -> Plan {
    if let Some(holder) = &situation.holder {
        if holder.owner != Owner::Nobody {
            return among_resources(situation, &holder.owner, None);
        }
        if let Some(rival) = &situation.rival {
            return conflict(situation, rival);
        }
        let differences = differences(situation.entry, situation.declared, &holder.object);
        return adopt(situation, &holder.object, differences);
    }
    if let Some(rival) = &situation.rival {
        return conflict(situation, rival);
    }
    if let Some(namesake) = &situation.namesake {
        return Plan::Refuse(Reason::AlreadyExists, namesake.clone(), Vec::new());
    }
    let body = situation.declared.clone();
    match (situation.entry.refused)(&body, None) {
        Some(why) => Plan::Refuse(Reason::Invalid, why, Vec::new()),
        None => Plan::Create { body, again: situation.known == Known::Gone },
    }
}

/// When the key that is declared belongs to another resource's object.
fn among_resources(situation: &Situation<'_>, owner: &Owner, own: Option<&Object>) -> Plan {
    match (owner, own) {
        (Owner::Waits, Some(own)) => Plan::StepAside(own.clone()),
        (Owner::Frees(holder), _) => Plan::Wait(
            Reason::ReferenceNotReady,
            format!("waits until {holder} has given up {}", key(situation)),
        ),
        (Owner::Keeps(holder), _) => conflict(situation, holder),
        (Owner::Waits | Owner::Nobody, _) => {
            Plan::Wait(Reason::ReferenceNotReady, format!("waits until {} is free", key(situation)))
        }
    }
}

fn conflict(situation: &Situation<'_>, other: &str) -> Plan {
    let message = format!("{other} declares the same object, with {}: only one resource can", key(situation));
    Plan::Refuse(Reason::Conflict, message, Vec::new())
}

/// For an object that this resource did not make.
fn adopt(situation: &Situation<'_>, object: &Object, differences: Vec<Difference>) -> Plan {
    let refuse = |message: String| {
        let drift = differences.iter().map(Difference::drift).collect();
        Plan::Refuse(Reason::AlreadyExists, message, drift)
    };
    let called = key(situation);
    match situation.adoption {
        Adoption::Never => refuse(format!(
            "authentik already has an object with {called}, and it may not be taken over (spec.adoption, or the operator's \
             --adopt)"
        )),
        _ if differences.is_empty() => Plan::Adopt(object.clone()),
        Adoption::Force => update(situation, object, differences, true),
        Adoption::IfMatching => refuse(format!(
            "authentik already has an object with {called}, and it differs in {}: spec.adoption Force takes it over and \
             changes it, if the operator's --adopt allows that",
            names(&differences)
        )),
    }
}

fn update(situation: &Situation<'_>, object: &Object, differences: Vec<Difference>, adopt: bool) -> Plan {
    let body = request(situation.entry, situation.declared, object, &differences);
    match (situation.entry.refused)(&body, Some(&object.pk)) {
        Some(why) => {
            let drift = differences.iter().map(Difference::drift).collect();
            Plan::Refuse(Reason::Invalid, why, drift)
        }
        None => Plan::Update { object: object.clone(), differences, body, adopt },
    }
}

/// The body of the request that changes `object`: what differs, and what has to go with it.
fn request(entry: &Entry, declared: &Body, object: &Object, differences: &[Difference]) -> Body {
    let differs = |name: &str| differences.iter().any(|it| it.field.name == name);
    let whole = entry.change == Change::Put;
    let mut wanted: Vec<&str> = differences.iter().map(|it| it.field.name).collect();
    if whole {
        wanted.extend(entry.endpoint.key);
    }
    for group in entry.together.iter().filter(|group| whole || group.iter().any(|name| differs(name))) {
        wanted.extend(*group);
    }
    let value = |name: &str| declared.get(name).or_else(|| object.fields.get(name)).cloned();
    wanted.into_iter().filter_map(|name| Some((name.to_owned(), value(name)?))).collect()
}

/// The body of the request that gives `object` the place `order` and leaves all else as it is.
#[must_use]
pub(crate) fn step_aside(entry: &Entry, object: &Object, field: &str, order: i32) -> Body {
    let mut body = request(entry, &Body::new(), object, &[]);
    body.insert(field.to_owned(), order.into());
    body
}

fn key(situation: &Situation<'_>) -> String {
    match Key::of(situation.entry.endpoint.key, situation.declared) {
        Some(key) => format!("the {key}"),
        None => "this key".to_owned(),
    }
}

impl Plan {
    /// What would be changed if it could be: for a resource that only observes.
    #[must_use]
    pub(crate) fn drift(&self, situation: &Situation<'_>) -> Vec<Drift> {
        let list = |differences: &[Difference]| differences.iter().map(Difference::drift).collect();
        match self {
            Self::Nothing(_) | Self::Adopt(_) => Vec::new(),
            Self::Create { .. } => list(&all_missing(situation.entry, situation.declared)),
            Self::Update { differences, .. } => list(differences),
            Self::StepAside(object) => list(&differences(situation.entry, situation.declared, object)),
            Self::Wait(..) => Vec::new(),
            Self::Refuse(_, _, drift) => drift.clone(),
        }
    }
}

/// What was sent and is not what authentik says that it stored, for a message; none if all is.
#[must_use]
pub(crate) fn not_stored(entry: &Entry, sent: &Body, stored: &Object) -> Option<String> {
    let lines: Vec<String> = differences(entry, sent, stored)
        .iter()
        .map(|it| {
            let stored = it.actual.as_ref().map_or_else(|| "nothing".to_owned(), text);
            format!("{}: sent {}, stored {stored}", it.field.declared_name(), text(&it.declared))
        })
        .collect();
    (!lines.is_empty()).then(|| format!("authentik accepted and did not store {}", lines.join("; ")))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
