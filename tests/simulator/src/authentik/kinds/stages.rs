//! The kinds of stages beside those that validate and set up authenticators: what references need, and
//! the rest, since all of them share one table of names.

use serde_json::{Value, json};

use super::super::answer::{Refusal, invalid_object};
use super::super::field::{Choice, Field, Type, choice, optional, required};
use super::super::kind::{Filter, Kind, Payload};
use super::super::store::Table;
use super::super::version::Minor;
use super::{CONFIGURE_FLOW, KIND};

pub(super) const NAME: Field = required("name", Type::Text);
const USER_FIELDS: &[Choice] = &[choice("email"), choice("username"), choice("upn")];

/// What all kinds of stages have in common.
pub(super) const STAGE_KIND: Kind = Kind {
    table: Table::Stage,
    label: "Stage",
    filters: &[Filter::Text("name")],
    unique: &[("name", "stage")],
    ..KIND
};

/// `/stages/all/`: the base of every kind.
pub(crate) static STAGE: Kind = Kind {
    path: "stages/all",
    app: "authentik_flows",
    model: "stage",
    class: "Stage",
    verbose: "stage",
    verbose_plural: "stages",
    order: &[],
    orderable: &["pk", "name"],
    ..STAGE_KIND
};

pub(super) static KINDS: [&Kind; 19] = [
    &CAPTCHA,
    &CONSENT,
    &DENY,
    &DUMMY,
    &EMAIL,
    &ENDPOINTS,
    &IDENTIFICATION,
    &INVITATION,
    &MTLS,
    &PASSWORD,
    &PROMPT,
    &REDIRECT,
    &SOURCE,
    &USER_DELETE,
    &USER_LOGIN,
    &USER_LOGOUT,
    &USER_WRITE,
    &PROMPTS,
    &DEVICE_TYPES,
];

/// `/stages/prompt/prompts/` is no stage: what a prompt stage shows.
static PROMPTS: Kind = Kind {
    path: "stages/prompt/prompts",
    table: Table::Prompt,
    app: "authentik_stages_prompt",
    model: "prompt",
    class: "Prompt",
    verbose: "Prompt",
    verbose_plural: "Prompts",
    fields: &[
        NAME,
        required("field_key", Type::Text),
        required("label", Type::Text),
        required("type", Type::Text),
        optional("required", Type::Bool, "true"),
        optional("placeholder", Type::Text, "\"\"").may_be_blank(),
        optional("initial_value", Type::Text, "\"\"").may_be_blank(),
        optional("order", Type::Int, "0"),
        optional("sub_text", Type::Text, "\"\"").may_be_blank(),
        optional("placeholder_expression", Type::Bool, "false"),
        optional("initial_value_expression", Type::Bool, "false"),
    ],
    filters: &[Filter::Text("name"), Filter::Text("field_key"), Filter::Text("label"), Filter::Text("type")],
    order: &[],
    unique: &[("name", "Prompt")],
    ..KIND
};

/// `/stages/authenticator/webauthn_device_types/`: what FIDO's metadata lists.
static DEVICE_TYPES: Kind = Kind {
    path: "stages/authenticator/webauthn_device_types",
    table: Table::DeviceType,
    app: "authentik_stages_authenticator_webauthn",
    model: "webauthndevicetype",
    class: "WebAuthnDeviceType",
    verbose: "WebAuthn Device type",
    verbose_plural: "WebAuthn Device types",
    pk: "aaguid",
    fields: &[required("description", Type::Text)],
    filters: &[Filter::Text("description"), Filter::Uuid("aaguid", "pk")],
    search: &["description", "pk"],
    order: &["description"],
    ..KIND
};

fn sources_or_fields(payload: &Payload<'_>) -> Result<(), Refusal> {
    let chosen =
        |name: &str| match payload.values.get(name).or_else(|| payload.stored.map(|row| row.get(name))) {
            Some(Value::Array(items)) => !items.is_empty(),
            _ => false,
        };
    if chosen("user_fields") || chosen("sources") {
        return Ok(());
    }
    Err(invalid_object("When no user fields are selected, at least one source must be selected"))
}

