//! The stage that asks for a second factor.

use serde_json::{Value, json};

use super::super::field::{Choice, Field, Type, choice, choice_since, optional, required};
use super::super::kind::{Filter, Kind, Payload};
use super::super::store::Table;
use super::KIND;

const NOT_CONFIGURED_ACTIONS: &[Choice] = &[choice("skip"), choice("deny"), choice("configure")];
const DEVICE_CLASSES: &[Choice] = &[
    choice("static"),
    choice("totp"),
    choice("webauthn"),
    choice("duo"),
    choice("sms"),
    choice_since("email", 2025, 2),
];
pub(super) const USER_VERIFICATIONS: &[Choice] =
    &[choice("required"), choice("preferred"), choice("discouraged")];
const HINTS: &[Choice] = &[choice("security-key"), choice("client-device"), choice("hybrid")];

const FIELDS: &[Field] = &[
    required("name", Type::Text),
    optional("not_configured_action", Type::Choice(NOT_CONFIGURED_ACTIONS), "\"skip\""),
    optional(
        "device_classes",
        Type::Choices(DEVICE_CLASSES),
        "[\"static\", \"totp\", \"webauthn\", \"duo\", \"sms\", \"email\"]",
    ),
    optional("configuration_stages", Type::References(Table::Stage), "[]").may_be_blank(),
    optional("last_auth_threshold", Type::Duration, "\"seconds=0\""),
    optional("webauthn_user_verification", Type::Choice(USER_VERIFICATIONS), "\"preferred\""),
    optional("webauthn_hints", Type::Choices(HINTS), "[]").may_be_blank().since(2026, 5),
    optional("webauthn_allowed_device_types", Type::References(Table::DeviceType), "[]").may_be_blank(),
    optional("email_otp_throttling_factor", Type::Float, "1.0").since(2026, 5),
    optional("sms_otp_throttling_factor", Type::Float, "1.0").since(2026, 5),
    optional("totp_otp_throttling_factor", Type::Float, "1.0").since(2026, 5),
    optional("static_otp_throttling_factor", Type::Float, "1.0").since(2026, 5),
];

/// `/stages/authenticator/validate/`.
pub(crate) static VALIDATE_STAGE: Kind = Kind {
    path: "stages/authenticator/validate",
    table: Table::Stage,
    app: "authentik_stages_authenticator_validate",
    model: "authenticatorvalidatestage",
    class: "AuthenticatorValidateStage",
    verbose: "Authenticator Validation Stage",
    verbose_plural: "Authenticator Validation Stages",
    component: "ak-stage-authenticator-validate-form",
    label: "Stage",
    fields: FIELDS,
    filters: &[
        Filter::Text("name"),
        Filter::Choice("not_configured_action", NOT_CONFIGURED_ACTIONS),
        Filter::Objects("configuration_stages", Table::Stage),
    ],
    unique: &[("name", "stage")],
    field_rule: Some(configure_needs_stages),
    ..KIND
};

/// Looks at the body as sent, not at what is stored, and says so beside other fields' errors (recordings
/// `validate-patch-nca-configure-null-stages`, `…-again-alone`).
fn configure_needs_stages(payload: &Payload<'_>) -> Result<(), Value> {
    let configures = payload.values.get("not_configured_action").and_then(Value::as_str) == Some("configure");
    let names_stages = match payload.body.get("configuration_stages") {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    if !configures || names_stages {
        return Ok(());
    }
    Err(json!({"not_configured_action": [
        "When \"Not configured action\" is set to \"Configure\", you must set a configuration stage."
    ]}))
}
