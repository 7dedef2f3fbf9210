//! Stages that ask for a second factor.

use kube::{CustomResource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Body, Field, Identifiers, Kind, Management, Reference, Referrer, StageReference, Status, Unresolved,
    body, referrer, schema,
};

/// What an authenticator validation stage in authentik is to be. A field that is absent is left as authentik has it.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "authentik-operator.dev",
    version = "v1alpha1",
    kind = "AuthenticatorValidateStage",
    namespaced,
    status = "Status",
    category = "authentik",
    shortname = "aavs",
    doc = "A stage in authentik that asks users for one of their authenticators: a second factor,
        or a passkey.",
    printcolumn(name = "Stage", type_ = "string", json_path = ".status.slug"),
    validation = Rule::new("!has(self.spec.configurationStageRefs) || \
        !self.spec.configurationStageRefs.exists(it, it.kind == 'AuthenticatorValidateStage' && \
        it.name == self.metadata.name)")
        .field_path(".spec.configurationStageRefs")
        .message("a stage cannot configure itself: remove this resource from \
            spec.configurationStageRefs"),
    validation = Rule::new("!has(self.spec.configurationStages) || !(has(self.spec.name) ? \
        self.spec.name in self.spec.configurationStages : self.metadata.name in \
        self.spec.configurationStages)")
        .field_path(".spec.configurationStages")
        .message("a stage cannot configure itself: remove this stage's own name from \
            spec.configurationStages")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = rules)]
pub struct AuthenticatorValidateStageSpec {
    /// The stage's name, unique among all stages of authentik, of whatever kind. Absent: metadata.name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::text)]
    pub name: Option<String>,

    /// What happens when a user has no authenticator of the classes asked for: `skip` goes on without, `deny` ends the
    /// flow, `configure` lets the user set one up with a configuration stage, of which there must be one. Absent: not
    /// managed; authentik begins with `skip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_configured_action: Option<NotConfiguredAction>,

    /// The classes of authenticators that are asked for, in this order. `email` needs authentik 2025.2 or newer. Absent: not
    /// managed; authentik begins with all that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::distinct)]
    pub device_classes: Option<Vec<DeviceClass>>,

    /// Stages that authentik has and no resource does, by name or UUID, with which users set up an authenticator. Together with
    /// configurationStageRefs this is one set, and authentik is to have exactly it. Both absent: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::texts)]
    pub configuration_stages: Option<Vec<String>>,

    /// Stages that are resources in this namespace, with which users set up an authenticator. Together with
    /// configurationStages this is one set, and authentik is to have exactly it. Both absent: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::list)]
    pub configuration_stage_refs: Option<Vec<StageReference>>,

    /// For how long after one of the user's authenticators was used the stage is skipped: pairs such as hours=12 or
    /// days=1;minutes=30, of microseconds, milliseconds, seconds, minutes, hours, days and weeks. seconds=0: never. Absent: not
    /// managed; authentik begins with seconds=0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::duration)]
    pub last_auth_threshold: Option<String>,

    /// Whether a WebAuthn authenticator must verify its user, by PIN or fingerprint for instance: `required`, `preferred` or
    /// `discouraged`. Absent: not managed; authentik begins with `preferred`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webauthn_user_verification: Option<UserVerification>,

    /// The models of WebAuthn authenticators that may be used, by AAGUID; a set. Empty: all. Absent: not managed; authentik
    /// begins with all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::aaguids)]
    pub webauthn_allowed_device_types: Option<Vec<String>>,

    /// Which kinds of WebAuthn authenticators browsers are to suggest, the best first. Needs authentik 2026.5 or newer.
    /// Absent: not managed; authentik begins with none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema::list)]
    pub webauthn_hints: Option<Vec<WebauthnHint>>,

    /// How much wrong codes by e-mail slow down further tries. Needs authentik 2026.5 or newer. Absent: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_otp_throttling_factor: Option<f64>,

    /// How much wrong codes by SMS slow down further tries. Needs authentik 2026.5 or newer. Absent: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_otp_throttling_factor: Option<f64>,

    /// How much wrong TOTP codes slow down further tries. Needs authentik 2026.5 or newer. Absent: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totp_otp_throttling_factor: Option<f64>,

    /// How much wrong static codes slow down further tries. Needs authentik 2026.5 or newer. Absent: not managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub static_otp_throttling_factor: Option<f64>,

