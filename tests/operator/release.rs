//! Resources that go without authentik and without a running operator.

use std::process::{Command, Output};

use serde_json::json;

use crate::harness::{FLOW, STAGE, World, flow, stage};

/// What `authentik-operator release` with these arguments leaves: exit code, stdout, stderr.
async fn release(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authentik-operator"));
    command.env_clear().env("KUBECONFIG", world.plane().kubeconfig());
    command.args(["release", "--namespace", &world.name]).args(arguments);
    let run = tokio::task::spawn_blocking(move || command.output());
    let Output { status, stdout, stderr } = run.await.expect("no panic").expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// Two flows and a stage that authentik has, and no operator any more. Nobody else can let them go.
async fn left_alone(world: &World) {
    let operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.create(FLOW, "kept", flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    for (kind, name) in [(FLOW, "staff"), (FLOW, "kept"), (STAGE, "mfa")] {
        world.ready(kind, name).await;
    }
    operator.crash().await;
}

#[tokio::test]
async fn what_is_being_deleted_goes_and_what_is_not_stays() {
    let world = World::new().await;
    let authentik = &world.authentik;
    left_alone(&world).await;
    let pk = world.read(FLOW, "staff").await.pk().to_owned();
    authentik.stop().await;
    world.delete(FLOW, "staff").await;
    world.delete(STAGE, "mfa").await;
    let kept = world.read(FLOW, "kept").await;
    assert!(world.get(FLOW, "staff").await.is_some() && world.get(STAGE, "mfa").await.is_some());

    let (code, told, complaints) = release(&world, &[]).await;
    assert_eq!((code, complaints.as_str()), (Some(0), ""));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "a line for each: {told}");
    let line = |id: &str| {
        let id = format!("{id}: ").replace("NS", &world.name);
        *lines.iter().find(|line| line.starts_with(&id)).unwrap_or_else(|| panic!("{id} in {told}"))
    };
    let released = line("Flow NS/staff");
    assert!(released.contains("released") && released.contains(&pk), "{released}");
    assert!(line("AuthenticatorValidateStage NS/mfa").contains("released"), "{told}");
    assert!(line("Flow NS/kept").contains("left as it is"), "{told}");
    world.gone(FLOW, "staff").await;
    world.gone(STAGE, "mfa").await;
    assert_eq!(world.read(FLOW, "kept").await, kept);

    // Nobody touched authentik.
    authentik.start().await.expect("started");
    assert_eq!(authentik.flow("staff").await["pk"], pk);
    assert_eq!(authentik.validate_stages("mfa").await.len(), 1);
    assert!(authentik.has_flow("kept").await);
}

#[tokio::test]
async fn kind_and_names_narrow_it_down() {
    let world = World::new().await;
    left_alone(&world).await;
    for (kind, name) in [(FLOW, "staff"), (FLOW, "kept"), (STAGE, "mfa")] {
        world.delete(kind, name).await;
    }
    let (code, told, _) = release(&world, &["--kind", "flow", "staff"]).await;
    assert_eq!((code, told.lines().count()), (Some(0), 1), "{told}");
    world.gone(FLOW, "staff").await;
    assert!(world.get(FLOW, "kept").await.is_some() && world.get(STAGE, "mfa").await.is_some());

    let (code, told, _) = release(&world, &["--kind", "authenticatorvalidatestages"]).await;
    assert_eq!((code, told.lines().count()), (Some(0), 1), "{told}");
    world.gone(STAGE, "mfa").await;
    assert!(world.get(FLOW, "kept").await.is_some());

    // A name that is wrong is said, and the others go nevertheless.
    let (code, told, complaints) = release(&world, &["kept", "missing"]).await;
    assert_eq!((code, told.lines().count()), (Some(1), 1), "{told}");
    assert!(complaints.contains("missing") && !complaints.contains("kept"), "{complaints}");
    world.gone(FLOW, "kept").await;

    let (code, told, _) = release(&world, &[]).await;
    assert!(code == Some(0) && told.contains("nothing"), "{told}");
    let (code, _, complaints) = release(&world, &["--kind", "Pod"]).await;
    assert!(code == Some(2) && complaints.contains("FlowStageBinding"), "{complaints}");
}

#[tokio::test]
async fn all_takes_live_ones_and_leaves_the_finalizers_of_others() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    let metadata = json!({"name": "staff", "finalizers": ["example.com/wait"]});
    world.create_with(FLOW, metadata, flow(json!({}))).await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.ready(FLOW, "staff").await;
    world.ready(STAGE, "mfa").await;
    operator.crash().await;
    let then = authentik.now();
    let (code, told, _) = release(&world, &["--all"]).await;
    assert_eq!((code, told.lines().count()), (Some(0), 2), "{told}");
    assert_eq!(world.read(FLOW, "staff").await.finalizers(), ["example.com/wait"]);
    assert_eq!(world.read(STAGE, "mfa").await.finalizers(), [""; 0]);
    // Deleted now, they are gone from Kubernetes alone.
    world.delete(STAGE, "mfa").await;
    world.gone(STAGE, "mfa").await;
    assert_eq!(authentik.writes(then), []);
    assert_eq!(authentik.validate_stages("mfa").await.len(), 1);
    // What was released by mistake is held again, and is what it was.
    let _operator = world.operator().start().await;
    let held = |it: &crate::harness::Resource| it.is_ready() && it.finalizers().len() == 2;
    world.wait(FLOW, "staff", "is to be held again", held).await;
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn a_namespace_that_hangs_ends() {
    let world = World::new().await;
    if !world.plane().has_controllers_for("the deletion of a namespace") {
        return;
    }
    let authentik = &world.authentik;
    left_alone(&world).await;
    authentik.stop().await;
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(world.client());
    namespaces.delete(&world.name, &kube::api::DeleteParams::default()).await.expect("it is accepted");
    // Its contents are deleted one by one.
    for (kind, name) in [(FLOW, "staff"), (FLOW, "kept"), (STAGE, "mfa")] {
        let hangs = |it: &crate::harness::Resource| it.is_deleting();
        world.wait(kind, name, "is to be deleted", hangs).await;
    }
    let (code, told, _) = release(&world, &[]).await;
    assert_eq!((code, told.lines().count()), (Some(0), 3), "{told}");
    let ended = async || namespaces.get_opt(&world.name).await.expect("an answer").is_none().then_some(());
    crate::harness::eventually(ended, async || "the namespace is to end".to_owned()).await;
    authentik.start().await.expect("started");
    assert!(authentik.has_flow("staff").await && authentik.has_flow("kept").await);
    assert_eq!(authentik.writes(0).iter().filter(|it| it.method() == "DELETE").count(), 0);
}

#[test]
fn the_help_says_what_is_lost() {
    let help = Command::new(env!("CARGO_BIN_EXE_authentik-operator")).args(["release", "--help"]).output();
    let help = String::from_utf8(help.expect("it runs").stdout).expect("text");
    let help: String = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["Nothing in authentik is touched", "are left as they are", "stop it before"] {
        assert!(help.contains(words), "{words} in {help}");
    }
}
