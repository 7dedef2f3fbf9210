//! Rows as a database keeps them: tables in physical order, identifiers, and what must stay unique.

use std::collections::{BTreeMap, HashMap, VecDeque};

use indexmap::IndexMap;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::kind::Kind;

/// The tables. Kinds that inherit from one model share its table, as all stages do: that is why a stage's name is unique
/// over every kind of stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Table {
    Flow,
    Binding,
    Stage,
    Prompt,
    DeviceType,
    Policy,
    PolicyBinding,
    Brand,
    Provider,
    Application,
    Source,
    Invitation,
    User,
    Group,
    Role,
    Token,
    InitialPermissions,
}

/// An object: its kind, its identifier and the values of its fields.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) kind: &'static Kind,
    pub(crate) pk: String,
    pub(crate) values: Map<String, Value>,
}

impl Row {
    /// A field's value; null when it has none.
    pub(crate) fn get(&self, field: &str) -> &Value {
        self.values.get(field).unwrap_or(&Value::Null)
    }

    /// A field's text; empty when it has none.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.get(field).as_str().unwrap_or_default()
    }

    /// The identifiers in a field that refers to several objects.
    pub(crate) fn list(&self, field: &str) -> impl Iterator<Item = &str> {
        self.get(field).as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// Whether the field refers to the object with the identifier, alone or among others.
    pub(crate) fn refers_to(&self, field: &str, pk: &str) -> bool {
        match self.get(field) {
            Value::String(text) => text == pk,
            Value::Number(number) => number.to_string() == pk,
            Value::Array(items) => items.iter().any(|item| item.as_str() == Some(pk)),
            _ => false,
        }
    }
}

/// All rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    tables: BTreeMap<Table, IndexMap<String, Row>>,
}

impl Store {
    /// The rows of a table in physical order: what a list without an order shows. Writing to a row moves it to the end, as
    /// PostgreSQL's new row versions do (recordings `stages-all-unordered-*`).
    pub(crate) fn rows(&self, table: Table) -> impl Iterator<Item = &Row> {
        self.tables.get(&table).into_iter().flat_map(IndexMap::values)
    }

    pub(crate) fn get(&self, table: Table, pk: &str) -> Option<&Row> {
        self.tables.get(&table)?.get(pk)
    }

    pub(crate) fn get_mut(&mut self, table: Table, pk: &str) -> Option<&mut Row> {
        self.tables.get_mut(&table)?.get_mut(pk)
    }

    /// Inserts the row, or replaces the one with its identifier.
    pub(crate) fn put(&mut self, row: Row) {
        let rows = self.tables.entry(row.kind.table).or_default();
        rows.shift_remove(&row.pk);
        rows.insert(row.pk.clone(), row);
    }

    pub(crate) fn remove(&mut self, table: Table, pk: &str) -> Option<Row> {
        self.tables.get_mut(&table)?.shift_remove(pk)
    }

    /// Whether another row of the table has the same values in all of the fields.
    pub(crate) fn taken(&self, row: &Row, fields: &[&str]) -> bool {
        self.rows(row.kind.table)
            .any(|other| other.pk != row.pk && fields.iter().all(|field| other.get(field) == row.get(field)))
    }

    /// What a policy can be bound to: the flow, binding, application or source with the `policybindingmodel_ptr_id`.
    pub(crate) fn policy_target(&self, ptr: &str) -> Option<&Row> {
        [Table::Flow, Table::Binding, Table::Application, Table::Source]
            .into_iter()
            .find_map(|table| self.rows(table).find(|row| row.text("policybindingmodel_ptr_id") == ptr))
    }

    /// Every row that the field of the table's rows connects with the object.
    pub(crate) fn referrers<'a>(
        &'a self,
        table: Table,
        field: &'a str,
        pk: &'a str,
    ) -> impl Iterator<Item = &'a Row> {
        self.rows(table).filter(move |row| row.refers_to(field, pk))
    }
}

/// Where identifiers come from: random ones, unless a replay has laid some ready.
#[derive(Debug, Default)]
pub(crate) struct Identifiers {
    ready: HashMap<String, VecDeque<Value>>,
    last: HashMap<&'static str, u64>,
}

impl Identifiers {
    /// Lays identifiers ready for the objects that are created next: for each name, one after the other.
    pub(crate) fn lay_ready(&mut self, name: &str, value: Value) {
        self.ready.entry(name.to_owned()).or_default().push_back(value);
    }

    /// Drops what was laid ready and not taken.
    pub(crate) fn forget_ready(&mut self) {
        self.ready.clear();
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.ready.get_mut(name)?.pop_front()
    }

    /// A UUID, or what was laid ready under the name.
    pub(crate) fn uuid(&mut self, name: &str) -> String {
        match self.take(name) {
            Some(Value::String(text)) => text,
            _ => Uuid::new_v4().to_string(),
        }
    }

    /// The next number of a sequence, or what was laid ready under the name.
    pub(crate) fn number(&mut self, name: &str, sequence: &'static str) -> u64 {
        let laid = self.take(name).and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        let last = self.last.entry(sequence).or_insert(0);
        *last = laid.unwrap_or(*last + 1);
        *last
    }

    /// Makes a sequence go on behind a number that is in use.
    pub(crate) fn used(&mut self, sequence: &'static str, number: u64) {
        let last = self.last.entry(sequence).or_insert(0);
        *last = (*last).max(number);
    }

    /// Letters and digits that nobody can guess, or what was laid ready under the name.
    pub(crate) fn secret(&mut self, name: &str) -> String {
        match self.take(name) {
            Some(Value::String(text)) => text,
            _ => format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
        }
    }
}
