//! Resources that the API server accepts or refuses, in tables.

use authentik_operator::kinds::{AuthenticatorValidateStage, Flow, FlowStageBinding, Kind};
use kube::api::PostParams;
use serde_json::Value;

use crate::{
    PLANE,
    resource::{api, resource, spec},
};

pub(crate) const FLOW: &str = Flow::NAME;
pub(crate) const BINDING: &str = FlowStageBinding::NAME;
pub(crate) const STAGE: &str = AuthenticatorValidateStage::NAME;

/// A resource, and what becomes of it.
pub(crate) struct Case {
    kind: &'static str,
    name: &'static str,
    spec: Value,
    /// Parts of the API server's message; none when it accepts.
    words: &'static [&'static str],
}

/// Accepted with this spec over the least that the kind needs.
pub(crate) fn accepted(kind: &'static str, spec: Value) -> Case {
    refused(kind, spec, &[])
}

/// Refused, with these words.
pub(crate) fn refused(kind: &'static str, spec: Value, words: &'static [&'static str]) -> Case {
    Case { kind, name: "staff-login", spec, words }
}

impl Case {
    /// The same with another `metadata.name`.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }
}

/// Applies each, without storing it, and tells all that went otherwise at once.
pub(crate) async fn judge(cases: Vec<Case>) {
    let plane = PLANE.get().await.expect("a control plane");
    let namespace = plane.namespace("refused").await.expect("a namespace");
    let client = plane.client().await.expect("a client");
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let mut wrong = Vec::new();
    for Case { kind, name, spec: over, words } in cases {
        let object = resource(kind, name, spec(kind, &over));
        let answer = api(client.clone(), &namespace, kind).create(&dry, &object).await;
        let message = match answer {
            Ok(_) if words.is_empty() => continue,
            Ok(_) => "accepted".to_owned(),
            Err(kube::Error::Api(status)) => status.message,
            Err(error) => panic!("the API server did not answer: {error}"),
        };
        if words.is_empty() || !words.iter().all(|part| message.contains(part)) {
            let shown: String = format!("{kind} {name} {over}").chars().take(200).collect();
            wrong.push(format!("{shown}\n  expected {words:?}\n  got {message}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
