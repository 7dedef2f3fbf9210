//! Which object refers to which, what `used_by` says of it, and what a deletion does to it.

use serde_json::{Value, json};

use super::kinds;
use super::permissions::Caller;
use super::state::State;
use super::store::{Row, Store, Table};
use super::title;

/// What becomes of a referrer when the object that it refers to is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It is deleted as well.
    Cascade,
    /// It loses the object from a set.
    CascadeMany,
    /// Its field becomes null.
    SetNull,
    /// Its field gets its default, which is null for all that are played here.
    SetDefault,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Cascade => "cascade",
            Action::CascadeMany => "cascade_many",
            Action::SetNull => "set_null",
            Action::SetDefault => "set_default",
        }
    }
}

/// A field of one table's rows that refers to another table's.
struct Relation {
    from: Table,
    field: &'static str,
    to: Table,
    action: Action,
    /// Whether `used_by` tells of it: some relations have no name on the other side (recordings
    /// `flow-used-by-everything` and `totp-used-by-as-configuration-stage`).
    reported: bool,
}

const fn relation(from: Table, field: &'static str, to: Table, action: Action) -> Relation {
    Relation { from, field, to, action, reported: true }
}

const fn silent(from: Table, field: &'static str, to: Table, action: Action) -> Relation {
    Relation { reported: false, ..relation(from, field, to, action) }
}

/// Every reference that the simulator knows, in the order in which `used_by` tells of them.
static RELATIONS: [Relation; 40] = [
    relation(Table::Brand, "flow_authentication", Table::Flow, Action::SetNull),
    relation(Table::Brand, "flow_device_code", Table::Flow, Action::SetNull),
    relation(Table::Brand, "flow_invalidation", Table::Flow, Action::SetNull),
    relation(Table::Brand, "flow_recovery", Table::Flow, Action::SetNull),
    relation(Table::Brand, "flow_unenrollment", Table::Flow, Action::SetNull),
    relation(Table::Brand, "flow_user_settings", Table::Flow, Action::SetNull),
    relation(Table::Binding, "target", Table::Flow, Action::Cascade),
    relation(Table::Binding, "stage", Table::Stage, Action::Cascade),
    relation(Table::Invitation, "flow", Table::Flow, Action::SetDefault),
    relation(Table::Stage, "configure_flow", Table::Flow, Action::SetNull),
    relation(Table::Provider, "authentication_flow", Table::Flow, Action::SetNull),
    relation(Table::Provider, "authorization_flow", Table::Flow, Action::Cascade),
    relation(Table::Provider, "invalidation_flow", Table::Flow, Action::SetDefault),
    relation(Table::Stage, "target_flow", Table::Flow, Action::SetNull),
    relation(Table::Source, "authentication_flow", Table::Flow, Action::SetNull),
    relation(Table::Source, "enrollment_flow", Table::Flow, Action::SetNull),
    relation(Table::Source, "pre_authentication_flow", Table::Flow, Action::Cascade),
    silent(Table::Stage, "enrollment_flow", Table::Flow, Action::SetNull),
    silent(Table::Stage, "recovery_flow", Table::Flow, Action::SetNull),
    silent(Table::Stage, "passwordless_flow", Table::Flow, Action::SetNull),
    relation(Table::Stage, "fields", Table::Prompt, Action::CascadeMany),
    relation(Table::Stage, "create_users_group", Table::Group, Action::SetNull),
    relation(Table::Stage, "password_stage", Table::Stage, Action::SetNull),
    relation(Table::Stage, "captcha_stage", Table::Stage, Action::SetNull),
    relation(Table::Stage, "webauthn_stage", Table::Stage, Action::SetNull),
    silent(Table::Stage, "configuration_stages", Table::Stage, Action::CascadeMany),
    silent(Table::Stage, "webauthn_allowed_device_types", Table::DeviceType, Action::CascadeMany),
    silent(Table::Stage, "device_type_restrictions", Table::DeviceType, Action::CascadeMany),
    relation(Table::Stage, "validation_policies", Table::Policy, Action::CascadeMany),
    silent(Table::Stage, "sources", Table::Source, Action::CascadeMany),
    silent(Table::PolicyBinding, "policy", Table::Policy, Action::Cascade),
    silent(Table::PolicyBinding, "group", Table::Group, Action::Cascade),
    silent(Table::PolicyBinding, "user", Table::User, Action::Cascade),
    relation(Table::Application, "provider", Table::Provider, Action::SetNull),
    relation(Table::Token, "user", Table::User, Action::Cascade),
    relation(Table::Brand, "default_application", Table::Application, Action::SetDefault),
    silent(Table::User, "groups", Table::Group, Action::CascadeMany),
    relation(Table::Group, "roles", Table::Role, Action::CascadeMany),
    relation(Table::User, "roles", Table::Role, Action::CascadeMany),
    relation(Table::InitialPermissions, "role", Table::Role, Action::Cascade),
];

