//! What users see of the definitions with kubectl.

use std::process::Output;

use controlplane::SharedPlane;

use crate::PLANE;

/// kubectl's output with these arguments, in `namespace`.
async fn kubectl(plane: &SharedPlane, namespace: &str, arguments: &[&str]) -> Output {
    let mut command = plane.kubectl().expect("a kubectl");
    command.arg("--namespace").arg(namespace).args(arguments);
    tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("kubectl runs")
}

/// Its standard output, when it succeeds.
async fn shown(plane: &SharedPlane, namespace: &str, arguments: &[&str]) -> String {
    let output = kubectl(plane, namespace, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The words of each line.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|words: &Vec<_>| !words.is_empty())
        .collect()
}

#[tokio::test]
async fn the_examples_are_accepted_and_listed_by_category_and_short_name() {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("examples").await.expect("a namespace");
    // Warnings too would be on standard error.
    let applied = kubectl(&plane, &namespace, &["apply", "--filename=examples"]).await;
    assert!(applied.status.success() && applied.stderr.is_empty(), "{applied:?}");

    let patch = r#"{"status":{"pk":"7f","slug":"staff-login","conditions":[{"type":"Ready","status":"True","reason":"InSync",
        "message":"authentik has it","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}"#;
    let arguments =
        ["patch", "aflow", "staff-login", "--subresource=status", "--type=merge", "--patch", patch];
    shown(&plane, &namespace, &arguments).await;

    let all = shown(&plane, &namespace, &["get", "authentik"]).await;
    let all = words(&all);
    let heads: Vec<_> = all.iter().filter(|line| line[0] == "NAME").cloned().collect();
    assert_eq!(
        heads,
        [
            vec!["NAME", "READY", "REASON", "STAGE", "AGE"],
            vec!["NAME", "READY", "REASON", "SLUG", "DESIGNATION", "AGE"],
            vec!["NAME", "READY", "REASON", "ORDER", "AGE"],
        ]
    );
    let flow = all.iter().find(|line| line[0].starts_with("flow.")).expect("the flow");
    assert_eq!(flow[1..5], ["True", "InSync", "staff-login", "authentication"]);

    let wide = shown(&plane, &namespace, &["get", "aflow", "--output=wide"]).await;
    assert_eq!(words(&wide)[0], ["NAME", "READY", "REASON", "SLUG", "DESIGNATION", "PK", "MESSAGE", "AGE"]);
    assert!(wide.contains("authentik has it"), "{wide}");
    for short in ["afsb", "aavs"] {
        assert_eq!(words(&shown(&plane, &namespace, &["get", short]).await).len(), 2);
    }
}

#[tokio::test]
async fn bindings_are_found_by_flow_and_stage() {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("selected").await.expect("a namespace");
    shown(&plane, &namespace, &["apply", "--filename=examples/staff-login.yaml"]).await;
    for (selector, count) in [
        ("spec.targetRef.name=staff-login", 1),
        ("spec.targetRef.name=other", 0),
        ("spec.stageRef.name=staff-mfa", 1),
        ("spec.target=staff-login", 0),
        ("spec.stage=staff-mfa", 0),
    ] {
        let found =
            shown(&plane, &namespace, &["get", "afsb", "--output=name", "--field-selector", selector]).await;
        assert_eq!(found.lines().count(), count, "{selector}: {found}");
    }
    let arguments = ["get", "aflow", "--output=name", "--field-selector=spec.designation=authentication"];
    assert_eq!(shown(&plane, &namespace, &arguments).await.lines().count(), 1);
}

#[tokio::test]
async fn every_field_is_explained() {
    let plane = PLANE.get().await.expect("a control plane");
    for (path, words) in [
        ("aflow", &["A flow in authentik", "Its stages are bound to it"][..]),
        (
            "aflow.spec.layout",
            &["ENUM", "sidebar_left_frame_background", "authentik 2026.2 or newer", "Absent"],
        ),
        ("aflow.spec.mode", &["writes nothing", "Observe"]),
        ("afsb.spec.stageRef.kind", &["ENUM", "AuthenticatorValidateStage"]),
        ("aavs.spec.lastAuthThreshold", &["hours=12", "Absent"]),
        ("aavs.status.drift", &["differs from the spec", "declared"]),
    ] {
        let text = shown(&plane, "default", &["explain", path]).await;
        for word in words {
            assert!(text.contains(word), "{path} lacks {word}:\n{text}");
        }
    }
}

#[tokio::test]
async fn a_misspelt_field_is_named() {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("misspelt").await.expect("a namespace");
    let file = plane.folder().join("misspelt.yaml");
    let example = std::fs::read_to_string("examples/staff-login.yaml").expect("the example");
    std::fs::write(&file, example.replace("compatibilityMode", "compatibility_mode")).expect("a file");
    let path = file.display().to_string();
    let output = kubectl(&plane, &namespace, &["apply", "--server-side", "--filename", &path]).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("compatibility_mode") && !output.status.success(), "{error}");
}
