//! From the body of a request to the values of fields, with the errors that authentik's serializers give.

use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Refusal, broken, invalid, invalid_object};
use super::field::{Choice, Field, Type};
use super::kind::{Kind, Payload};
use super::kinds::FLOW;
use super::store::{Row, Store, Table};
use super::version::Version;
use super::{background, duration, python};

/// Why a field's value is not taken.
enum Error {
    /// Errors, as the 400 shows them for the field.
    Invalid(Value),
    /// authentik breaks on it.
    Broken,
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Error::Invalid(json!([text]))
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Error::Invalid(json!([text]))
    }
}

/// Fields and what belongs to them: values or errors.
type Fields = Map<String, Value>;

/// What the values are checked against.
pub(crate) struct Validator<'a> {
    pub(crate) store: &'a Store,
    pub(crate) version: &'a Version,
    pub(crate) kind: &'static Kind,
    /// The object as it was read, when it is being changed.
    pub(crate) stored: Option<&'a Row>,
    /// PATCH: what is required may be missing.
    pub(crate) partial: bool,
    pub(crate) language: &'static str,
}

impl Validator<'_> {
    /// The values that the body gives to the kind's fields. Fields that are unknown or read-only are ignored.
    pub(crate) fn validate(&self, body: &Value) -> Result<Fields, Refusal> {
        let body = object(body).map_err(invalid)?;
        self.refuse_flow_set(body)?;
        let (values, mut errors) = self.fields(body)?;
        let payload = Payload { store: self.store, body, values: &values, stored: self.stored };
        if let Some(rule) = self.kind.field_rule
            && let Err(Value::Object(more)) = rule(&payload)
        {
            errors.extend(more);
        }
        if !errors.is_empty() {
            return Err(invalid(Value::Object(errors)));
        }
        self.unique_together(&values)?;
        if let Some(rule) = self.kind.rule {
            rule(&payload)?;
        }
        if self.kind.enterprise {
            return Err(invalid_object("Enterprise is required to create/update this object."));
        }
        Ok(values)
    }

    /// The values of the fields, and the errors of those that are not taken.
    fn fields(&self, body: &Map<String, Value>) -> Result<(Fields, Fields), Refusal> {
        let (mut values, mut errors) = (Map::new(), Map::new());
        for field in self.kind.fields(self.version) {
            let outcome = match body.get(field.name) {
                None if field.required && !self.partial => Err(Error::from(required(self.language))),
                None => continue,
                Some(value) if is_null(field, value) && field.null => Ok(Value::Null),
                Some(value) if is_null(field, value) => Err(Error::from("This field may not be null.")),
                Some(value) => self.parse(field, value).and_then(|value| self.unique(field, value)),
            };
            match outcome {
                Ok(value) => values.insert(field.name.to_owned(), value),
                Err(Error::Invalid(error)) => errors.insert(field.name.to_owned(), error),
                Err(Error::Broken) => return Err(broken()),
            };
        }
        Ok((values, errors))
    }

    fn parse(&self, field: &Field, value: &Value) -> Result<Value, Error> {
        match field.kind {
            Type::Text => text(field, value).map(Value::String),
            Type::Slug => self.slug(field, value),
            Type::Bool => boolean(value),
            Type::Int => integer(value),
            Type::Float => python::float(&python::str(value))
                .or_else(|| value.as_bool().map(|value| if value { 1.0 } else { 0.0 }))
                .map(|number| json!(number))
                .ok_or_else(|| "A valid number is required.".into()),
            Type::Choice(choices) => self.choice(choices, value),
            Type::Choices(choices) => items(field, value)?
                .iter()
                .enumerate()
                .map(|(index, item)| self.item(choices, index, item))
                .collect(),
            Type::Texts => {
                items(field, value)?.iter().map(|item| text(field, item).map(Value::String)).collect()
            }
            Type::Duration => {
                let text = text(field, value)?;
                match duration::check(&text) {
                    duration::Verdict::Fine => Ok(Value::String(text)),
                    duration::Verdict::Unreadable => {
                        Err(format!("{text} is not in the correct format of 'hours=3;minutes=1'.").into())
                    }
                    duration::Verdict::Overflow => Err(Error::Broken),
                }
            }
            Type::Background => {
                let text = text(field, value)?;
                background::check(&text)?;
                Ok(Value::String(text))
            }
            Type::Reference(table) => self.reference(table, value).map(|pk| match table {
                Table::User | Table::Provider => pk.parse::<u64>().map_or(Value::Null, Value::from),
                _ => Value::String(pk),
            }),
            Type::References(table) => {
                let mut found = items(field, value)?
                    .iter()
                    .map(|item| self.reference(table, item))
                    .collect::<Result<Vec<_>, _>>()?;
                found.sort();
                found.dedup();
                Ok(json!(found))
            }
            Type::PolicyTarget => self.policy_target(value),
            Type::Json => Ok(value.clone()),
        }
    }

    fn slug(&self, field: &Field, value: &Value) -> Result<Value, Error> {
        let text = text(field, value)?;
        let mut errors = Vec::new();
        if let Some((length, until)) = field.max_length_until
            && self.version.minor() < until
            && text.chars().count() > length
        {
            errors.push(format!("Ensure this field has no more than {length} characters."));
        }
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            let (open, close) =
                if self.version.at_least(2025, 12) { ('\u{201c}', '\u{201d}') } else { ('"', '"') };
            errors.push(format!(
                "Enter a valid {open}slug{close} consisting of letters, numbers, underscores or hyphens."
            ));
        }
        if errors.is_empty() { Ok(Value::String(text)) } else { Err(Error::Invalid(json!(errors))) }
    }

    fn choice(&self, choices: &[Choice], value: &Value) -> Result<Value, Error> {
        let text = python::str(value);
        let known = choices.iter().any(|choice| choice.value == text && choice.known_to(self.version));
        if known { Ok(Value::String(text)) } else { Err(format!("\"{text}\" is not a valid choice.").into()) }
    }

    fn item(&self, choices: &[Choice], index: usize, value: &Value) -> Result<Value, Error> {
        let outcome = match value {
            Value::Null => Err("This field may not be null.".into()),
            value => self.choice(choices, value),
        };
        outcome.map_err(|error| match error {
            Error::Invalid(error) => Error::Invalid(json!({index.to_string(): error})),
            Error::Broken => Error::Broken,
        })
    }

    fn reference(&self, table: Table, value: &Value) -> Result<String, Error> {
        let absent =
            || Error::from(format!("Invalid pk \"{}\" - object does not exist.", python::str(value)));
        let key = match (table, value) {
            (_, Value::Bool(_)) => return Err("Incorrect type. Expected pk value, received bool.".into()),
            (Table::User | Table::Provider, value) => python::str(value),
            (_, Value::Number(_) | Value::Null) => return Err(absent()),
            (_, Value::String(text)) => uuid(text)?,
            (_, other) => return Err(not_a_uuid(&python::str(other)).into()),
        };
        self.store.get(table, &key).map(|_| key).ok_or_else(absent)
    }

    /// Takes a flow's identifier as well as a `policybindingmodel_ptr_id` (recording `flow-used-policybinding-flow-pk`).
    fn policy_target(&self, value: &Value) -> Result<Value, Error> {
        let key = uuid(&python::str(value))?;
        if let Some(flow) = self.store.get(Table::Flow, &key) {
            return Ok(flow.get("policybindingmodel_ptr_id").clone());
        }
        let bound = self.store.policy_target(&key).is_some();
        if bound {
            Ok(Value::String(key))
        } else {
            Err(format!("Invalid pk \"{key}\" - object does not exist.").into())
        }
    }

    fn unique(&self, field: &Field, value: Value) -> Result<Value, Error> {
        let Some((_, model)) = self.kind.unique.iter().find(|(name, _)| *name == field.name) else {
            return Ok(value);
        };
        let taken = self
            .store
            .rows(self.kind.table)
            .any(|row| *row.get(field.name) == value && self.stored.is_none_or(|stored| stored.pk != row.pk));
        if !taken {
            return Ok(value);
        }
        Err(format!("{model} with this {} already exists.", field.name).into())
    }

    fn unique_together(&self, values: &Map<String, Value>) -> Result<(), Refusal> {
        let fields = self.kind.unique_together;
        let given = |field: &str| values.get(field).or_else(|| self.stored.map(|row| row.get(field)));
        let wanted: Option<Vec<&Value>> =
            fields.iter().map(|field| given(field).filter(|value| !value.is_null())).collect();
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok(()) };
        let taken = self.store.rows(self.kind.table).any(|row| {
            self.stored.is_none_or(|stored| stored.pk != row.pk)
                && fields.iter().zip(&wanted).all(|(field, value)| row.get(field) == *value)
        });
        if !taken {
            return Ok(());
        }
        Err(invalid_object(&format!("The fields {} must make a unique set.", fields.join(", "))))
    }

    /// Up to 2025.10 `flow_set` is writable on paper, and any value of it fails in one way or the other (recordings
    /// `old-fs-*`).
    fn refuse_flow_set(&self, body: &Map<String, Value>) -> Result<(), Refusal> {
        let Some(flow_set) = body.get("flow_set") else { return Ok(()) };
        if self.kind.table != Table::Stage || !self.version.flow_set_is_writable() {
            return Ok(());
        }
        let flows = match flow_set {
            Value::Null => return Err(invalid(json!({"flow_set": ["This field may not be null."]}))),
            Value::Array(flows) => flows,
            other => {
                return Err(invalid(json!({"flow_set": {"non_field_errors": [not_a_list(other)]}})));
            }
        };
        let flow = Validator { kind: &FLOW, stored: None, ..*self };
        let errors = flows
            .iter()
            .map(|item| match object(item) {
                Err(error) => Ok(error),
                Ok(item) => flow.fields(item).map(|(_, errors)| Value::Object(errors)),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if errors.iter().any(|error| *error != json!({})) {
            return Err(invalid(json!({"flow_set": errors})));
        }
        Err(broken())
    }
}

/// The body of a request as JSON. Up to 2025.10 authentik breaks on one in UTF-16, which is no UTF-8.
pub(crate) fn parse(body: &[u8], version: &Version) -> Result<Value, Refusal> {
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(super::answer::detail(
            StatusCode::BAD_REQUEST,
            "JSON parse error - byte order mark (BOM) is not supported: line 1 column 1 (char 0)",
        ));
    }
    if !version.at_least(2025, 12) && std::str::from_utf8(body).is_err() {
        return Err(broken());
    }
    serde_json::from_slice(body).map_err(|error| syntax(body, &error))
}

