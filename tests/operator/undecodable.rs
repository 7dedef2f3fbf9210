//! A stored resource that cannot be read, as after a change of the definitions: it says so, harms no other and can be
//! deleted.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::harness::{BINDING, FLOW, Kind, STAGE, World, binding, eventually, flow, stage};

/// A resource that its kind's definition refuses, and a definition of the field that lets it pass.
struct Odd {
    kind: Kind,
    spec: Value,
    field: &'static str,
    lax: Value,
}

impl Odd {
    /// Lets the API server take it while `act` is done, and be strict again after.
    async fn while_accepted(&self, world: &World, act: impl AsyncFnOnce()) {
        let strict = self.define(world, self.lax.clone()).await;
        self.is_accepted(world, true).await;
        act().await;
        self.define(world, strict).await;
        self.is_accepted(world, false).await;
    }

    /// Replaces the field's definition and returns what it was.
    async fn define(&self, world: &World, schema: Value) -> Value {
        let definitions: Api<CustomResourceDefinition> = Api::all(world.client());
        let name = format!("{}.authentik-operator.dev", self.kind.plural);
        let definition = definitions.get(&name).await.expect("the definition");
        let mut definition = serde_json::to_value(definition).expect("JSON");
        let at = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let field = definition.pointer_mut(at).and_then(|it| it.get_mut(self.field)).expect("the field");
        let before = std::mem::replace(field, schema);
        let definition = serde_json::from_value(definition).expect("a definition");
        definitions.replace(&name, &PostParams::default(), &definition).await.expect("it is replaced");
        before
    }

    /// Waits until the API server, which takes a moment to go by a definition, does.
    async fn is_accepted(&self, world: &World, expected: bool) {
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let object = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": self.kind.name,
            "metadata": {"name": "probe"}, "spec": self.spec});
        let object = serde_json::from_value(object).expect("a resource");
        let api = world.api(self.kind);
        let look = async || (api.create(&dry, &object).await.is_ok() == expected).then_some(());
        eventually(look, async || format!("the API server is to accept {}: {expected}", self.spec)).await;
    }
}

/// A flow whose designation is none.
fn odd_flow() -> Odd {
    let spec = flow(json!({"designation": "nonsense"}));
    Odd { kind: FLOW, spec, field: "designation", lax: json!({"type": "string"}) }
}

/// Takes whatever is written.
fn anything() -> Value {
    json!({"x-kubernetes-preserve-unknown-fields": true})
}

#[tokio::test]
async fn it_says_so_and_harms_no_other() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let odd = odd_flow();
    odd.while_accepted(&world, async || drop(world.create(FLOW, "odd", odd.spec.clone()).await)).await;
    let _operator = world.operator().start().await;
    let invalid = world.reason(FLOW, "odd", "Invalid").await;
    assert!(invalid.message().contains("nonsense"), "{}", invalid.message());
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    world.create(BINDING, "to-odd", binding(json!({"target": null, "targetRef": {"name": "odd"}}))).await;
    world.wait(BINDING, "to-odd", "is to wait", |it| it.reason().starts_with("ReferenceNot")).await;
    authentik.read_anew().await;
    assert_eq!(authentik.writes(0).len(), 1, "the creation of the other flow");

    world.delete(FLOW, "odd").await;
    world.gone(FLOW, "odd").await;
}

#[tokio::test]
async fn it_goes_on_once_it_can_be_read() {
    let world = World::new().await;
    let spec = stage(json!({"notConfiguredAction": "nonsense"}));
    let odd = Odd { kind: STAGE, spec, field: "notConfiguredAction", lax: json!({"type": "string"}) };
    odd.while_accepted(&world, async || drop(world.create(STAGE, "odd", odd.spec.clone()).await)).await;
    let _operator = world.operator().start().await;
    world.reason(STAGE, "odd", "Invalid").await;
    world.change(STAGE, "odd", json!({"notConfiguredAction": "deny"})).await;
    world.ready(STAGE, "odd").await;
}

#[tokio::test]
async fn what_it_made_while_it_could_be_read_is_deleted_with_it() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let then = authentik.now();
    let spec = flow(json!({"compatibilityMode": ["neither", "nor"]}));
    let odd = Odd { kind: FLOW, spec, field: "compatibilityMode", lax: anything() };
    odd.while_accepted(&world, async || drop(world.change(FLOW, "staff", odd.spec.clone()).await)).await;
    let invalid = world.reason(FLOW, "staff", "Invalid").await;
    assert_ne!(invalid.pk(), "", "what is known of it stays known");
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    world.delete(FLOW, "staff").await;
    world.gone(FLOW, "staff").await;
    assert!(!authentik.has_flow("staff").await);
}