/// What a deletion takes with it: the objects that go, the referrers that lose something.
#[derive(Debug, Default)]
pub(crate) struct Fallout {
    /// The objects to delete, each after those that refer to it.
    gone: Vec<Row>,
}

impl Fallout {
    /// Everything that goes with the object, as it is now.
    pub(crate) fn of(store: &Store, row: &Row) -> Self {
        let mut fallout = Fallout::default();
        fallout.collect(store, row);
        fallout
    }

    /// The objects that go, each after those that refer to it.
    pub(crate) fn gone(&self) -> &[Row] {
        &self.gone
    }

    fn holds(&self, row: &Row) -> bool {
        self.gone.iter().any(|other| other.pk == row.pk && other.kind.table == row.kind.table)
    }

    fn collect(&mut self, store: &Store, row: &Row) {
        if self.holds(row) {
            return;
        }
        for referrer in cascading(store, row) {
            self.collect(store, referrer);
        }
        self.gone.push(row.clone());
    }

    /// Deletes what was collected. Objects that were given a reference meanwhile, and would have to go as well, make the
    /// database refuse: nothing is deleted then.
    pub(crate) fn apply(&self, store: &mut Store) -> Result<(), Refused> {
        let left_behind =
            self.gone.iter().any(|row| cascading(store, row).any(|referrer| !self.holds(referrer)));
        if left_behind {
            return Err(Refused);
        }
        for row in &self.gone {
            store.remove(row.kind.table, &row.pk);
            release(store, row);
        }
        Ok(())
    }
}

/// The database refused a write for the sake of references.
#[derive(Debug)]
pub(crate) struct Refused;

fn cascading<'a>(store: &'a Store, row: &'a Row) -> impl Iterator<Item = &'a Row> {
    let ptr = row.text("policybindingmodel_ptr_id");
    let policy_bindings = store
        .rows(Table::PolicyBinding)
        .filter(move |binding| !ptr.is_empty() && binding.text("target") == ptr);
    RELATIONS
        .iter()
        .filter(|relation| relation.to == row.kind.table && relation.action == Action::Cascade)
        .flat_map(|relation| store.referrers(relation.from, relation.field, &row.pk))
        .chain(policy_bindings)
}

/// Takes the object out of the fields of those that stay.
fn release(store: &mut Store, row: &Row) {
    for relation in RELATIONS.iter().filter(|relation| relation.to == row.kind.table) {
        let referrers: Vec<String> = store
            .referrers(relation.from, relation.field, &row.pk)
            .map(|referrer| referrer.pk.clone())
            .collect();
        for pk in referrers {
            let Some(referrer) = store.get_mut(relation.from, &pk) else { continue };
            match referrer.values.get_mut(relation.field) {
                Some(Value::Array(items)) => items.retain(|item| item.as_str() != Some(&row.pk)),
                Some(value) => *value = Value::Null,
                None => {}
            }
        }
    }
}

/// Whether everything that the row must refer to is there: the database's foreign keys.
pub(crate) fn references_hold(store: &Store, row: &Row) -> bool {
    RELATIONS.iter().filter(|relation| relation.from == row.kind.table).all(|relation| {
        match row.get(relation.field) {
            Value::Null | Value::Array(_) => true,
            value => store.get(relation.to, &super::python::str(value)).is_some(),
        }
    })
}

impl State {
    /// What uses the object, as far as the caller may see it. Repeats who refers to it twice and leaves out relations
    /// without a name, as authentik does.
    pub(crate) fn used_by(&self, caller: &Caller, row: &Row) -> Value {
        let mut used_by = Vec::new();
        self.policies_of(caller, row, &mut used_by);
        // authentik walks through the relations by their names: stages that a flow configures come where their model's
        // name does, before or after the bindings.
        let mut entries: Vec<(String, Value)> = RELATIONS
            .iter()
            .filter(|relation| relation.reported && relation.to == row.kind.table)
            .flat_map(|relation| {
                self.sorted(relation, &row.pk).into_iter().map(move |referrer| (relation, referrer))
            })
            .filter_map(|(relation, referrer)| {
                self.entry(caller, referrer, relation.action, relation.field == "pre_authentication_flow")
                    .map(|entry| (attribute(relation, referrer), entry))
            })
            .collect();
        entries.extend(self.links(caller, row));
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        used_by.extend(entries.into_iter().map(|(_, entry)| entry));
        Value::Array(used_by)
    }

