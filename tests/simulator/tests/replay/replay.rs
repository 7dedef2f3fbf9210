//! Plays the recordings of one version against the simulator.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use authentik_simulator::authentik::{Authentik, Version};
use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value, json};

use crate::recording::{self, Line, Request, Step};
use crate::{compare, passed_over, start};

const ADMIN: &str = "admin-token-of-the-replay";

/// What came of a version's recordings.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) files: Vec<FileReport>,
    /// How many requests were made between the exchanges.
    pub(crate) steps: usize,
}

/// What came of one file.
pub(crate) struct FileReport {
    pub(crate) name: String,
    pub(crate) total: usize,
    pub(crate) replayed: usize,
    pub(crate) passed_over: Vec<(u32, String)>,
    pub(crate) differences: Vec<(u32, String)>,
}

struct Replay {
    authentik: Authentik,
    version: String,
    /// Placeholder of the recording to the token that stands behind it now.
    tokens: BTreeMap<String, String>,
    report: Report,
}

/// Plays everything in `folder` that was recorded from the version.
pub(crate) async fn run(version: &str, folder: &Path) -> Result<Report, String> {
    let own = folder.join(version);
    let (answers, parts) = start::of(version, folder, &own)?;
    let parsed: Version = version.parse().map_err(|error| format!("{error}"))?;
    let authentik = Authentik::from_answers(parsed, ADMIN, &answers)
        .map_err(|error| error.to_string())?
        .with_write_gap(Duration::ZERO);
    let mut replay = Replay {
        authentik,
        version: version.to_owned(),
        tokens: BTreeMap::from([("<admin-token>".to_owned(), ADMIN.to_owned())]),
        report: Report::default(),
    };
    let steps: Vec<Step> = recording::read_lines(&own.join("unrecorded.jsonl"))?;
    let mut steps = steps.into_iter().peekable();
    for part in parts {
        let lines = recording::read(&own.join(format!("{}.jsonl", part.file)))?;
        for line in lines.into_iter().filter(|line| (part.from..=part.to).contains(&line.n)) {
            while let Some(step) = steps.next_if(|step| step.before == line.n) {
                replay.step(&step).await?;
            }
            replay.exchange(&part.file, &line).await;
        }
    }
    match steps.next() {
        Some(step) => {
            Err(format!("{version}: the step before [{}] has no place in the order of play", step.before))
        }
        None => Ok(replay.report),
    }
}

