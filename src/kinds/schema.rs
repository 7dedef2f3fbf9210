//! What the API server refuses by itself, as pieces of the definitions' schemas.
//!
//! The functions on [`Schema`] are schemars transforms of single fields or types: bounds, and rules in CEL with messages that
//! say how to mend what is refused. Every text and list has a bound, since the API server refuses definitions whose rules could
//! become dear.

use kube::core::Rule;
use schemars::Schema;
use serde_json::{Value, json};

use super::REGISTRY;

/// Characters of a text.
const TEXT: u32 = 1024;
/// Characters of a slug.
const SLUG: u32 = 300;
/// Characters of a duration.
const DURATION: u32 = 128;
/// Characters of a resource's name; Kubernetes' own bound.
const RESOURCE_NAME: u32 = 253;
/// Items of a list.
const LIST: u32 = 256;

/// authentik cuts blanks off both ends of a text, as Python understands blanks, and refuses NUL.
const TRIMMED: &str = r"self == self.trim() && !self.matches('^[\x1c-\x1f]|[\x1c-\x1f]$|\x00')";
const TRIMMED_MESSAGE: &str =
    "authentik would cut the blanks off: remove blanks and line breaks at both ends, and NUL characters";

/// A text that is not empty.
pub(super) fn text(schema: &mut Schema) {
    bounds(schema, "Length", 1, TEXT);
    rule(schema, TRIMMED, TRIMMED_MESSAGE);
}

/// A text, perhaps an empty one.
pub(super) fn text_or_empty(schema: &mut Schema) {
    bounds(schema, "Length", 0, TEXT);
    rule(schema, TRIMMED, TRIMMED_MESSAGE);
}

/// The slug of a flow that authentik may have.
pub(super) fn slug(schema: &mut Schema) {
    bounds(schema, "Length", 1, SLUG);
    rule(
        schema,
        "self.matches('^[-a-zA-Z0-9_]+$')",
        "a slug has letters without accents, digits, hyphens and underscores only",
    );
}

/// The slug of a flow that is to be reached by authentik's API.
pub(super) fn own_slug(schema: &mut Schema) {
    slug(schema);
    rule(
        schema,
        "!(self in ['import', 'cache_info', 'cache_clear'])",
        "authentik's API cannot reach a flow with the slug import, cache_info or cache_clear: take another slug",
    );
}

/// A duration as authentik reads it: pairs such as `hours=1`, joined by `;`.
///
/// It skips pairs of units that it does not know, whatever their value, but one pair must have a unit that it knows; of
/// two pairs of one unit the later counts. The numbers are Python's, and their sum must fit Python's `timedelta`: beyond,
/// authentik fails without an answer.
pub(super) fn duration(schema: &mut Schema) {
    const KNOWN: &str = "^(?i:microseconds|milliseconds|seconds|minutes|hours|days|weeks)=";
    const DIGITS: &str = "[0-9]+(?:_[0-9]+)*";
    let number = format!(
        r"[ \\t]*[-+]?(?:{DIGITS}(?:[.](?:{DIGITS})?)?|[.]{DIGITS})(?:[eE][-+]?0*[0-9](?:_?[0-9])?)?[ \\t]*$"
    );
    let readable = format!(
        "self.split(';').all(pair, pair.matches('^[^=]*=[^=]*$') && \
         (!pair.matches('{KNOWN}') || pair.matches('{KNOWN}{number}')))"
    );
    let seconds = "{';weeks=': 6.048e5, ';days=': 8.64e4, ';hours=': 3.6e3, ';minutes=': 60.0, ';seconds=': 1.0, \
                   ';milliseconds=': 1e-3, ';microseconds=': 1e-6}";
    let text = "(';' + self.lowerAscii())";
    let sum = format!(
        "{seconds}.filter(unit, {text}.contains(unit)).map(unit, {seconds}[unit] * double({text}.substring(\
         {text}.lastIndexOf(unit) + size(unit)).split(';')[0].trim().replace('_', ''))).sum()"
    );
    bounds(schema, "Length", 1, DURATION);
    rule(schema, TRIMMED, TRIMMED_MESSAGE);
    rule(
        schema,
        &readable,
        "a duration is pairs of a unit and a number joined by semicolons, such as hours=12 or days=1;minutes=30: \
         no blank before the equals sign, no semicolon at the end",
    );
    rule(
        schema,
        &format!("self.split(';').exists(pair, pair.matches('{KNOWN}'))"),
        "a duration needs a unit that authentik knows: microseconds, milliseconds, seconds, minutes, hours, days \
         or weeks, such as hours=12",
    );
    rule(
        schema,
        &format!("!{readable} || [{sum}].all(sum, sum < 8.64e13 && sum >= -86399999913600.0)"),
        "authentik fails on durations of more than 999999999 days: take a shorter one",
    );
}

