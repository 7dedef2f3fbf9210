//! What a field of an object takes: its type, its default, since when it exists. Tables of these describe each kind.

use super::store::Table;
use super::version::{Minor, Version};

/// The type of a field, named after what authentik's serializers call it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    /// Text, stripped of blanks at both ends.
    Text,
    /// Letters, digits, hyphens and underscores.
    Slug,
    /// Boolean, with the spellings that authentik takes for one.
    Bool,
    /// A whole number within 32 bits.
    Int,
    /// A number.
    Float,
    /// One of a set of values.
    Choice(&'static [Choice]),
    /// A list of values of a set, in order, with duplicates.
    Choices(&'static [Choice]),
    /// A list of texts.
    Texts,
    /// `hours=1;minutes=30`.
    Duration,
    /// A flow's background: a file name, a path below /static or a URL.
    Background,
    /// The identifier of another object.
    Reference(Table),
    /// The identifiers of other objects: a set.
    References(Table),
    /// What a policy is bound to: the `policybindingmodel_ptr_id` of a flow or a flow-stage binding, or a flow's own identifier.
    PolicyTarget,
    /// Any JSON.
    Json,
}

/// One value of an enumeration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) value: &'static str,
    since: Minor,
}

const ALWAYS: Minor = Minor(0, 0);
const NEVER: Minor = Minor(u16::MAX, 0);

/// A value that every version knows.
pub(crate) const fn choice(value: &'static str) -> Choice {
    Choice { value, since: ALWAYS }
}

/// A value that exists since a version.
pub(crate) const fn choice_since(value: &'static str, year: u16, month: u8) -> Choice {
    Choice { value, since: Minor(year, month) }
}

impl Choice {
    pub(crate) fn known_to(&self, version: &Version) -> bool {
        version.minor() >= self.since
    }
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) required: bool,
    /// The value of a new object, as JSON. Unused where the field is required.
    pub(crate) default: &'static str,
    /// Whether null is a value.
    pub(crate) null: bool,
    /// Whether an empty text or list is a value.
    pub(crate) blank: bool,
    /// Whether it can be written but is never answered, as secrets are.
    pub(crate) write_only: bool,
    /// Text of at most so many characters, up to a version.
    pub(crate) max_length_until: Option<(usize, Minor)>,
    since: Minor,
    until: Minor,
}

/// A field that must be there.
pub(crate) const fn required(name: &'static str, kind: Type) -> Field {
    Field {
        name,
        kind,
        required: true,
        default: "null",
        null: false,
        blank: false,
        write_only: false,
        max_length_until: None,
        since: ALWAYS,
        until: NEVER,
    }
}

/// A field that may be left out.
pub(crate) const fn optional(name: &'static str, kind: Type, default: &'static str) -> Field {
    Field { required: false, default, ..required(name, kind) }
}

impl Field {
    pub(crate) const fn nullable(self) -> Field {
        Field { null: true, ..self }
    }

    pub(crate) const fn may_be_blank(self) -> Field {
        Field { blank: true, ..self }
    }

    pub(crate) const fn write_only(self) -> Field {
        Field { write_only: true, ..self }
    }

    pub(crate) const fn since(self, year: u16, month: u8) -> Field {
        Field { since: Minor(year, month), ..self }
    }

    /// Gone since the given version.
    pub(crate) const fn until(self, year: u16, month: u8) -> Field {
        Field { until: Minor(year, month), ..self }
    }

    /// At most `length` characters before the given version.
    pub(crate) const fn max_length_before(self, length: usize, year: u16, month: u8) -> Field {
        Field { max_length_until: Some((length, Minor(year, month))), ..self }
    }

    pub(crate) fn known_to(&self, version: &Version) -> bool {
        (self.since..self.until).contains(&version.minor())
    }
}