fn target_of_the_mode(payload: &Payload<'_>) -> Result<(), Refusal> {
    let mode = payload.values.get("mode").and_then(Value::as_str).unwrap_or_default();
    let given = |name: &str| payload.values.get(name).is_some_and(|value| !value.is_null() && value != "");
    let error = match mode {
        "static" if !given("target_static") => "Target URL should be present when mode is Static.",
        "flow" if !given("target_flow") => "Target Flow should be present when mode is Flow.",
        _ => return Ok(()),
    };
    Err(invalid_object(error))
}

/// The built-in source cannot be visited (recording `kind-source-post-minimal`).
fn web_based_source(payload: &Payload<'_>) -> Result<(), Value> {
    let source = payload.values.get("source").and_then(Value::as_str).unwrap_or_default();
    match payload.store.get(Table::Source, source) {
        Some(row) if row.kind.component.is_empty() => {
            Err(json!({"source": ["Invalid source selected, only web-based sources are supported."]}))
        }
        _ => Ok(()),
    }
}

static CAPTCHA: Kind = Kind {
    path: "stages/captcha",
    app: "authentik_stages_captcha",
    model: "captchastage",
    class: "CaptchaStage",
    verbose: "Captcha Stage",
    verbose_plural: "Captcha Stages",
    component: "ak-stage-captcha-form",
    fields: &[
        NAME,
        required("public_key", Type::Text),
        required("private_key", Type::Text).write_only(),
        optional("js_url", Type::Text, "\"https://www.recaptcha.net/recaptcha/api.js\""),
        optional("api_url", Type::Text, "\"https://www.recaptcha.net/recaptcha/api/siteverify\""),
        optional("interactive", Type::Bool, "false"),
        optional("score_min_threshold", Type::Float, "0.5"),
        optional("score_max_threshold", Type::Float, "1.0"),
        optional("error_on_invalid_score", Type::Bool, "true"),
    ],
    ..STAGE_KIND
};

static CONSENT: Kind = Kind {
    path: "stages/consent",
    app: "authentik_stages_consent",
    model: "consentstage",
    class: "ConsentStage",
    verbose: "Consent Stage",
    verbose_plural: "Consent Stages",
    component: "ak-stage-consent-form",
    fields: &[
        NAME,
        optional(
            "mode",
            Type::Choice(&[choice("always_require"), choice("permanent"), choice("expiring")]),
            "\"expiring\"",
        ),
        optional("consent_expire_in", Type::Duration, "\"weeks=4\""),
    ],
    ..STAGE_KIND
};

static DENY: Kind = Kind {
    path: "stages/deny",
    app: "authentik_stages_deny",
    model: "denystage",
    class: "DenyStage",
    verbose: "Deny Stage",
    verbose_plural: "Deny Stages",
    component: "ak-stage-deny-form",
    fields: &[NAME, optional("deny_message", Type::Text, "\"\"").may_be_blank()],
    ..STAGE_KIND
};

static DUMMY: Kind = Kind {
    path: "stages/dummy",
    app: "authentik_stages_dummy",
    model: "dummystage",
    class: "DummyStage",
    verbose: "Dummy Stage",
    verbose_plural: "Dummy Stages",
    component: "ak-stage-dummy-form",
    fields: &[NAME, optional("throw_error", Type::Bool, "false")],
    ..STAGE_KIND
};

static EMAIL: Kind = Kind {
    path: "stages/email",
    app: "authentik_stages_email",
    model: "emailstage",
    class: "EmailStage",
    verbose: "Email Stage",
    verbose_plural: "Email Stages",
    component: "ak-stage-email-form",
    fields: &[
        NAME,
        optional("use_global_settings", Type::Bool, "false"),
        optional("host", Type::Text, "\"localhost\""),
        optional("port", Type::Int, "25"),
        optional("username", Type::Text, "\"\"").may_be_blank(),
        optional("password", Type::Text, "\"\"").may_be_blank().write_only(),
        optional("use_tls", Type::Bool, "false"),
        optional("use_ssl", Type::Bool, "false"),
        optional("timeout", Type::Int, "10"),
        optional("from_address", Type::Text, "\"system@authentik.local\""),
        optional("token_expiry", Type::Duration, "\"minutes=30\""),
        optional("subject", Type::Text, "\"authentik\""),
        optional("template", Type::Text, "\"email/password_reset.html\""),
        optional("activate_user_on_success", Type::Bool, "false"),
        optional("recovery_max_attempts", Type::Int, "5").since(2025, 8),
        optional("recovery_cache_timeout", Type::Duration, "\"minutes=5\"").since(2025, 8),
    ],
    ..STAGE_KIND
};

