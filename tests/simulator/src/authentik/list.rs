//! Lists: filters, search, order and pages.

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{Answer, Refusal, broken, detail, invalid, refuse};
use super::kind::{Filter, Kind};
use super::python;
use super::state::State;
use super::store::{Row, Store, Table};
use super::version::Version;

/// The parameters of a request, decoded. Of a parameter that is given several times, the last one counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Self {
        Query(url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The parameter's value; none when it is absent or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last().copied().filter(|value| !value.is_empty())
    }

    /// Every value of the parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// The rows that the query asks for, in its order.
pub(crate) fn select<'a>(
    store: &'a Store,
    version: &Version,
    kind: &'static Kind,
    rows: Vec<&'a Row>,
    query: &Query,
) -> Result<Vec<&'a Row>, Refusal> {
    let mut rows = rows;
    for filter in kind.filters {
        filter.apply(store, version, query, &mut rows)?;
    }
    search(store, kind, query, &mut rows)?;
    order(store, version, kind, query, &mut rows)?;
    Ok(rows)
}

/// The page that the query asks for: its pagination and the rows on it.
pub(crate) fn page<T: Clone>(state: &State, query: &Query, rows: &[T]) -> Result<(Value, Vec<T>), Refusal> {
    let size = page_size(state, query);
    let pages = rows.len().div_ceil(size).max(1);
    let current = match query.get("page") {
        None => 1,
        Some("last") => pages,
        Some(text) => python::int(text)
            .and_then(|page| usize::try_from(page).ok())
            .filter(|page| (1..=pages).contains(page))
            .ok_or_else(|| detail(StatusCode::NOT_FOUND, "Invalid page."))?,
    };
    let start = (current - 1) * size;
    let end = (start + size).min(rows.len());
    let pagination = json!({
        "next": if current < pages { current + 1 } else { 0 },
        "previous": current - 1,
        "count": rows.len(),
        "current": current,
        "total_pages": pages,
        "start_index": if rows.is_empty() { 0 } else { start + 1 },
        "end_index": end,
    });
    Ok((pagination, rows[start..end].to_vec()))
}

/// The answer of a list.
pub(crate) fn answer(pagination: Value, results: Vec<Value>) -> Answer {
    let rows = results.len();
    Answer::Rows(json!({"pagination": pagination, "results": results, "autocomplete": {}}), rows)
}

fn page_size(state: &State, query: &Query) -> usize {
    let setting = |name: &str| {
        state.settings.get(name).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok())
    };
    let default =
        setting("pagination_default_page_size").unwrap_or_else(|| state.version.default_page_size());
    let maximum =
        setting("pagination_max_page_size").or(state.version.maximum_page_size()).unwrap_or(usize::MAX);
    let wanted = query.get("page_size").and_then(python::int).filter(|size| *size > 0);
    wanted.map_or(default, |size| usize::try_from(size).unwrap_or(usize::MAX)).min(maximum).max(1)
}

fn unavailable(parameter: &str, value: Option<&str>) -> Refusal {
    let value = value.unwrap_or("That choice");
    invalid(
        json!({parameter: [format!("Select a valid choice. {value} is not one of the available choices.")]}),
    )
}

fn not_a_uuid(parameter: &str, value: &str) -> Refusal {
    invalid(json!({parameter: [format!("\u{201c}{value}\u{201d} is not a valid UUID.")]}))
}