    fn sorted<'a>(&'a self, relation: &'a Relation, pk: &'a str) -> Vec<&'a Row> {
        let mut rows: Vec<&Row> = self.store.referrers(relation.from, relation.field, pk).collect();
        if relation.from == Table::Binding {
            rows.sort_by_key(|row| (row.text("target").to_owned(), row.get("order").as_i64()));
        }
        rows
    }

    /// Policy bindings, which the attribute `bindings` holds: before everything else.
    fn policies_of(&self, caller: &Caller, row: &Row, used_by: &mut Vec<Value>) {
        let ptr = row.text("policybindingmodel_ptr_id");
        if ptr.is_empty() {
            return;
        }
        let mut bindings: Vec<&Row> =
            self.store.rows(Table::PolicyBinding).filter(|binding| binding.text("target") == ptr).collect();
        bindings.sort_by_key(|binding| binding.get("order").as_i64());
        used_by.extend(
            bindings.iter().filter_map(|binding| self.entry(caller, binding, Action::Cascade, false)),
        );
    }

    /// The other ends of sets that a table in between makes: a flow's stages and policies, a stage's flows, what a policy
    /// is bound to. An object that is linked twice is there twice.
    fn links(&self, caller: &Caller, row: &Row) -> Vec<(String, Value)> {
        let ptr = row.text("policybindingmodel_ptr_id");
        let mut links = Vec::new();
        let mut link = |attribute: &str, entry: Option<Value>| {
            links.extend(entry.map(|entry| (attribute.to_owned(), entry)));
        };
        if !ptr.is_empty() {
            for binding in
                self.store.rows(Table::PolicyBinding).filter(|binding| binding.text("target") == ptr)
            {
                let policy = self.store.get(Table::Policy, binding.text("policy"));
                link(
                    "policies",
                    policy.and_then(|policy| self.entry(caller, policy, Action::CascadeMany, false)),
                );
            }
        }
        match row.kind.table {
            Table::Flow => {
                for binding in self.store.referrers(Table::Binding, "target", &row.pk) {
                    let stage = self.store.get(Table::Stage, binding.text("stage"));
                    let stage = stage.map(|stage| Row { kind: &kinds::STAGE, ..stage.clone() });
                    link(
                        "stages",
                        stage.and_then(|stage| self.entry(caller, &stage, Action::CascadeMany, false)),
                    );
                }
            }
            Table::Stage => {
                for binding in self.store.referrers(Table::Binding, "stage", &row.pk) {
                    let flow = self.store.get(Table::Flow, binding.text("target"));
                    link(
                        "flow_set",
                        flow.and_then(|flow| self.entry(caller, flow, Action::CascadeMany, false)),
                    );
                }
            }
            Table::Policy if self.may(caller, "authentik_policies.view_policybindingmodel") => {
                for binding in self.store.referrers(Table::PolicyBinding, "policy", &row.pk) {
                    let ptr = binding.text("target");
                    link(
                        "policybindingmodel_set",
                        Some(json!({
                            "app": "authentik_policies",
                            "model_name": "policybindingmodel",
                            "pk": ptr,
                            "name": format!("PolicyBindingModel {ptr}"),
                            "action": Action::CascadeMany.name(),
                        })),
                    );
                }
            }
            _ => {}
        }
        links
    }

    /// An entry of `used_by`. Providers and sources are named by their base, except where the relation is the kind's own.
    fn entry(&self, caller: &Caller, row: &Row, action: Action, own_relation: bool) -> Option<Value> {
        let kind = match row.kind.table {
            Table::Policy => &kinds::POLICY,
            Table::Provider => &kinds::PROVIDER,
            Table::Source if !own_relation => &kinds::SOURCE,
            _ => row.kind,
        };
        if !self.may_on(caller, &kind.permission("view"), kind, &row.pk) {
            return None;
        }
        let name = match row.kind.table {
            Table::Source if !own_relation => row.text("name").to_owned(),
            _ => title::of(&self.store, row),
        };
        Some(json!({
            "app": kind.app,
            "model_name": kind.model,
            "pk": row.pk,
            "name": name,
            "action": action.name(),
        }))
    }
}

/// The name that the relation has on the object that is referred to.
fn attribute(relation: &Relation, referrer: &Row) -> String {
    match (relation.from, relation.field) {
        (Table::Brand, field) => format!("brand_{}", field.trim_start_matches("flow_")),
        (Table::Provider | Table::Source, field) => {
            format!("{:?}_{}", relation.from, field.trim_end_matches("_flow")).to_lowercase()
        }
        _ => format!("{}_set", referrer.kind.model),
    }
}