/// A syntax error in the words of authentik's JSON parser, as far as they are recorded; position as it counts.
fn syntax(body: &[u8], error: &serde_json::Error) -> Refusal {
    let text = String::from_utf8_lossy(body);
    let (what, at) = if error.is_eof() {
        ("unexpected end of data", text.chars().count())
    } else if error.to_string().contains("surrogate") || error.to_string().contains("hex escape") {
        ("no low surrogate in string", error.column().saturating_sub(1))
    } else {
        ("unexpected character", error.column().saturating_sub(1))
    };
    super::answer::detail(
        StatusCode::BAD_REQUEST,
        format!("JSON parse error - {what}: line {} column {} (char {at})", error.line(), at + 1),
    )
}

fn object(value: &Value) -> Result<&Map<String, Value>, Value> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Err(json!({"non_field_errors": ["No data provided"]})),
        other => Err(json!({"non_field_errors": [
            format!("Invalid data. Expected a dictionary, but got {}.", python::type_name(other))
        ]})),
    }
}

/// The one message that a recording shows in another language (`accept-language-de`).
fn required(language: &str) -> &'static str {
    if language == "de" { "Dieses Feld ist erforderlich." } else { "This field is required." }
}

fn text(field: &Field, value: &Value) -> Result<String, Error> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(_) => python::str(value),
        _ => return Err("Not a valid string.".into()),
    };
    if text.contains('\0') {
        return Err("Null characters are not allowed.".into());
    }
    if text.is_empty() && !field.blank {
        return Err("This field may not be blank.".into());
    }
    Ok(text)
}