    #[expect(missing_docs, reason = "its fields are the spec's")]
    #[serde(flatten)]
    pub management: Management,
}

/// What happens when a user has no authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum NotConfiguredAction {
    Skip,
    Deny,
    Configure,
}

/// A class of authenticators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum DeviceClass {
    Static,
    Totp,
    Webauthn,
    Duo,
    Sms,
    Email,
}

/// Whether a WebAuthn authenticator verifies its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum UserVerification {
    Required,
    Preferred,
    Discouraged,
}

/// A kind of WebAuthn authenticator that a browser may suggest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(transform = schema::values)]
#[expect(missing_docs, reason = "authentik's own words")]
pub enum WebauthnHint {
    SecurityKey,
    ClientDevice,
    Hybrid,
}

/// What a spec can get wrong over several fields.
fn rules(spec: &mut schemars::Schema) {
    schema::rule(
        spec,
        "!has(self.notConfiguredAction) || self.notConfiguredAction != 'configure' || \
         !(has(self.configurationStages) || has(self.configurationStageRefs)) || \
         (has(self.configurationStages) && size(self.configurationStages) > 0) || \
         (has(self.configurationStageRefs) && size(self.configurationStageRefs) > 0)",
        "spec.notConfiguredAction configure needs a stage in spec.configurationStages or spec.configurationStageRefs: \
         add one, or leave both lists out to keep what authentik has",
    );
}

impl AuthenticatorValidateStageSpec {
    /// The set that both lists of configuration stages declare; none when both are absent.
    fn declared_stages(&self) -> Option<Vec<Reference>> {
        if self.configuration_stages.is_none() && self.configuration_stage_refs.is_none() {
            return None;
        }
        let named = self.configuration_stages.iter().flatten().cloned().map(Reference::Stage);
        let resources = self.configuration_stage_refs.iter().flatten().map(Reference::from);
        Some(named.chain(resources).collect())
    }
}

