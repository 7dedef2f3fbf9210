//! `deploy/install.yaml` with kubectl, for those who do without Helm.

use std::process::Output;

use controlplane::ControlPlane;

use crate::{install::starts_for, rendered::documents};

const MANIFESTS: &str = "deploy/install.yaml";

#[tokio::test]
async fn kubectl_applies_the_manifests_again_and_again() {
    if !starts_for("kubectl_applies_the_manifests_again_and_again") {
        return;
    }
    let plane = ControlPlane::builder().start().await.expect("a control plane");
    let apply = async || -> Output {
        let mut kubectl = plane.kubectl().expect("a kubectl");
        // Client-side: then all of an object must fit into an annotation of it.
        kubectl.args(["apply", "--filename", MANIFESTS]);
        tokio::task::spawn_blocking(move || kubectl.output()).await.expect("no panic").expect("kubectl runs")
    };
    let objects = documents(&std::fs::read_to_string(MANIFESTS).expect("the file")).len();
    for word in [" created", " unchanged"] {
        let output = apply().await;
        // Warnings would be on standard error, such as of a Pod that is not restricted.
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let said = String::from_utf8(output.stdout).expect("text");
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines.len() == objects && lines.iter().all(|line| line.ends_with(word)), "{said}");
    }
}
