//! A kind of object that authentik serves: its endpoint, its fields, how it is listed. Described by tables in `kinds`.

use serde_json::{Map, Value};

use super::answer::Refusal;
use super::field::{Choice, Field};
use super::store::{Row, Store, Table};
use super::version::{Minor, Version};

/// A query parameter that narrows a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Filter {
    /// Equal to a text.
    Text(&'static str),
    /// Equal to one of a set of values; others are refused.
    Choice(&'static str, &'static [Choice]),
    /// Equal to a UUID that need not exist: the parameter's name and the field, `pk` for the identifier.
    Uuid(&'static str, &'static str),
    /// Equal to a number.
    Number(&'static str),
    /// Equal to a boolean; what is none is ignored.
    Bool(&'static str),
    /// Refers to an object that must exist: the parameter's name (and field), and how its table is addressed.
    Object(&'static str, Table),
    /// Is bound to the object with this `policybindingmodel_ptr_id`, which must exist.
    PolicyTarget,
    /// Refers to all of the objects given, which must exist.
    Objects(&'static str, Table),
}

/// What a rule over several fields may look at: the body as sent and the values that came out of it.
pub(crate) struct Payload<'a> {
    pub(crate) store: &'a Store,
    pub(crate) body: &'a Map<String, Value>,
    pub(crate) values: &'a Map<String, Value>,
    pub(crate) stored: Option<&'a Row>,
}

/// A rule that speaks beside the fields' own errors: field and errors, as a 400 shows them.
pub(crate) type FieldRule = fn(&Payload<'_>) -> Result<(), Value>;

/// A rule over several fields, asked when each of them is right by itself.
pub(crate) type Rule = fn(&Payload<'_>) -> Result<(), Refusal>;

/// A kind of object.
pub(crate) struct Kind {
    /// The collection below `/api/v3/`, without slashes at its ends.
    pub(crate) path: &'static str,
    pub(crate) table: Table,
    pub(crate) app: &'static str,
    /// The model's name in lower case, as permissions and `used_by` spell it.
    pub(crate) model: &'static str,
    /// The model's class, as "No Flow matches the given query." spells it.
    pub(crate) class: &'static str,
    pub(crate) verbose: &'static str,
    pub(crate) verbose_plural: &'static str,
    pub(crate) component: &'static str,
    /// What stands before the name where authentik prints an object.
    pub(crate) label: &'static str,
    /// What the URL of an object holds: `pk`, or a field.
    pub(crate) key: &'static str,
    /// What the identifier is called in answers.
    pub(crate) pk: &'static str,
    pub(crate) fields: &'static [Field],
    pub(crate) filters: &'static [Filter],
    /// Fields that `search` looks into.
    pub(crate) search: &'static [&'static str],
    /// The order of a list without `ordering`; empty where authentik promises none.
    pub(crate) order: &'static [&'static str],
    /// What `ordering` takes; empty: every field that is answered.
    pub(crate) orderable: &'static [&'static str],
    /// Fields that are unique by themselves: the field and the model's name in the error.
    pub(crate) unique: &'static [(&'static str, &'static str)],
    /// Fields that are unique together.
    pub(crate) unique_together: &'static [&'static str],
    /// Checked with the fields, before anything else (`validate_<field>`).
    pub(crate) field_rule: Option<FieldRule>,
    /// Checked after the fields (`validate`).
    pub(crate) rule: Option<Rule>,
    pub(crate) since: Minor,
    pub(crate) enterprise: bool,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.path)
    }
}

impl Kind {
    /// The fields that a version has.
    pub(crate) fn fields(&self, version: &Version) -> impl Iterator<Item = &'static Field> {
        let version = version.clone();
        self.fields.iter().filter(move |field| field.known_to(&version))
    }

    /// `app.model`, as `meta_model_name` spells it.
    pub(crate) fn model_name(&self) -> String {
        format!("{}.{}", self.app, self.model)
    }

    /// The permission to do something with objects of the kind, as `app.codename`.
    pub(crate) fn permission(&self, verb: &str) -> String {
        format!("{}.{verb}_{}", self.app, self.model)
    }
}