static ENDPOINTS: Kind = Kind {
    path: "stages/endpoints",
    app: "authentik_endpoints",
    model: "endpointstage",
    class: "EndpointStage",
    verbose: "Endpoint Stage",
    verbose_plural: "Endpoint Stages",
    component: "ak-endpoints-stage-form",
    fields: &[
        NAME,
        required("connector", Type::Text),
        optional("mode", Type::Choice(&[choice("optional"), choice("required")]), "\"optional\""),
    ],
    since: Minor(2025, 12),
    ..STAGE_KIND
};

static IDENTIFICATION: Kind = Kind {
    path: "stages/identification",
    app: "authentik_stages_identification",
    model: "identificationstage",
    class: "IdentificationStage",
    verbose: "Identification Stage",
    verbose_plural: "Identification Stages",
    component: "ak-stage-identification-form",
    fields: &[
        NAME,
        optional("user_fields", Type::Choices(USER_FIELDS), "[]").may_be_blank(),
        optional("password_stage", Type::Reference(Table::Stage), "null").nullable(),
        optional("captcha_stage", Type::Reference(Table::Stage), "null").nullable(),
        optional("case_insensitive_matching", Type::Bool, "true"),
        optional("show_matched_user", Type::Bool, "true"),
        optional("enrollment_flow", Type::Reference(Table::Flow), "null").nullable(),
        optional("recovery_flow", Type::Reference(Table::Flow), "null").nullable(),
        optional("passwordless_flow", Type::Reference(Table::Flow), "null").nullable(),
        optional("sources", Type::References(Table::Source), "[]").may_be_blank(),
        optional("show_source_labels", Type::Bool, "false"),
        optional("pretend_user_exists", Type::Bool, "true"),
        optional("enable_remember_me", Type::Bool, "false").since(2025, 4),
        optional("webauthn_stage", Type::Reference(Table::Stage), "null").nullable().since(2025, 12),
    ],
    rule: Some(sources_or_fields),
    ..STAGE_KIND
};

static INVITATION: Kind = Kind {
    path: "stages/invitation/stages",
    app: "authentik_stages_invitation",
    model: "invitationstage",
    class: "InvitationStage",
    verbose: "Invitation Stage",
    verbose_plural: "Invitation Stages",
    component: "ak-stage-invitation-form",
    fields: &[NAME, optional("continue_flow_without_invitation", Type::Bool, "false")],
    ..STAGE_KIND
};

static MTLS: Kind = Kind {
    path: "stages/mtls",
    app: "authentik_stages_mtls",
    model: "mutualtlsstage",
    class: "MutualTLSStage",
    verbose: "Mutual TLS Stage",
    verbose_plural: "Mutual TLS Stages",
    component: "ak-stage-mtls-form",
    fields: &[
        NAME,
        required("mode", Type::Choice(&[choice("optional"), choice("required")])),
        optional("certificate_authorities", Type::Texts, "[]").may_be_blank(),
        required(
            "cert_attribute",
            Type::Choice(&[choice("subject"), choice("common_name"), choice("email")]),
        ),
        required("user_attribute", Type::Choice(&[choice("username"), choice("email")])),
    ],
    enterprise: true,
    since: Minor(2025, 6),
    ..STAGE_KIND
};

static PASSWORD: Kind = Kind {
    path: "stages/password",
    app: "authentik_stages_password",
    model: "passwordstage",
    class: "PasswordStage",
    verbose: "Password Stage",
    verbose_plural: "Password Stages",
    component: "ak-stage-password-form",
    fields: &[
        NAME,
        required("backends", Type::Texts),
        CONFIGURE_FLOW,
        optional("failed_attempts_before_cancel", Type::Int, "5"),
        optional("allow_show_password", Type::Bool, "false"),
    ],
    ..STAGE_KIND
};

static PROMPT: Kind = Kind {
    path: "stages/prompt/stages",
    app: "authentik_stages_prompt",
    model: "promptstage",
    class: "PromptStage",
    verbose: "Prompt Stage",
    verbose_plural: "Prompt Stages",
    component: "ak-stage-prompt-form",
    fields: &[
        NAME,
        required("fields", Type::References(Table::Prompt)),
        optional("validation_policies", Type::References(Table::Policy), "[]").may_be_blank(),
    ],
    ..STAGE_KIND
};