impl Replay {
    /// Makes a request that was not recorded. It must succeed.
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        for step in step.each() {
            self.report.steps += 1;
            self.lay_ready(&Value::Object(step.ids.clone()));
            let request = Request {
                method: step.method.clone(),
                path: step.path.clone(),
                query: None,
                headers_relevant: BTreeMap::from([(
                    "authorization".to_owned(),
                    Some("Bearer <admin-token>".to_owned()),
                )]),
                body: step.body.clone(),
            };
            let response = self.send(&request).await?;
            let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
            if !response.status().is_success() {
                let (status, path) = (response.status(), &step.path);
                return Err(format!(
                    "the step {} {path} before [{}]: {status} {body}",
                    step.method, step.before
                ));
            }
            for (field, placeholder) in &step.saves {
                let token = body[field].as_str().unwrap_or_default();
                self.tokens.insert(placeholder.clone(), token.to_owned());
            }
        }
        Ok(())
    }

    async fn exchange(&mut self, file: &str, line: &Line) {
        let (Some(request), Some(recorded)) = (&line.request, &line.response) else {
            let summary = "sums up races of many requests; a test of the simulator plays them";
            self.file(file).passed_over.push((line.n, summary.to_owned()));
            self.file(file).total += 1;
            return;
        };
        self.file(file).total += 1;
        if let Some(reason) = passed_over::reason(&self.version, line.n, request) {
            self.file(file).passed_over.push((line.n, reason.to_owned()));
            return;
        }
        self.lay_ready(&recorded.body);
        let difference = match self.send(request).await {
            Ok(response) => self.difference(line.n, request, recorded, &response).await,
            Err(error) => Some(error),
        };
        let file = self.file(file);
        file.replayed += 1;
        if let Some(reason) = passed_over::reason_for_the_body(line.n, request) {
            file.passed_over.push((line.n, format!("its body alone: {reason}")));
        }
        if let Some(difference) = difference {
            file.differences.push((line.n, format!("{} {}: {difference}", request.method, request.path)));
        }
    }

    fn file(&mut self, name: &str) -> &mut FileReport {
        let files = &mut self.report.files;
        let index = files.iter().position(|file| file.name == name).unwrap_or_else(|| {
            files.push(FileReport {
                name: name.to_owned(),
                total: 0,
                replayed: 0,
                passed_over: Vec::new(),
                differences: Vec::new(),
            });
            files.len() - 1
        });
        &mut files[index]
    }

    /// Makes the objects that the next request creates get the identifiers that they had in the recording.
    fn lay_ready(&self, body: &Value) {
        let mut ready: Vec<(&str, Value)> = Vec::new();
        for name in ["pk", "brand_uuid", "user_pk"] {
            if let Some(pk) = body.get(name).filter(|pk| !pk.is_null()) {
                ready.push(("pk", pk.clone()));
            }
        }
        if let Some(ptr) = body.get("policybindingmodel_ptr_id") {
            ready.push(("policybindingmodel_ptr_id", ptr.clone()));
        }
        let assigned = body.as_array().into_iter().flatten().filter_map(|entry| entry.get("id"));
        ready.extend(assigned.map(|id| ("id", id.clone())));
        self.authentik.lay_identifiers_ready(ready);
    }

    async fn send(&self, request: &Request) -> Result<Response<Bytes>, String> {
        let mut uri = request.path.clone();
        if let Some(query) = request.query.as_ref().filter(|query| !query.is_empty()) {
            uri = format!("{uri}?{}", encode(query));
        }
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(uri);
        let has_body = !request.body.is_null();
        if has_body && !request.headers_relevant.contains_key("content-type") {
            builder = builder.header("content-type", "application/json");
        }
        for (name, value) in &request.headers_relevant {
            match value {
                Some(value) if value != "(none)" => {
                    let value =
                        self.tokens.iter().fold(value.clone(), |value, (from, to)| value.replace(from, to));
                    builder = builder.header(name, value);
                }
                _ => {}
            }
        }
        let request = builder.body(Bytes::from(body(&request.body))).map_err(|error| error.to_string())?;
        Ok(self.authentik.handle(request).await)
    }

    async fn difference(
        &mut self,
        n: u32,
        request: &Request,
        recorded: &recording::Response,
        actual: &Response<Bytes>,
    ) -> Option<String> {
        let text = String::from_utf8_lossy(actual.body());
        if actual.status().as_u16() != recorded.status {
            let start: String = text.chars().take(200).collect();
            return Some(format!("{} instead of {}: {start}", actual.status().as_u16(), recorded.status));
        }
        let header = |name: &str| actual.headers().get(name).and_then(|value| value.to_str().ok());
        for name in [
            "content-type",
            "allow",
            "vary",
            "content-language",
            "x-frame-options",
            "x-content-type-options",
            "referrer-policy",
            "content-disposition",
        ] {
            let wanted = recorded.headers_relevant.get(name).map(String::as_str);
            if header(name) != wanted {
                return Some(format!("header {name} is {:?}, not {wanted:?}", header(name)));
            }
        }
        if header("x-authentik-id").is_none_or(|id| id.len() != 32) {
            return Some("header x-authentik-id is not 32 characters".to_owned());
        }
        let is_page = header("content-type").is_some_and(|value| value.starts_with("text/html"));
        let is_text = recorded.headers_relevant.contains_key("content-disposition");
        if request.method == "HEAD" || (is_page && !is_text && !recorded.body.is_null()) {
            return None;
        }
        let body: Value = if is_text {
            Value::String(text.into_owned())
        } else if text.is_empty() {
            Value::Null
        } else {
            match serde_json::from_str(&text) {
                Ok(body) => body,
                Err(error) => return Some(format!("the body is not JSON: {error}")),
            }
        };
        self.save_tokens(request, &recorded.body, &body);
        if passed_over::reason_for_the_body(n, request).is_some() {
            return None;
        }
        let (recorded, body) =
            (with_free_identifiers(request, &recorded.body), with_free_identifiers(request, &body));
        if request.path.ends_with("/used_by/") {
            return compare::used_by_difference(&recorded, &body);
        }
        let ordering = request.query.as_ref().and_then(|query| query.get("ordering")).and_then(Value::as_str);
        match ordering {
            None if request.path == "/api/v3/stages/all/" => self.unordered(&recorded, &body).await,
            Some(key) if key.trim_start_matches('-') != "created" => {
                ordered_by(key.trim_start_matches('-'), &recorded, &body)
            }
            _ => compare::difference(&recorded, &body),
        }
    }

    fn save_tokens(&mut self, request: &Request, recorded: &Value, actual: &Value) {
        // 2025.10.4's recording masks the key of the expiring token with the account's, and uses it under its own.
        if request.path.ends_with("/cap-sa-exp/view_key/") {
            let key = actual["key"].as_str().unwrap_or_default();
            self.tokens.insert("<expired-token>".to_owned(), key.to_owned());
        }
        for field in ["key", "token"] {
            if let (Some(placeholder), Some(token)) = (recorded[field].as_str(), actual[field].as_str())
                && placeholder.starts_with('<')
            {
                self.tokens.insert(placeholder.to_owned(), token.to_owned());
            }
        }
    }

    /// All stages, without `ordering`: the database's own order, which even the size of the page changes. Pagination and
    /// number of rows must agree, and each row that the recording shows must be what that stage is here.
    async fn unordered(&self, recorded: &Value, actual: &Value) -> Option<String> {
        let without_rows = |body: &Value| {
            let mut body = body.clone();
            body["results"] = json!([]);
            body
        };
        if let Some(difference) = compare::difference(&without_rows(recorded), &without_rows(actual)) {
            return Some(difference);
        }
        let (shown, total) = compare::shown_rows(recorded["results"].as_array()?);
        let rows = actual["results"].as_array()?.len();
        if rows != total {
            return Some(format!("there are {rows} rows, not {total}"));
        }
        for row in shown {
            let request = Request {
                method: "GET".to_owned(),
                path: format!("/api/v3/stages/all/{}/", row["pk"].as_str().unwrap_or_default()),
                query: None,
                headers_relevant: BTreeMap::from([(
                    "authorization".to_owned(),
                    Some(format!("Bearer {ADMIN}")),
                )]),
                body: Value::Null,
            };
            let stage = self.send(&request).await.ok()?;
            let stage: Value = serde_json::from_slice(stage.body()).unwrap_or_default();
            if let Some(difference) = compare::difference(row, &stage) {
                return Some(format!("stage {}: {difference}", row["name"]));
            }
        }
        None
    }
}