impl Kind for AuthenticatorValidateStage {
    const NAME: &'static str = "AuthenticatorValidateStage";
    const COLLECTION: &'static str = "stages/authenticator/validate";
    const MODEL: &'static str = "authentik_stages_authenticator_validate.authenticatorvalidatestage";
    const KEY: &'static [&'static str] = &["name"];
    // authentik judges them by what a request holds, whatever it has stored.
    const TOGETHER: &'static [&'static [&'static str]] =
        &[&["not_configured_action", "configuration_stages"]];
    const REFERRERS: &'static [Referrer] = referrer::OF_STAGES;
    const STAGE: bool = true;
    const FIELDS: &'static [Field] = &[
        Field::new("name"),
        Field::new("not_configured_action"),
        Field::new("device_classes").newer(&[("email", (2025, 2))]),
        Field::new("configuration_stages").set(),
        Field::new("last_auth_threshold"),
        Field::new("webauthn_user_verification"),
        Field::new("webauthn_allowed_device_types").set(),
        Field::new("webauthn_hints").since(2026, 5),
        Field::new("email_otp_throttling_factor").since(2026, 5),
        Field::new("sms_otp_throttling_factor").since(2026, 5),
        Field::new("totp_otp_throttling_factor").since(2026, 5),
        Field::new("static_otp_throttling_factor").since(2026, 5),
    ];

    fn references(&self) -> Vec<Reference> {
        self.spec.declared_stages().unwrap_or_default()
    }

    fn own_name(&self) -> Option<String> {
        Some(self.spec.name.clone().unwrap_or_else(|| self.name_any()))
    }

    fn refused(merged: &Body, pk: Option<&str>) -> Option<String> {
        let stages = merged.get("configuration_stages").and_then(Value::as_array);
        let own = |stage: &Value| pk.is_some_and(|pk| stage.as_str() == Some(pk));
        if stages.is_some_and(|stages| stages.iter().any(own)) {
            return Some(
                "a stage cannot configure itself: remove it from its own configuration stages".to_owned(),
            );
        }
        let configure = merged.get("not_configured_action").and_then(Value::as_str) == Some("configure");
        (configure && stages.is_none_or(Vec::is_empty)).then(|| {
            "with the action configure for users without an authenticator, authentik wants a configuration stage: \
             declare both spec.notConfiguredAction and one stage or more in spec.configurationStages or \
             spec.configurationStageRefs"
                .to_owned()
        })
    }

    fn body(&self, identifiers: &Identifiers) -> Result<Body, Unresolved> {
        let mut body = body::declared(&self.spec, Self::FIELDS);
        body.entry("name").or_insert_with(|| self.name_any().into());
        if let Some(references) = self.spec.declared_stages() {
            // A stage may be named twice, as a resource and by what authentik calls it.
            let mut stages: Vec<&str> =
                references.iter().map(|it| identifiers.get(it)).collect::<Result<_, _>>()?;
            stages.sort_unstable();
            stages.dedup();
            body.insert("configuration_stages".to_owned(), stages.into());
        }
        if let Some(types) = &self.spec.webauthn_allowed_device_types {
            // As authentik writes them.
            let types: Value = types.iter().map(|it| it.to_ascii_lowercase()).collect();
            body.insert("webauthn_allowed_device_types".to_owned(), types);
        }
        Ok(body)
    }

    fn management(&self) -> &Management {
        &self.spec.management
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::AuthenticatorValidateStage;
    use crate::kinds::{Identifiers, Kind, Reference};

    fn stage(spec: Value) -> AuthenticatorValidateStage {
        let stage = json!({"apiVersion": "authentik-operator.dev/v1alpha1", "kind": "AuthenticatorValidateStage",
            "metadata": {"name": "staff-mfa"}, "spec": spec});
        serde_json::from_value(stage).expect("a stage")
    }

    fn body(spec: Value, identifiers: &Identifiers) -> Value {
        stage(spec).body(identifiers).expect("all identifiers").into()
    }

    #[test]
    fn what_is_absent_is_not_sent() {
        assert_eq!(body(json!({}), &Identifiers::default()), json!({"name": "staff-mfa"}));
    }

    #[test]
    fn what_is_there_is_sent_empty_or_not() {
        let spec = json!({"name": "MFA", "notConfiguredAction": "deny", "deviceClasses": ["totp", "static"],
            "configurationStages": [], "lastAuthThreshold": "HOURS=1", "webauthnUserVerification": "discouraged",
            "webauthnAllowedDeviceTypes": [], "webauthnHints": [], "emailOtpThrottlingFactor": 0,
            "smsOtpThrottlingFactor": 0.5, "totpOtpThrottlingFactor": 1, "staticOtpThrottlingFactor": -1.0});
        assert_eq!(
            body(spec, &Identifiers::default()),
            json!({"name": "MFA", "not_configured_action": "deny", "device_classes": ["totp", "static"],
                "configuration_stages": [], "last_auth_threshold": "HOURS=1",
                "webauthn_user_verification": "discouraged", "webauthn_allowed_device_types": [],
                "webauthn_hints": [], "email_otp_throttling_factor": 0.0, "sms_otp_throttling_factor": 0.5,
                "totp_otp_throttling_factor": 1.0, "static_otp_throttling_factor": -1.0})
        );
    }

    #[test]
    fn both_lists_of_stages_are_one_set() {
        let spec = json!({"configurationStages": ["totp-setup", "own"],
            "configurationStageRefs": [{"kind": "AuthenticatorValidateStage", "name": "other"}]});
        let other =
            Reference::Resource { kind: "AuthenticatorValidateStage".to_owned(), name: "other".to_owned() };
        let named = |name: &str| Reference::Stage(name.to_owned());
        assert_eq!(stage(spec.clone()).references(), [named("totp-setup"), named("own"), other.clone()]);

        let known = [(named("totp-setup"), "b"), (named("own"), "a"), (other.clone(), "a")];
        let identifiers = known.into_iter().map(|(reference, id)| (reference, id.to_owned())).collect();
        assert_eq!(
            body(spec.clone(), &identifiers),
            json!({"name": "staff-mfa", "configuration_stages": ["a", "b"]})
        );
        let half =
            [(named("totp-setup"), "b".to_owned()), (named("own"), "a".to_owned())].into_iter().collect();
        assert_eq!(stage(spec).body(&half).expect_err("one is missing").0, other);
    }

    #[test]
    fn device_types_are_sent_as_authentik_writes_them() {
        let spec = json!({"webauthnAllowedDeviceTypes": ["CB69481E-8FF7-4039-93EC-0A2729A154A8"]});
        assert_eq!(
            body(spec, &Identifiers::default())["webauthn_allowed_device_types"],
            json!(["cb69481e-8ff7-4039-93ec-0a2729a154a8"])
        );
    }
}