/// Whether the value counts as null: where an object is referred to, an empty text does.
fn is_null(field: &Field, value: &Value) -> bool {
    value.is_null() || (matches!(field.kind, Type::Reference(_) | Type::PolicyTarget) && value == "")
}

fn boolean(value: &Value) -> Result<Value, Error> {
    const TRUE: [&str; 11] = ["t", "y", "yes", "true", "on", "1", "T", "Y", "YES", "TRUE", "ON"];
    const FALSE: [&str; 11] = ["f", "n", "no", "false", "off", "0", "F", "N", "NO", "FALSE", "OFF"];
    let found = match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => number.as_f64().and_then(|number| match number {
            0.0 => Some(false),
            1.0 => Some(true),
            _ => None,
        }),
        Value::String(text) => match text.as_str() {
            "True" | "Yes" | "On" => Some(true),
            "False" | "No" | "Off" => Some(false),
            text if TRUE.contains(&text) => Some(true),
            text if FALSE.contains(&text) => Some(false),
            _ => None,
        },
        _ => None,
    };
    found.map(Value::Bool).ok_or_else(|| "Must be a valid boolean.".into())
}

fn integer(value: &Value) -> Result<Value, Error> {
    let text = python::str(value);
    let whole = text.trim().split_once('.').map_or(text.trim(), |(whole, fraction)| {
        if fraction.bytes().all(|digit| digit == b'0') { whole } else { "" }
    });
    let number = python::int(whole).ok_or_else(|| Error::from("A valid integer is required."))?;
    match i32::try_from(number) {
        Ok(number) => Ok(json!(number)),
        Err(_) if number > 0 => {
            Err(format!("Ensure this value is less than or equal to {}.", i32::MAX).into())
        }
        Err(_) => Err(format!("Ensure this value is greater than or equal to {}.", i32::MIN).into()),
    }
}

fn items<'a>(field: &Field, value: &'a Value) -> Result<&'a Vec<Value>, Error> {
    match value {
        Value::Array(items) if items.is_empty() && !field.blank => Err("This list may not be empty.".into()),
        Value::Array(items) => Ok(items),
        other => Err(not_a_list(other).into()),
    }
}

fn not_a_list(value: &Value) -> String {
    format!("Expected a list of items but got type \"{}\".", python::type_name(value))
}

fn not_a_uuid(text: &str) -> String {
    format!("\u{201c}{text}\u{201d} is not a valid UUID.")
}

fn uuid(text: &str) -> Result<String, Error> {
    Uuid::parse_str(text.trim()).map(|uuid| uuid.to_string()).map_err(|_| not_a_uuid(text).into())
}
