//! The kinds that the simulator serves, as tables. What they hold comes from the recordings and, for versions that were
//! not recorded, from the schemas.

use super::field::{Field, Type, optional};
use super::kind::Kind;
use super::store::Table;
use super::version::{Minor, Version};

mod accounts;
mod authenticators;
mod bindings;
mod flows;
mod policies;
mod stages;
mod users_of_flows;
mod validate;

pub(crate) use accounts::{EVENT, GROUP, ROLE, TOKEN, USER};
pub(crate) use bindings::{BINDING, POLICY_BINDING};
pub(crate) use flows::FLOW;
pub(crate) use policies::POLICY;
pub(crate) use stages::STAGE;
pub(crate) use users_of_flows::{BUILT_IN_SOURCE, PROVIDER, SOURCE};

/// What most kinds leave as it is.
const KIND: Kind = Kind {
    path: "",
    table: Table::Flow,
    app: "",
    model: "",
    class: "",
    verbose: "",
    verbose_plural: "",
    component: "",
    label: "",
    key: "pk",
    pk: "pk",
    fields: &[],
    filters: &[],
    search: &["name"],
    order: &["name"],
    orderable: &[],
    unique: &[],
    unique_together: &[],
    field_rule: None,
    rule: None,
    since: Minor(0, 0),
    enterprise: false,
};

/// The flow that lets users set the stage up themselves, and its name to them.
const CONFIGURE_FLOW: Field = optional("configure_flow", Type::Reference(Table::Flow), "null").nullable();
const FRIENDLY_NAME: Field = optional("friendly_name", Type::Text, "\"\"").may_be_blank();

/// Every kind whose endpoint takes the ordinary verbs, in a version.
pub(crate) fn served(version: &Version) -> impl Iterator<Item = &'static Kind> {
    let minor = version.minor();
    all().filter(move |kind| minor >= kind.since)
}

/// Every kind whose endpoint takes the ordinary verbs, in any version.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
    [&FLOW, &BINDING, &validate::VALIDATE_STAGE, &POLICY_BINDING]
        .into_iter()
        .chain(authenticators::KINDS)
        .chain(stages::KINDS)
        .chain(policies::KINDS)
        .chain(users_of_flows::KINDS)
        .chain(accounts::KINDS)
}

/// Whether it is what several kinds have in common: listed, never created by itself.
pub(crate) fn is_base(kind: &Kind) -> bool {
    [&STAGE, &POLICY, &PROVIDER, &SOURCE].into_iter().any(|base| std::ptr::eq(kind, base))
}

/// The kind with a model's name (`authentik_flows.flow`).
pub(crate) fn by_model_name(name: &str) -> Option<&'static Kind> {
    all()
        .chain([&STAGE, &POLICY, &PROVIDER, &SOURCE, &BUILT_IN_SOURCE])
        .find(|kind| kind.model_name() == name)
}
