//! Recorded exchanges, and the steps between them that were made and not recorded.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A line of a recording. A few lines sum up many requests and hold no exchange.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    /// The number by which the knowledge base names it.
    pub(crate) n: u32,
    pub(crate) request: Option<Request>,
    pub(crate) response: Option<Response>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) headers_relevant: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(crate) body: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Response {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers_relevant: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: Value,
}

/// A request that the recorder must have made, inferred from what the exchanges show.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Step {
    /// The exchange before which it was made.
    pub(crate) before: u32,
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) body: Value,
    /// Several of the same kind, with `{i}` in path and body.
    pub(crate) repeat: Option<Repeat>,
    /// Identifiers of what it creates.
    #[serde(default)]
    pub(crate) ids: Map<String, Value>,
    /// A field of the answer that is a token from here on: field to placeholder.
    #[serde(default)]
    pub(crate) saves: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Repeat {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) width: usize,
}

impl Step {
    /// The single requests that the step stands for.
    pub(crate) fn each(&self) -> Vec<Step> {
        let Some(repeat) = &self.repeat else { return vec![self.clone()] };
        (repeat.from..=repeat.to)
            .map(|i| {
                let number = format!("{i:0width$}", width = repeat.width);
                let body = self.body.to_string().replace("{i}", &number);
                Step {
                    path: self.path.replace("{i}", &number),
                    body: serde_json::from_str(&body).unwrap_or_default(),
                    ids: self.ids.get(&i.to_string()).and_then(Value::as_object).cloned().unwrap_or_default(),
                    repeat: None,
                    ..self.clone()
                }
            })
            .collect()
    }
}

/// A part of the recordings: a file, or a range of its exchanges.
#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    pub(crate) file: String,
    #[serde(default)]
    pub(crate) from: u32,
    #[serde(default = "no_end")]
    pub(crate) to: u32,
}

fn no_end() -> u32 {
    u32::MAX
}

/// The lines of a recording.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>, String> {
    let lines: Vec<Line> = read_lines(path)?;
    match lines.iter().find(|line| line.request.is_some() != line.response.is_some()) {
        Some(line) => {
            Err(format!("{} [{}]: a request without an answer, or the reverse", path.display(), line.n))
        }
        None => Ok(lines),
    }
}

/// A file with a JSON value on each line.
pub(crate) fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| format!("{}:{}: {error}", path.display(), index + 1))
        })
        .collect()
}

/// A file with one JSON value.
pub(crate) fn read_value(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}
