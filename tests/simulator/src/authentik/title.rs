//! What authentik calls an object where it prints one.

use serde_json::Value;

use super::python;
use super::store::{Row, Store, Table};

/// What `str()` of an object gives, which `used_by` and texts show.
pub(crate) fn of(store: &Store, row: &Row) -> String {
    let name = row.text("name");
    match row.kind.table {
        Table::Flow => format!("Flow {name} ({})", row.text("slug")),
        Table::Binding => {
            format!("Flow-stage binding #{} to {}", python::str(row.get("order")), row.text("target"))
        }
        Table::PolicyBinding => {
            let target = store.policy_target(row.text("target")).map(|target| of(store, target));
            let policy =
                store.get(Table::Policy, row.text("policy")).map(|policy| policy.text("name").to_owned());
            format!(
                "Binding from {} #{} to Policy {}",
                target.unwrap_or_default(),
                python::str(row.get("order")),
                policy.unwrap_or_default()
            )
        }
        Table::Brand if row.get("default") == &Value::Bool(true) => "Default brand".to_owned(),
        Table::Brand => format!("Brand {}", row.text("domain")),
        Table::Invitation => {
            format!("Invitation {} created by {}", row.pk, python::str(row.get("created_by")))
        }
        Table::Policy | Table::Provider | Table::Application | Table::User => name.to_owned(),
        _ => format!("{} {name}", row.kind.label).trim_start().to_owned(),
    }
}

/// What the event list calls an object: its name where it has one.
pub(crate) fn name(store: &Store, row: &Row) -> String {
    match row.get("name") {
        Value::String(name) => name.clone(),
        _ => of(store, row),
    }
}