impl Filter {
    fn apply(
        &self,
        store: &Store,
        version: &Version,
        query: &Query,
        rows: &mut Vec<&Row>,
    ) -> Result<(), Refusal> {
        match *self {
            Filter::Text(name) => {
                let wanted = query.get(name).unwrap_or_default().trim();
                if wanted.is_empty() {
                    return Ok(());
                }
                if wanted.contains('\0') {
                    return Err(invalid(json!({name: ["Null characters are not allowed."]})));
                }
                rows.retain(|row| row.text(name) == wanted);
            }
            Filter::Choice(name, choices) => {
                let Some(wanted) = query.get(name) else { return Ok(()) };
                if !choices.iter().any(|choice| choice.value == wanted && choice.known_to(version)) {
                    return Err(unavailable(name, Some(wanted)));
                }
                rows.retain(|row| row.text(name) == wanted);
            }
            Filter::Uuid(name, field) => {
                let Some(wanted) = query.get(name) else { return Ok(()) };
                let wanted = Uuid::parse_str(wanted)
                    .map_err(|_| invalid(json!({name: ["Enter a valid UUID."]})))?
                    .to_string();
                rows.retain(|row| if field == "pk" { row.pk == wanted } else { row.text(field) == wanted });
            }
            Filter::Number(name) => {
                let Some(wanted) = query.get(name) else { return Ok(()) };
                let wanted = python::float(wanted)
                    .filter(|number| number.is_finite())
                    .ok_or_else(|| invalid(json!({name: ["Enter a number."]})))?;
                rows.retain(|row| row.get(name).as_f64() == Some(wanted));
            }
            Filter::Bool(name) => {
                let wanted = match query.get(name).map(str::to_lowercase).as_deref() {
                    Some("true" | "1") => true,
                    Some("false" | "0") => false,
                    _ => return Ok(()),
                };
                rows.retain(|row| row.get(name) == &Value::Bool(wanted));
            }
            Filter::Object(name, table) => {
                let Some(wanted) = query.get(name) else { return Ok(()) };
                let pk = Uuid::parse_str(wanted).map_err(|_| not_a_uuid(name, wanted))?.to_string();
                store.get(table, &pk).ok_or_else(|| unavailable(name, None))?;
                rows.retain(|row| row.refers_to(name, &pk));
            }
            Filter::PolicyTarget => {
                let any: Vec<&str> = query.all("target_in").iter().flat_map(|all| all.split(',')).collect();
                if !any.is_empty() {
                    rows.retain(|row| any.contains(&row.text("target")));
                }
                let Some(wanted) = query.get("target") else { return Ok(()) };
                let ptr = Uuid::parse_str(wanted).map_err(|_| not_a_uuid("target", wanted))?.to_string();
                store.policy_target(&ptr).ok_or_else(|| unavailable("target", None))?;
                rows.retain(|row| row.text("target") == ptr);
            }
            Filter::Objects(name, table) => {
                for wanted in query.all(name).into_iter().filter(|wanted| !wanted.is_empty()) {
                    let pk = Uuid::parse_str(wanted).map_err(|_| not_a_uuid(name, wanted))?.to_string();
                    store.get(table, &pk).ok_or_else(|| unavailable(name, Some(wanted)))?;
                    rows.retain(|row| match table {
                        Table::Policy => store
                            .referrers(Table::PolicyBinding, "policy", &pk)
                            .any(|binding| binding.text("target") == row.text("policybindingmodel_ptr_id")),
                        _ => row.refers_to(name, &pk),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Each word must be in one of the searched fields, whatever its case.
fn search(store: &Store, kind: &Kind, query: &Query, rows: &mut Vec<&Row>) -> Result<(), Refusal> {
    let Some(text) = query.get("search") else { return Ok(()) };
    if text.contains('\0') {
        return Err(refuse(StatusCode::BAD_REQUEST, json!(["Null characters are not allowed."])));
    }
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        rows.retain(|row| {
            kind.search
                .iter()
                .any(|field| python::str(&value(store, row, field)).to_lowercase().contains(&word))
        });
    }
    Ok(())
}

fn order(
    store: &Store,
    version: &Version,
    kind: &'static Kind,
    query: &Query,
    rows: &mut [&Row],
) -> Result<(), Refusal> {
    let known = |name: &str| {
        let name = name.strip_prefix('-').unwrap_or(name);
        match kind.orderable {
            [] => name == kind.pk || kind.fields(version).any(|field| field.name == name),
            orderable => orderable.contains(&name),
        }
    };
    let wanted: Vec<&str> = query
        .get("ordering")
        .into_iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|n| known(n))
        .collect();
    // The schema offers it and the server breaks on it (recording `binding-list-ordering-target`).
    if wanted.iter().any(|name| name.trim_start_matches('-') == "target__uuid") {
        return Err(broken());
    }
    let wanted = if wanted.is_empty() { kind.order.to_vec() } else { wanted };
    rows.sort_by(|a, b| {
        wanted
            .iter()
            .map(|name| {
                let field = name.trim_start_matches('-');
                let ordering = compare(&value(store, a, field), &value(store, b, field));
                if name.starts_with('-') { ordering.reverse() } else { ordering }
            })
            .find(|ordering| ordering.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(())
}

/// A field's value, of the row or of what it refers to.
fn value(store: &Store, row: &Row, field: &str) -> Value {
    match field {
        "pk" => json!(row.pk),
        field if field == row.kind.pk => json!(row.pk),
        "stage__name" => {
            store.get(Table::Stage, row.text("stage")).map_or(Value::Null, |row| row.get("name").clone())
        }
        "policy__name" => {
            store.get(Table::Policy, row.text("policy")).map_or(Value::Null, |row| row.get("name").clone())
        }
        field => row.get(field).clone(),
    }
}

fn compare(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => python::str(a).cmp(&python::str(b)),
    }
}
