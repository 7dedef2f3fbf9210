//! A flow as a text: its export as a blueprint and its diagram.

use std::fmt::Write as _;

use serde_json::Value;

use super::field::Type;
use super::python;
use super::state::State;
use super::store::{Row, Table};

impl State {
    /// The flow as a blueprint: the flow, its policies, stages and bindings.
    pub(crate) fn export(&self, flow: &Row) -> String {
        let ptr = flow.text("policybindingmodel_ptr_id");
        let mut bindings: Vec<&Row> = self.store.referrers(Table::Binding, "target", &flow.pk).collect();
        bindings.sort_by_key(|binding| binding.get("order").as_i64());
        let targets: Vec<&str> = std::iter::once(ptr)
            .chain(bindings.iter().map(|binding| binding.text("policybindingmodel_ptr_id")))
            .collect();
        let mut policy_bindings: Vec<&Row> = self
            .store
            .rows(Table::PolicyBinding)
            .filter(|row| targets.contains(&row.text("target")))
            .collect();
        policy_bindings.sort_by_key(|binding| std::cmp::Reverse(binding.get("order").as_i64()));
        let mut text = "context: {}\nentries:\n".to_owned();
        self.entry_of(&mut text, flow, &["slug"]);
        for binding in &policy_bindings {
            if let Some(policy) = self.store.get(Table::Policy, binding.text("policy")) {
                self.entry_of(&mut text, policy, &[]);
            }
        }
        for binding in &bindings {
            if let Some(stage) = self.store.get(Table::Stage, binding.text("stage")) {
                self.entry_of(&mut text, stage, &["name"]);
            }
        }
        for binding in &bindings {
            self.entry_of(&mut text, binding, &["order", "stage", "target"]);
        }
        for binding in &policy_bindings {
            self.entry_of(&mut text, binding, &["order", "policy", "target"]);
        }
        let time = super::state::now();
        let _ = write!(
            text,
            "metadata:\n  labels:\n    blueprints.goauthentik.io/generated: 'true'\n  name: authentik Export - {} {}+00:00\nversion: 1\n",
            &time[..10],
            time[11..].trim_end_matches('Z'),
        );
        text
    }

    /// One entry: what identifies the object, and its other fields.
    fn entry_of(&self, text: &mut String, row: &Row, identifiers: &[&str]) {
        // Up to 2025.10 what is empty is left out (recording `flow-export`).
        let drops_empty = !self.version.at_least(2025, 12);
        let mut attributes: Vec<(&str, String)> = row
            .kind
            .fields(&self.version)
            .filter(|field| !identifiers.contains(&field.name) && !matches!(field.kind, Type::References(_)))
            .map(|field| (field.name, row.get(field.name)))
            .filter(|(_, value)| !drops_empty || !is_empty(value))
            .map(|(name, value)| (name, self.scalar(name, row, value)))
            .collect();
        let mut identifying: Vec<(&str, String)> =
            identifiers.iter().map(|name| (*name, self.scalar(name, row, row.get(name)))).collect();
        identifying.push(("pk", row.pk.clone()));
        attributes.sort();
        identifying.sort();
        let _ = write!(text, "- attrs:");
        block(text, &attributes);
        let _ = write!(text, "  conditions: []\n  identifiers:");
        block(text, &identifying);
        let _ = writeln!(text, "  model: {}\n  permissions: []\n  state: present", row.kind.model_name());
    }

    fn scalar(&self, name: &str, row: &Row, value: &Value) -> String {
        match value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::String(text) if row.kind.table == Table::PolicyBinding && name == "target" => {
                self.store.policy_target(text).map_or_else(|| text.clone(), |target| target.pk.clone())
            }
            Value::String(text) if text.is_empty() => "''".to_owned(),
            other => python::str(other),
        }
    }

    /// The flow as a Mermaid graph.
    pub(crate) fn diagram(&self, flow: &Row) -> String {
        let ptr = flow.text("policybindingmodel_ptr_id");
        let mut policies: Vec<&Row> =
            self.store.rows(Table::PolicyBinding).filter(|binding| binding.text("target") == ptr).collect();
        policies.sort_by_key(|binding| binding.get("order").as_i64());
        let mut stages: Vec<&Row> = self.store.referrers(Table::Binding, "target", &flow.pk).collect();
        stages.sort_by_key(|binding| binding.get("order").as_i64());
        const END: &str = "done[[\"End of the flow\"]]";
        let mut lines = vec!["graph TD".to_owned()];
        let policy = |binding: &Row| self.store.get(Table::Policy, binding.text("policy")).cloned();
        if !policies.is_empty() {
            lines.push("flow_pre[[\"Pre-flow policies\"]]".to_owned());
        }
        for (index, binding) in policies.iter().enumerate() {
            if let Some(policy) = policy(binding) {
                let order = python::str(binding.get("order"));
                let (verbose, name) = (policy.kind.verbose, policy.text("name"));
                lines.push(format!(
                    "flow_pre --Binding {order}--> flow_policy_{index}{{{{\"Policy ({verbose})\n{name}\"}}}}"
                ));
            }
        }
        lines
            .extend((0..policies.len()).map(|index| format!("flow_policy_{index} --Policy denied--> {END}")));
        let start = format!("flow_start[[\"Flow\n{}\"]]", flow.text("name"));
        if policies.is_empty() {
            lines.push(start.clone());
        }
        lines.extend((0..policies.len()).map(|index| format!("flow_policy_{index} --> {start}")));
        for (index, binding) in stages.iter().enumerate() {
            if let Some(stage) = self.store.get(Table::Stage, binding.text("stage")) {
                lines.push(format!(
                    "--> stage_{index}([\"Stage ({})\n{}\"])",
                    stage.kind.verbose,
                    stage.text("name")
                ));
            }
        }
        if let Some(last) = stages.len().checked_sub(1) {
            lines.push(format!("stage_{last} --> {END}"));
        }
        lines.join("\n")
    }
}

fn block(text: &mut String, pairs: &[(&str, String)]) {
    if pairs.is_empty() {
        text.push_str(" {}\n");
        return;
    }
    text.push('\n');
    for (name, value) in pairs {
        let _ = writeln!(text, "    {name}: {value}");
    }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(false)) || value == ""
}
