//! Whether an answer is the recorded one, setting aside what no second run can give: times, secrets, signed URLs, texts that
//! the recording cut, and orders that the database leaves open.

use serde_json::Value;

/// Fields whose value differs from run to run.
const VOLATILE: [&str; 21] = [
    "date_joined",
    "last_updated",
    "password_change_date",
    "expires",
    "created",
    "timestamp",
    "server_time",
    "uid",
    "user_uid",
    "uuid",
    "client_id",
    "client_secret",
    "key",
    "token",
    "request_id",
    "user_agent",
    "version_latest",
    "version_latest_valid",
    "outdated",
    "hash",
    "expression",
];

/// Fields that hold a set: joined tables, read without an order.
const SETS: [&str; 11] = [
    "stages",
    "policies",
    "flow_set",
    "configuration_stages",
    "webauthn_allowed_device_types",
    "webauthn_allowed_device_types_obj",
    "fields",
    "validation_policies",
    "system_permissions",
    "prompt_stages_obj",
    "users_obj",
];

/// The first difference between a recorded body and an actual one; none when they agree.
pub(crate) fn difference(recorded: &Value, actual: &Value) -> Option<String> {
    at("", "", recorded, actual)
}

/// The first difference between what `used_by` said and says: entries of one model come in the order of a join, which is
/// open.
pub(crate) fn used_by_difference(recorded: &Value, actual: &Value) -> Option<String> {
    let (Some(recorded), Some(actual)) = (recorded.as_array(), actual.as_array()) else {
        return difference(recorded, actual);
    };
    let model = |entry: &Value| (entry["app"].clone(), entry["model_name"].clone(), entry["action"].clone());
    let models = |entries: &[Value]| {
        let mut models: Vec<_> = entries.iter().map(model).collect();
        models.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
        models.into_iter().map(|(app, name, _)| (app, name)).collect::<Vec<_>>()
    };
    if models(recorded) != models(actual) {
        return Some(format!("uses come in the order {:?}, not {:?}", models(actual), models(recorded)));
    }
    as_sets("", recorded, actual)
}

fn at(path: &str, name: &str, recorded: &Value, actual: &Value) -> Option<String> {
    if VOLATILE.contains(&name) && recorded.is_null() == actual.is_null() {
        return None;
    }
    match (recorded, actual) {
        (Value::Object(recorded), Value::Object(actual)) => {
            if let Some(missing) = recorded.keys().find(|key| !actual.contains_key(*key)) {
                return Some(format!("{path}.{missing} is missing"));
            }
            if let Some(extra) = actual.keys().find(|key| !recorded.contains_key(*key)) {
                return Some(format!("{path}.{extra} is too much: {}", actual[extra]));
            }
            recorded.iter().find_map(|(key, value)| at(&format!("{path}.{key}"), key, value, &actual[key]))
        }
        (Value::Array(recorded), Value::Array(actual)) if name == "results" => rows(path, recorded, actual),
        (Value::Array(recorded), Value::Array(actual)) if SETS.contains(&name) => {
            as_sets(path, recorded, actual)
        }
        (Value::Array(recorded), Value::Array(actual)) => {
            if recorded.len() != actual.len() {
                return Some(format!("{path} has {} items, not {}", actual.len(), recorded.len()));
            }
            let mut pairs = recorded.iter().zip(actual).enumerate();
            pairs.find_map(|(index, (a, b))| at(&format!("{path}[{index}]"), "", a, b))
        }
        (Value::String(recorded), Value::String(actual)) if same_text(recorded, actual) => None,
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (recorded, actual) if recorded == actual => None,
        (recorded, actual) => Some(format!("{path} is {}, not {}", short(actual), short(recorded))),
    }
}

/// The rows of a page. Recordings hold the first ones and the number of all.
pub(crate) fn rows(path: &str, recorded: &[Value], actual: &[Value]) -> Option<String> {
    let (shown, total) = shown_rows(recorded);
    if actual.len() != total {
        return Some(format!("{path} has {} rows, not {total}", actual.len()));
    }
    let mut pairs = shown.iter().zip(actual).enumerate();
    pairs.find_map(|(index, (recorded, actual))| at(&format!("{path}[{index}]"), "", recorded, actual))
}

/// The rows that a recording shows, and how many there were.
pub(crate) fn shown_rows(recorded: &[Value]) -> (&[Value], usize) {
    let cut = recorded.split_last().and_then(|(last, shown)| {
        let total = last.as_str()?.strip_prefix("... (")?.strip_suffix(" results in all)")?.parse().ok()?;
        Some((shown, total))
    });
    cut.unwrap_or((recorded, recorded.len()))
}

fn as_sets(path: &str, recorded: &[Value], actual: &[Value]) -> Option<String> {
    let mut left: Vec<&Value> = actual.iter().collect();
    for item in recorded {
        let Some(index) = left.iter().position(|other| at(path, "", item, other).is_none()) else {
            return Some(format!("{path} lacks {}", short(item)));
        };
        left.swap_remove(index);
    }
    left.first().map(|extra| format!("{path} has {} too much", short(extra)))
}

fn same_text(recorded: &str, actual: &str) -> bool {
    if recorded == actual {
        return true;
    }
    if let Some((start, _)) = recorded.split_once("?token=") {
        return actual.split_once("?token=").is_some_and(|(other, _)| other == start);
    }
    if let Some((length, start)) = long_text(recorded) {
        return actual.chars().count() == length && actual.starts_with(start);
    }
    if let Some(file) = recorded.strip_prefix("/media/public/flow-backgrounds/n_") {
        // A second file of one name gets seven random characters.
        return file.len() == "xxxxxxx.png".len() && actual.starts_with("/media/public/flow-backgrounds/n");
    }
    // The export names the time at which it was made.
    let without_time = |text: &str| {
        text.lines().filter(|line| !line.contains("authentik Export")).map(str::to_owned).collect::<Vec<_>>()
    };
    recorded.contains("authentik Export") && without_time(recorded) == without_time(actual)
}

/// `<3000000 characters, first: xxxxxxxxxxxxxxxxxxxx>`: length and beginning.
fn long_text(text: &str) -> Option<(usize, &str)> {
    let (length, start) = text.strip_prefix('<')?.strip_suffix('>')?.split_once(" characters, first: ")?;
    Some((length.parse().ok()?, start))
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 160 {
        text
    } else {
        format!("{}…", text.chars().take(160).collect::<String>())
    }
}
