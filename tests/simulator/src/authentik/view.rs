//! How objects look in answers.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::kinds::{self, PROVIDER, SOURCE, STAGE};
use super::store::{Row, Store, Table};
use super::version::Version;
use super::{avatar, background, permission, python};

/// Rows by what a field of theirs refers to.
type Index<'a> = HashMap<&'a str, Vec<&'a Row>>;

/// The rows of a table by what a field of theirs refers to.
fn index<'a>(store: &'a Store, table: Table, field: &str) -> Index<'a> {
    let mut index = Index::new();
    for row in store.rows(table) {
        index.entry(row.text(field)).or_default().push(row);
    }
    index
}

/// Shows objects of one state. Built once for each answer, since every stage shows every flow that it is bound to.
pub(crate) struct View<'a> {
    store: &'a Store,
    version: &'a Version,
    /// The bindings of each stage, in physical order.
    bindings_of_stage: OnceCell<Index<'a>>,
    /// The bindings of each flow, in physical order.
    bindings_of_flow: OnceCell<Index<'a>>,
    /// The bindings of policies to each target.
    policies_of_target: OnceCell<Index<'a>>,
    /// What `flow_set` of each stage shows, once it was asked for: rows of one page share stages.
    flow_sets: RefCell<HashMap<String, Value>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(store: &'a Store, version: &'a Version) -> Self {
        View {
            store,
            version,
            bindings_of_stage: OnceCell::new(),
            bindings_of_flow: OnceCell::new(),
            policies_of_target: OnceCell::new(),
            flow_sets: RefCell::default(),
        }
    }

    /// The rows of an index, which is made when it is first asked for.
    fn indexed<'v>(
        &self,
        cell: &'v OnceCell<Index<'a>>,
        table: Table,
        field: &str,
        pk: &str,
    ) -> &'v [&'a Row] {
        cell.get_or_init(|| index(self.store, table, field)).get(pk).map(Vec::as_slice).unwrap_or_default()
    }

    /// The object as its own endpoint answers it.
    pub(crate) fn show(&self, row: &Row) -> Value {
        self.show_written(row, false)
    }

    /// The object as the answer to a write shows it: the stage of a binding is of no kind when the body named it (recordings
    /// `binding-post-minimal`, `binding-patch-stage`), and as always when not (`binding-patch-order`).
    pub(crate) fn show_written(&self, row: &Row, names_stage: bool) -> Value {
        let mut shown = self.start(row);
        for field in row.kind.fields(self.version).filter(|field| !field.write_only) {
            shown.insert(field.name.to_owned(), row.get(field.name).clone());
        }
        match row.kind.table {
            Table::Flow => self.flow(row, &mut shown),
            Table::Binding => self.binding(row, &mut shown, names_stage),
            Table::Stage => self.stage(row, &mut shown),
            Table::Prompt => {
                let stages =
                    self.store.referrers(Table::Stage, "fields", &row.pk).map(|stage| self.show(stage));
                shown.insert("prompt_stages_obj".to_owned(), stages.collect());
            }
            Table::Policy => {
                self.kind_of(row.kind, &mut shown);
                let bound = self.store.referrers(Table::PolicyBinding, "policy", &row.pk).count()
                    + self.store.referrers(Table::Stage, "validation_policies", &row.pk).count();
                shown.insert("bound_to".to_owned(), json!(bound));
            }
            Table::PolicyBinding => self.policy_binding(row, &mut shown),
            Table::Provider => self.provider(row, &mut shown),
            Table::Source => self.source(row, &mut shown),
            Table::Invitation => self.invitation(row, &mut shown),
            Table::Application => self.application(row, &mut shown),
            Table::User => self.user(row, &mut shown),
            Table::Group => self.group(row, &mut shown),
            Table::Token => self.token(row, &mut shown),
            Table::InitialPermissions => self.initial_permissions(row, &mut shown),
            Table::Brand | Table::Role | Table::DeviceType => {}
        }
        Value::Object(shown)
    }

    /// A stage as `/stages/all/` answers it.
    pub(crate) fn show_stage(&self, row: &Row) -> Value {
        self.stage_of_kind(row, row.kind)
    }

    /// A provider as `/providers/all/` answers it.
    pub(crate) fn show_provider(&self, row: &Row) -> Value {
        Value::Object(self.base_of(row))
    }

    /// A source as `/sources/all/` answers it.
    pub(crate) fn show_source(&self, row: &Row) -> Value {
        let mut shown = self.start(row);
        for field in SOURCE.fields(self.version) {
            shown.insert(field.name.to_owned(), row.get(field.name).clone());
        }
        self.source(row, &mut shown);
        Value::Object(shown)
    }

    fn stage_of_kind(&self, row: &Row, kind: &Kind) -> Value {
        let mut shown = self.start(row);
        shown.insert("name".to_owned(), row.get("name").clone());
        self.kind_of(kind, &mut shown);
        shown.insert("flow_set".to_owned(), self.flow_set(&row.pk));
        Value::Object(shown)
    }

    fn start(&self, row: &Row) -> Map<String, Value> {
        let pk = match row.kind.table {
            Table::User | Table::Provider | Table::InitialPermissions => number(&row.pk),
            _ => json!(row.pk),
        };
        Map::from_iter([(row.kind.pk.to_owned(), pk)])
    }

    fn kind_of(&self, kind: &Kind, shown: &mut Map<String, Value>) {
        shown.insert("component".to_owned(), json!(kind.component));
        shown.insert("verbose_name".to_owned(), json!(kind.verbose));
        shown.insert("verbose_name_plural".to_owned(), json!(kind.verbose_plural));
        shown.insert("meta_model_name".to_owned(), json!(kind.model_name()));
    }

    fn flow(&self, row: &Row, shown: &mut Map<String, Value>) {
        let ptr = row.text("policybindingmodel_ptr_id");
        let stages: Vec<&str> = self
            .indexed(&self.bindings_of_flow, Table::Binding, "target", &row.pk)
            .iter()
            .map(|binding| binding.text("stage"))
            .collect();
        let policies: Vec<&str> = self
            .indexed(&self.policies_of_target, Table::PolicyBinding, "target", ptr)
            .iter()
            .filter(|binding| !binding.get("policy").is_null())
            .map(|binding| binding.text("policy"))
            .collect();
        for (name, value) in background::show(self.version, row.text("background")) {
            shown.insert(name.to_owned(), value);
        }
        shown.insert("policybindingmodel_ptr_id".to_owned(), json!(ptr));
        shown.insert("stages".to_owned(), json!(stages));
        shown.insert("policies".to_owned(), json!(policies));
        shown.insert("cache_count".to_owned(), json!(0));
        shown.insert("export_url".to_owned(), json!(export_url(row)));
    }

    /// Every flow that the stage is bound to, once for each binding: what makes a page of bindings large.
    fn flow_set(&self, stage: &str) -> Value {
        if let Some(known) = self.flow_sets.borrow().get(stage) {
            return known.clone();
        }
        let shown = self.new_flow_set(stage);
        self.flow_sets.borrow_mut().insert(stage.to_owned(), shown.clone());
        shown
    }

    fn new_flow_set(&self, stage: &str) -> Value {
        let bindings = self.indexed(&self.bindings_of_stage, Table::Binding, "stage", stage);
        let flows = bindings.iter().filter_map(|binding| self.store.get(Table::Flow, binding.text("target")));
        flows
            .map(|flow| {
                let (name, background) = background::show_in_flow_set(self.version, flow.text("background"));
                json!({
                    "pk": flow.pk,
                    "policybindingmodel_ptr_id": flow.get("policybindingmodel_ptr_id"),
                    "name": flow.get("name"),
                    "slug": flow.get("slug"),
                    "title": flow.get("title"),
                    "designation": flow.get("designation"),
                    name: background,
                    "policy_engine_mode": flow.get("policy_engine_mode"),
                    "compatibility_mode": flow.get("compatibility_mode"),
                    "export_url": export_url(flow),
                    "layout": flow.get("layout"),
                    "denied_action": flow.get("denied_action"),
                })
            })
            .collect()
    }

    fn binding(&self, row: &Row, shown: &mut Map<String, Value>, base_stage: bool) {
        shown.insert("policybindingmodel_ptr_id".to_owned(), row.get("policybindingmodel_ptr_id").clone());
        let stage = self
            .store
            .get(Table::Stage, row.text("stage"))
            .map(|stage| self.stage_of_kind(stage, if base_stage { &STAGE } else { stage.kind }));
        shown.insert("stage_obj".to_owned(), json!(stage));
    }

    fn stage(&self, row: &Row, shown: &mut Map<String, Value>) {
        self.kind_of(row.kind, shown);
        shown.insert("flow_set".to_owned(), self.flow_set(&row.pk));
        for field in ["webauthn_allowed_device_types", "device_type_restrictions"] {
            if row.values.contains_key(field) {
                let types = row
                    .list(field)
                    .filter_map(|pk| self.store.get(Table::DeviceType, pk))
                    .map(|row| self.show(row));
                shown.insert(format!("{field}_obj"), types.collect());
            }
        }
    }

    fn policy_binding(&self, row: &Row, shown: &mut Map<String, Value>) {
        let target = self.store.policy_target(row.text("target")).map(|target| target.pk.clone());
        shown.insert("target".to_owned(), json!(target));
        for (field, table) in [("policy", Table::Policy), ("group", Table::Group), ("user", Table::User)] {
            let object = self.store.get(table, &python::str(row.get(field))).map(|object| self.show(object));
            shown.insert(format!("{field}_obj"), json!(object));
        }
    }

    /// A provider as others show it: without what is its kind's own.
    fn base_of(&self, provider: &Row) -> Map<String, Value> {
        let mut shown = self.start(provider);
        for field in PROVIDER.fields(self.version) {
            shown.insert(field.name.to_owned(), provider.get(field.name).clone());
        }
        self.provider(provider, &mut shown);
        shown
    }

    fn provider(&self, row: &Row, shown: &mut Map<String, Value>) {
        self.kind_of(row.kind, shown);
        let application = self.store.referrers(Table::Application, "provider", &row.pk).next();
        shown.insert("assigned_application_slug".to_owned(), json!(application.map(|row| row.text("slug"))));
        shown.insert("assigned_application_name".to_owned(), json!(application.map(|row| row.text("name"))));
        shown.insert("assigned_backchannel_application_slug".to_owned(), Value::Null);
        shown.insert("assigned_backchannel_application_name".to_owned(), Value::Null);
    }

    fn source(&self, row: &Row, shown: &mut Map<String, Value>) {
        self.kind_of(row.kind, shown);
        shown.insert("managed".to_owned(), row.get("managed").clone());
        let icon = if row.kind.component.is_empty() {
            Value::Null
        } else {
            json!("/static/authentik/sources/saml.png")
        };
        if self.version.background_is_writable() {
            shown.insert("icon".to_owned(), json!(""));
            shown.insert("icon_url".to_owned(), icon);
            shown.insert("icon_themed_urls".to_owned(), Value::Null);
        } else {
            shown.insert("icon".to_owned(), icon);
        }
    }

    fn invitation(&self, row: &Row, shown: &mut Map<String, Value>) {
        let creator = self.store.get(Table::User, &python::str(row.get("created_by")));
        shown.insert("created_by".to_owned(), json!(creator.map(|user| self.user_in_short(user))));
        let flow = self.store.get(Table::Flow, row.text("flow")).map(|flow| self.show(flow));
        shown.insert("flow_obj".to_owned(), json!(flow));
    }

    fn application(&self, row: &Row, shown: &mut Map<String, Value>) {
        let provider =
            self.store.get(Table::Provider, &python::str(row.get("provider"))).map(|row| self.base_of(row));
        shown.insert("provider_obj".to_owned(), json!(provider));
        shown.insert("backchannel_providers_obj".to_owned(), json!([]));
        shown.insert("launch_url".to_owned(), Value::Null);
        if self.version.background_is_writable() {
            shown.insert("meta_icon".to_owned(), json!(""));
            shown.insert("meta_icon_url".to_owned(), Value::Null);
            shown.insert("meta_icon_themed_urls".to_owned(), Value::Null);
        } else {
            shown.insert("meta_icon".to_owned(), Value::Null);
        }
    }

    fn user(&self, row: &Row, shown: &mut Map<String, Value>) {
        let groups: Vec<&Row> =
            row.list("groups").filter_map(|pk| self.store.get(Table::Group, pk)).collect();
        let superuser = groups.iter().any(|group| group.get("is_superuser") == &Value::Bool(true));
        let groups: Vec<Value> = groups.into_iter().map(|group| self.group_in_short(group)).collect();
        shown.insert("is_superuser".to_owned(), json!(superuser));
        shown.insert("groups_obj".to_owned(), json!(groups));
        if self.version.users_have_roles() {
            shown.insert("roles_obj".to_owned(), self.roles(row));
        }
        shown.insert("avatar".to_owned(), json!(avatar::of(row)));
        for field in ["last_login", "date_joined", "uid", "uuid", "password_change_date", "last_updated"] {
            shown.insert(field.to_owned(), row.get(field).clone());
        }
    }

    fn user_in_short(&self, row: &Row) -> Value {
        ["username", "name", "is_active", "last_login", "email", "attributes", "uid"]
            .iter()
            .map(|field| ((*field).to_owned(), row.get(field).clone()))
            .chain([("pk".to_owned(), number(&row.pk))])
            .collect::<Map<_, _>>()
            .into()
    }

    fn roles(&self, row: &Row) -> Value {
        row.list("roles")
            .filter_map(|pk| self.store.get(Table::Role, pk))
            .map(|role| self.show(role))
            .collect()
    }

    fn group_in_short(&self, row: &Row) -> Value {
        let mut shown = json!({
            "pk": row.pk,
            "num_pk": row.get("num_pk"),
            "name": row.get("name"),
            "is_superuser": row.get("is_superuser"),
            "attributes": row.get("attributes"),
        });
        if !self.version.users_have_roles() {
            shown["parent"] = Value::Null;
            shown["parent_name"] = Value::Null;
        }
        shown
    }

    fn group(&self, row: &Row, shown: &mut Map<String, Value>) {
        let users: Vec<&Row> =
            self.store.rows(Table::User).filter(|user| user.refers_to("groups", &row.pk)).collect();
        shown.insert("num_pk".to_owned(), row.get("num_pk").clone());
        shown.insert("users".to_owned(), users.iter().map(|user| number(&user.pk)).collect());
        shown.insert("users_obj".to_owned(), users.iter().map(|user| self.user_in_short(user)).collect());
        shown.insert("roles_obj".to_owned(), self.roles(row));
        shown.insert("children".to_owned(), json!([]));
        shown.insert("children_obj".to_owned(), Value::Null);
        if self.version.users_have_roles() {
            shown.insert("parents".to_owned(), json!([]));
            shown.insert("parents_obj".to_owned(), Value::Null);
            shown.insert("inherited_roles_obj".to_owned(), Value::Null);
        } else {
            shown.insert("parent".to_owned(), Value::Null);
            shown.insert("parent_name".to_owned(), Value::Null);
        }
    }

    fn token(&self, row: &Row, shown: &mut Map<String, Value>) {
        shown.insert("managed".to_owned(), Value::Null);
        shown.insert("expires".to_owned(), row.get("expires").clone());
        let user = self.store.get(Table::User, &python::str(row.get("user"))).map(|user| self.show(user));
        shown.insert("user_obj".to_owned(), json!(user));
    }

    fn initial_permissions(&self, row: &Row, shown: &mut Map<String, Value>) {
        let mut ids: Vec<u64> =
            row.get("permissions").as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        ids.sort_unstable();
        let permissions: Vec<Value> = permission::all(self.version)
            .filter(|permission| ids.contains(&permission.id()))
            .map(|permission| permission.show())
            .collect();
        shown.insert("permissions".to_owned(), json!(ids));
        shown.insert("permissions_obj".to_owned(), json!(permissions));
    }
}

fn export_url(flow: &Row) -> String {
    format!("/api/v3/{}/{}/export/", kinds::FLOW.path, flow.text("slug"))
}

pub(crate) fn number(text: &str) -> Value {
    text.parse::<u64>().map_or(Value::Null, Value::from)
}
