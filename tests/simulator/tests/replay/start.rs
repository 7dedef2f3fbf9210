//! What an authentik knew when its recording began, and in which order the recording was made.

use std::path::Path;

use serde_json::{Value, json};

use crate::recording::{self, Part};

/// The state at the start, as answers, and the order in which the files were recorded.
pub(crate) fn of(version: &str, folder: &Path, own: &Path) -> Result<(Value, Vec<Part>), String> {
    let pristine = folder.join("pristine-2026.2.2.json");
    if version == "2026.2.2" {
        let order = [
            "flows",
            "bindings",
            "validate",
            "stages-and-info",
            "auth-and-permissions",
            "http",
            "events-and-blueprints",
            "other-stages",
            "policies",
            "more",
        ];
        let parts = order.map(|file| Part { file: file.to_owned(), from: 0, to: u32::MAX });
        return Ok((recording::read_value(&pristine)?, parts.into()));
    }
    let differences = recording::read_value(&own.join("pristine-ids.json"))?;
    let answers = with_other_identifiers(recording::read_value(&pristine)?, &differences);
    let parts = serde_json::from_value(differences["play_order"].clone())
        .map_err(|error| format!("{}: play_order: {error}", own.display()))?;
    Ok((answers, parts))
}

/// The fresh state of 2026.2.2 with the identifiers that another server gave to the same objects, as far as its recordings
/// show them, and without what it lacks.
fn with_other_identifiers(answers: Value, other: &Value) -> Value {
    let mut renamed: Vec<(String, String)> = Vec::new();
    let mut rename = |from: &Value, to: &Value| {
        if let (Some(from), Some(to)) = (from.as_str(), to.as_str()) {
            renamed.push((from.to_owned(), to.to_owned()));
        }
    };
    let rows =
        |path: &str| answers[format!("GET /{path}/")]["results"].as_array().cloned().unwrap_or_default();
    let flows = rows("flows/instances");
    for flow in &flows {
        let to = &other["flows"][flow["slug"].as_str().unwrap_or_default()];
        rename(&flow["pk"], &to["pk"]);
        rename(&flow["policybindingmodel_ptr_id"], &to["policybindingmodel_ptr_id"]);
    }
    for (path, key) in
        [("stages/all", "stages"), ("policies/all", "policies"), ("stages/prompt/prompts", "prompts")]
    {
        for row in rows(path) {
            rename(&row["pk"], &other[key][row["name"].as_str().unwrap_or_default()]);
        }
    }
    let slug = |pk: &Value| flows.iter().find(|flow| &flow["pk"] == pk).map(|flow| flow["slug"].clone());
    for binding in rows("flows/bindings") {
        let found = other["bindings"].as_array().into_iter().flatten().find(|to| {
            Some(&to["flow"]) == slug(&binding["target"]).as_ref()
                && to["order"] == binding["order"]
                && to["stage"] == binding["stage_obj"]["name"]
        });
        if let Some(to) = found {
            rename(&binding["pk"], &to["pk"]);
            rename(&binding["policybindingmodel_ptr_id"], &to["ptr"]);
        }
    }
    for binding in rows("policies/bindings") {
        let found = other["policy_bindings"].as_array().into_iter().flatten().find(|to| {
            to["policy"] == binding["policy_obj"]["name"]
                && (to["flow"].is_null() || Some(&to["flow"]) == slug(&binding["target"]).as_ref())
        });
        // Those that the recordings do not show came behind those that they do.
        let behind = binding["pk"].as_str().map(|pk| json!(format!("f{}", &pk[1..])));
        rename(&binding["pk"], found.map_or(&json!(behind), |to| &to["pk"]));
    }
    for stage in rows("stages/prompt/stages") {
        let fields = &other["prompt_stages"][stage["name"].as_str().unwrap_or_default()]["fields"];
        let known = other["prompts"].as_object().cloned().unwrap_or_default();
        let free = fields.as_array().cloned().unwrap_or_default();
        let mut free = free.into_iter().filter(|pk| !known.values().any(|known| known == pk));
        for field in stage["fields"].as_array().into_iter().flatten() {
            let name = rows("stages/prompt/prompts").into_iter().find(|prompt| &prompt["pk"] == field);
            let named =
                name.is_some_and(|prompt| known.contains_key(prompt["name"].as_str().unwrap_or_default()));
            if !named && let Some(to) = free.next() {
                rename(field, &to);
            }
        }
    }
    rename(&rows("core/brands")[0]["brand_uuid"], &other["brand"]);
    rename(&rows("sources/all")[0]["pk"], &other["sources"]["authentik-built-in"]);
    let admins = &other["groups"]["authentik Admins"];
    rename(&rows("core/groups")[0]["pk"], &admins["pk"]);
    let mut text = answers.to_string();
    for (from, to) in renamed {
        text = text.replace(&from, &to);
    }
    let mut answers: Value = serde_json::from_str(&text).unwrap_or_default();
    let absent: Vec<Value> = other["absent"]["policies"].as_array().cloned().unwrap_or_default();
    for (path, name) in [("policies/all", "name"), ("policies/bindings", "policy")] {
        if let Some(rows) = answers[format!("GET /{path}/")]["results"].as_array_mut() {
            rows.retain(|row| {
                let policy = if name == "name" { &row["name"] } else { &row["policy_obj"]["name"] };
                !absent.contains(policy)
            });
        }
    }
    answers["GET /core/users/me/"]["user"]["pk"] = other["users"]["akadmin"]["pk"].clone();
    answers
}