/// A list of texts.
pub(super) fn texts(schema: &mut Schema) {
    list(schema);
    items(schema, text);
}

/// A list without further conditions.
pub(super) fn list(schema: &mut Schema) {
    bounds(schema, "Items", 0, LIST);
}

/// A list that has each of its values once, and at least one.
pub(super) fn distinct(schema: &mut Schema) {
    bounds(schema, "Items", 1, LIST);
    rule(
        schema,
        "self.all(one, self.exists_one(other, other == one))",
        "a value is there more than once: remove the repetition",
    );
}

/// A list of authenticators' model numbers.
pub(super) fn aaguids(schema: &mut Schema) {
    list(schema);
    items(schema, |item| {
        bounds(item, "Length", 36, 36);
        rule(
            item,
            "self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')",
            "an AAGUID is a UUID with hyphens, such as cb69481e-8ff7-4039-93ec-0a2729a154a8",
        );
    });
}

/// A 32-bit number.
pub(super) fn int32(schema: &mut Schema) {
    schema.insert("minimum".to_owned(), json!(i32::MIN));
    schema.insert("maximum".to_owned(), json!(i32::MAX));
}

/// The name of a resource.
pub(super) fn resource_name(schema: &mut Schema) {
    bounds(schema, "Length", 1, RESOURCE_NAME);
    rule(
        schema,
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
        "this is no resource's metadata.name: those have lower case letters, digits, hyphens and dots. \
         What authentik has by another name is given without Ref",
    );
}

/// One of the kinds that are stages.
pub(super) fn stage_kinds(schema: &mut Schema) {
    let kinds: Vec<&str> = REGISTRY.iter().filter(|entry| entry.stage).map(|entry| entry.name).collect();
    schema.insert("enum".to_owned(), json!(kinds));
}

/// An enumeration, whose documented variants schemars writes as schemas of their own.
pub(super) fn values(schema: &mut Schema) {
    let Some(Value::Array(variants)) = schema.remove("oneOf") else { return };
    let values: Vec<Value> = variants.into_iter().filter_map(|it| it.get("const").cloned()).collect();
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("enum".to_owned(), Value::Array(values));
}

/// A list of conditions, of which each type is there once.
pub(super) fn by_type(schema: &mut Schema) {
    schema.insert("x-kubernetes-list-type".to_owned(), json!("map"));
    schema.insert("x-kubernetes-list-map-keys".to_owned(), json!(["type"]));
}

/// Adds a rule in CEL.
pub(super) fn rule(schema: &mut Schema, rule: &str, message: &str) {
    let rule = Rule::new(rule).message(message);
    kube::core::validate(schema, rule).expect("a rule can be written as JSON");
}

fn bounds(schema: &mut Schema, what: &str, least: u32, most: u32) {
    if least > 0 {
        schema.insert(format!("min{what}"), json!(least));
    }
    schema.insert(format!("max{what}"), json!(most));
}

fn items(schema: &mut Schema, transform: fn(&mut Schema)) {
    if let Some(Ok(items)) = schema.get_mut("items").map(<&mut Schema>::try_from) {
        transform(items);
    }
}