/// Without the identifiers of what the server makes by itself: events, and the token of the first start.
fn with_free_identifiers(request: &Request, body: &Value) -> Value {
    let mut body = body.clone();
    let events = request.path == "/api/v3/events/events/";
    let rows = body.get_mut("results").and_then(Value::as_array_mut);
    for row in rows.into_iter().flatten().filter_map(Value::as_object_mut) {
        if events {
            row.remove("pk");
        }
    }
    if events && let Some(body) = body.as_object_mut() {
        // Completion for the search field of the web page: the fields of an event, which nothing else uses.
        body.remove("autocomplete");
    }
    if request.path == "/api/v3/core/tokens/authentik-bootstrap-token/" {
        body["pk"] = Value::Null;
    }
    body
}

/// Rows with one value of the field that orders them have no order among each other.
fn ordered_by(key: &str, recorded: &Value, actual: &Value) -> Option<String> {
    let (Some(rows), Some(actual_rows)) = (recorded["results"].as_array(), actual["results"].as_array())
    else {
        return compare::difference(recorded, actual);
    };
    let value =
        |row: &Value| if key == "stage__name" { row["stage_obj"]["name"].clone() } else { row[key].clone() };
    let (shown, total) = compare::shown_rows(rows);
    if total != actual_rows.len() {
        return Some(format!("there are {} rows, not {total}", actual_rows.len()));
    }
    for (index, row) in shown.iter().enumerate() {
        if value(row) != value(&actual_rows[index]) {
            let (is, was) = (value(&actual_rows[index]), value(row));
            return Some(format!("row {index} has {key} {is}, not {was}"));
        }
        let Some(same) = actual_rows.iter().find(|other| other["pk"] == row["pk"]) else {
            return Some(format!("row {index}, {}, is not on the page", row["pk"]));
        };
        if let Some(difference) = compare::difference(row, same) {
            return Some(format!("row {index}: {difference}"));
        }
    }
    None
}

fn encode(query: &Map<String, Value>) -> String {
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in query {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for value in values {
            let text = match (&value, value.as_f64()) {
                (Value::String(text), _) => text.clone(),
                // Numbers beyond 64 bits were sent as they were written.
                (Value::Number(number), Some(float)) if number.is_f64() => format!("{float:.0}"),
                _ => value.to_string(),
            };
            encoded.append_pair(name, &text);
        }
    }
    encoded.finish()
}

/// The body as it was sent. Two were too long to be kept whole: texts of one letter.
fn body(recorded: &Value) -> Vec<u8> {
    if let Some(raw) = recorded.get("raw").and_then(Value::as_str) {
        return raw.as_bytes().to_vec();
    }
    if let Some(cut) = recorded.get("truncated").and_then(Value::as_str) {
        let (shown, length) = cut.rsplit_once("...(").unwrap_or((cut, ""));
        let length: usize = length.trim_end_matches(" chars)").parse().unwrap_or_default();
        let letter = shown.chars().last().unwrap_or('x').to_string();
        let end = if shown.contains("\"slug\"") { "\", \"designation\": \"authentication\"}" } else { "\"}" };
        let missing = length.saturating_sub(shown.chars().count() + end.chars().count());
        return format!("{shown}{}{end}", letter.repeat(missing)).into_bytes();
    }
    if recorded.is_null() { Vec::new() } else { recorded.to_string().into_bytes() }
}