static REDIRECT: Kind = Kind {
    path: "stages/redirect",
    app: "authentik_stages_redirect",
    model: "redirectstage",
    class: "RedirectStage",
    verbose: "Redirect Stage",
    verbose_plural: "Redirect Stages",
    component: "ak-stage-redirect-form",
    fields: &[
        NAME,
        optional("keep_context", Type::Bool, "true"),
        required("mode", Type::Choice(&[choice("static"), choice("flow")])),
        optional("target_static", Type::Text, "\"\"").may_be_blank(),
        optional("target_flow", Type::Reference(Table::Flow), "null").nullable(),
    ],
    rule: Some(target_of_the_mode),
    ..STAGE_KIND
};

static SOURCE: Kind = Kind {
    path: "stages/source",
    app: "authentik_stages_source",
    model: "sourcestage",
    class: "SourceStage",
    verbose: "Source Stage",
    verbose_plural: "Source Stages",
    component: "ak-stage-source-form",
    fields: &[
        NAME,
        required("source", Type::Reference(Table::Source)),
        optional("resume_timeout", Type::Duration, "\"minutes=10\""),
    ],
    enterprise: true,
    field_rule: Some(web_based_source),
    ..STAGE_KIND
};

static USER_DELETE: Kind = Kind {
    path: "stages/user_delete",
    app: "authentik_stages_user_delete",
    model: "userdeletestage",
    class: "UserDeleteStage",
    verbose: "User Delete Stage",
    verbose_plural: "User Delete Stages",
    component: "ak-stage-user-delete-form",
    fields: &[NAME],
    ..STAGE_KIND
};

static USER_LOGIN: Kind = Kind {
    path: "stages/user_login",
    app: "authentik_stages_user_login",
    model: "userloginstage",
    class: "UserLoginStage",
    verbose: "User Login Stage",
    verbose_plural: "User Login Stages",
    component: "ak-stage-user-login-form",
    fields: &[
        NAME,
        optional("session_duration", Type::Duration, "\"seconds=0\""),
        optional("terminate_other_sessions", Type::Bool, "false"),
        optional("remember_me_offset", Type::Duration, "\"seconds=0\""),
        optional(
            "network_binding",
            Type::Choice(&[
                choice("no_binding"),
                choice("bind_asn"),
                choice("bind_asn_network"),
                choice("bind_asn_network_ip"),
            ]),
            "\"no_binding\"",
        ),
        optional(
            "geoip_binding",
            Type::Choice(&[
                choice("no_binding"),
                choice("bind_continent"),
                choice("bind_continent_country"),
                choice("bind_continent_country_city"),
            ]),
            "\"no_binding\"",
        ),
        optional("remember_device", Type::Duration, "\"days=30\"").since(2025, 8),
    ],
    ..STAGE_KIND
};

static USER_LOGOUT: Kind = Kind {
    path: "stages/user_logout",
    app: "authentik_stages_user_logout",
    model: "userlogoutstage",
    class: "UserLogoutStage",
    verbose: "User Logout Stage",
    verbose_plural: "User Logout Stages",
    component: "ak-stage-user-logout-form",
    fields: &[NAME],
    ..STAGE_KIND
};

static USER_WRITE: Kind = Kind {
    path: "stages/user_write",
    app: "authentik_stages_user_write",
    model: "userwritestage",
    class: "UserWriteStage",
    verbose: "User Write Stage",
    verbose_plural: "User Write Stages",
    component: "ak-stage-user-write-form",
    fields: &[
        NAME,
        optional(
            "user_creation_mode",
            Type::Choice(&[choice("never_create"), choice("create_when_required"), choice("always_create")]),
            "\"create_when_required\"",
        ),
        optional("create_users_as_inactive", Type::Bool, "false"),
        optional("create_users_group", Type::Reference(Table::Group), "null").nullable(),
        optional(
            "user_type",
            Type::Choice(&[choice("internal"), choice("external"), choice("service_account")]),
            "\"external\"",
        ),
        optional("user_path_template", Type::Text, "\"\"").may_be_blank(),
    ],
    ..STAGE_KIND
};
