//! The kinds of stages in which users set up an authenticator.

use super::super::field::{Type, choice, optional, required};
use super::super::kind::Kind;
use super::super::store::Table;
use super::super::version::Minor;
use super::stages::{NAME, STAGE_KIND};
use super::validate::USER_VERIFICATIONS;
use super::{CONFIGURE_FLOW, FRIENDLY_NAME};

pub(super) static KINDS: [&Kind; 7] = [
    &AUTHENTICATOR_DUO,
    &AUTHENTICATOR_EMAIL,
    &AUTHENTICATOR_ENDPOINT_GDTC,
    &AUTHENTICATOR_SMS,
    &AUTHENTICATOR_STATIC,
    &AUTHENTICATOR_TOTP,
    &AUTHENTICATOR_WEBAUTHN,
];

static AUTHENTICATOR_DUO: Kind = Kind {
    path: "stages/authenticator/duo",
    app: "authentik_stages_authenticator_duo",
    model: "authenticatorduostage",
    class: "AuthenticatorDuoStage",
    verbose: "Duo Authenticator Setup Stage",
    verbose_plural: "Duo Authenticator Setup Stages",
    component: "ak-stage-authenticator-duo-form",
    label: "Duo Authenticator Setup Stage",
    fields: &[
        NAME,
        CONFIGURE_FLOW,
        FRIENDLY_NAME,
        required("client_id", Type::Text),
        required("client_secret", Type::Text).write_only(),
        required("api_hostname", Type::Text),
        optional("admin_integration_key", Type::Text, "\"\"").may_be_blank(),
        optional("admin_secret_key", Type::Text, "\"\"").may_be_blank().write_only(),
    ],
    ..STAGE_KIND
};

static AUTHENTICATOR_EMAIL: Kind = Kind {
    path: "stages/authenticator/email",
    app: "authentik_stages_authenticator_email",
    model: "authenticatoremailstage",
    class: "AuthenticatorEmailStage",
    verbose: "Email Authenticator Setup Stage",
    verbose_plural: "Email Authenticator Setup Stages",
    component: "ak-stage-authenticator-email-form",
    label: "Email Authenticator Setup Stage",
    fields: &[
        NAME,
        CONFIGURE_FLOW,
        FRIENDLY_NAME,
        optional("use_global_settings", Type::Bool, "false"),
        optional("host", Type::Text, "\"localhost\""),
        optional("port", Type::Int, "25"),
        optional("username", Type::Text, "\"\"").may_be_blank(),
        optional("password", Type::Text, "\"\"").may_be_blank(),
        optional("use_tls", Type::Bool, "false"),
        optional("use_ssl", Type::Bool, "false"),
        optional("timeout", Type::Int, "10"),
        optional("from_address", Type::Text, "\"system@authentik.local\""),
        optional("subject", Type::Text, "\"authentik Sign-in code\""),
        optional("token_expiry", Type::Duration, "\"minutes=30\""),
        optional("template", Type::Text, "\"email/email_otp.html\""),
    ],
    since: Minor(2025, 2),
    ..STAGE_KIND
};

static AUTHENTICATOR_ENDPOINT_GDTC: Kind = Kind {
    path: "stages/authenticator/endpoint_gdtc",
    app: "authentik_stages_authenticator_endpoint_gdtc",
    model: "authenticatorendpointgdtcstage",
    class: "AuthenticatorEndpointGDTCStage",
    verbose: "Endpoint Authenticator Google Device Trust Connector Stage",
    verbose_plural: "Endpoint Authenticator Google Device Trust Connector Stages",
    component: "ak-stage-authenticator-endpoint-gdtc-form",
    fields: &[NAME, CONFIGURE_FLOW, FRIENDLY_NAME, required("credentials", Type::Json)],
    enterprise: true,
    ..STAGE_KIND
};

static AUTHENTICATOR_SMS: Kind = Kind {
    path: "stages/authenticator/sms",
    app: "authentik_stages_authenticator_sms",
    model: "authenticatorsmsstage",
    class: "AuthenticatorSMSStage",
    verbose: "SMS Authenticator Setup Stage",
    verbose_plural: "SMS Authenticator Setup Stages",
    component: "ak-stage-authenticator-sms-form",
    label: "SMS Authenticator Setup Stage",
    fields: &[
        NAME,
        CONFIGURE_FLOW,
        FRIENDLY_NAME,
        required("provider", Type::Choice(&[choice("twilio"), choice("generic")])),
        required("from_number", Type::Text),
        required("account_sid", Type::Text),
        required("auth", Type::Text),
        optional("auth_password", Type::Text, "\"\"").may_be_blank(),
        optional("auth_type", Type::Choice(&[choice("basic"), choice("bearer")]), "\"basic\""),
        optional("verify_only", Type::Bool, "false"),
        optional("mapping", Type::Text, "null").nullable(),
    ],
    ..STAGE_KIND
};

static AUTHENTICATOR_STATIC: Kind = Kind {
    path: "stages/authenticator/static",
    app: "authentik_stages_authenticator_static",
    model: "authenticatorstaticstage",
    class: "AuthenticatorStaticStage",
    verbose: "Static Authenticator Setup Stage",
    verbose_plural: "Static Authenticator Setup Stages",
    component: "ak-stage-authenticator-static-form",
    label: "Static Authenticator Setup Stage",
    fields: &[
        NAME,
        CONFIGURE_FLOW,
        FRIENDLY_NAME,
        optional("token_count", Type::Int, "6"),
        optional("token_length", Type::Int, "12"),
    ],
    ..STAGE_KIND
};

static AUTHENTICATOR_TOTP: Kind = Kind {
    path: "stages/authenticator/totp",
    app: "authentik_stages_authenticator_totp",
    model: "authenticatortotpstage",
    class: "AuthenticatorTOTPStage",
    verbose: "TOTP Authenticator Setup Stage",
    verbose_plural: "TOTP Authenticator Setup Stages",
    component: "ak-stage-authenticator-totp-form",
    label: "TOTP Authenticator Setup Stage",
    fields: &[
        NAME,
        CONFIGURE_FLOW,
        FRIENDLY_NAME,
        required("digits", Type::Choice(&[choice("6"), choice("8")])),
    ],
    ..STAGE_KIND
};

static AUTHENTICATOR_WEBAUTHN: Kind = Kind {
    path: "stages/authenticator/webauthn",
    app: "authentik_stages_authenticator_webauthn",
    model: "authenticatorwebauthnstage",
    class: "AuthenticatorWebAuthnStage",
    verbose: "WebAuthn Authenticator Setup Stage",
    verbose_plural: "WebAuthn Authenticator Setup Stages",
    component: "ak-stage-authenticator-webauthn-form",
    label: "WebAuthn Authenticator Setup Stage",
    fields: &[
        NAME,
        CONFIGURE_FLOW,
        FRIENDLY_NAME,
        optional("user_verification", Type::Choice(USER_VERIFICATIONS), "\"preferred\""),
        optional(
            "authenticator_attachment",
            Type::Choice(&[choice("platform"), choice("cross-platform")]),
            "null",
        )
        .nullable(),
        optional(
            "resident_key_requirement",
            Type::Choice(&[choice("discouraged"), choice("preferred"), choice("required")]),
            "\"preferred\"",
        ),
        optional("device_type_restrictions", Type::References(Table::DeviceType), "[]").may_be_blank(),
        optional("max_attempts", Type::Int, "0").since(2025, 8),
    ],
    ..STAGE_KIND
};
