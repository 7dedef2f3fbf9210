//! Who may refer to an object.
//!
//! authentik's `used_by` shows only what the token may see, and leaves some relations out (measured on 2026.2.2 and 2025.10.4).
//! So for each relation the list of the referring objects has to be readable, and for those that are left out it is read.

/// Objects that may refer to one of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Referrer {
    /// Their collection.
    pub collection: &'static str,
    /// The fields that hold an identifier, or a list of them, where `used_by` leaves the relation out; none where it tells
    /// it. A single one is a filter of the list as well.
    pub fields: &'static [&'static str],
    /// What a person calls such an object.
    pub what: &'static str,
    /// The permission that it takes to see them.
    pub permission: &'static str,
}

impl Referrer {
    /// Objects that `used_by` tells, if the token may see them.
    const fn told(collection: &'static str, what: &'static str, permission: &'static str) -> Self {
        Self { collection, fields: &[], what, permission }
    }
}

/// Who may refer to a flow: some are deleted with it, others lose it, and people can no longer sign in with either.
pub(super) const OF_FLOWS: &[Referrer] = &[
    Referrer {
        collection: "stages/identification",
        fields: &["enrollment_flow", "recovery_flow", "passwordless_flow"],
        what: "identification stage",
        permission: "authentik_stages_identification.view_identificationstage",
    },
    Referrer::told("core/brands", "brand", "authentik_brands.view_brand"),
    Referrer::told("providers/all", "provider", "authentik_core.view_provider"),
    Referrer::told("sources/all", "source", "authentik_core.view_source"),
    Referrer::told("sources/saml", "SAML source", "authentik_sources_saml.view_samlsource"),
    Referrer::told(
        "stages/invitation/invitations",
        "invitation",
        "authentik_stages_invitation.view_invitation",
    ),
    Referrer::told("stages/password", "password stage", "authentik_stages_password.view_passwordstage"),
    Referrer::told("stages/redirect", "redirect stage", "authentik_stages_redirect.view_redirectstage"),
    Referrer::told(
        "stages/authenticator/static",
        "static authenticator stage",
        "authentik_stages_authenticator_static.view_authenticatorstaticstage",
    ),
    Referrer::told(
        "stages/authenticator/totp",
        "TOTP authenticator stage",
        "authentik_stages_authenticator_totp.view_authenticatortotpstage",
    ),
    Referrer::told(
        "stages/authenticator/webauthn",
        "WebAuthn authenticator stage",
        "authentik_stages_authenticator_webauthn.view_authenticatorwebauthnstage",
    ),
    Referrer::told(
        "stages/authenticator/duo",
        "Duo authenticator stage",
        "authentik_stages_authenticator_duo.view_authenticatorduostage",
    ),
    Referrer::told(
        "stages/authenticator/sms",
        "SMS authenticator stage",
        "authentik_stages_authenticator_sms.view_authenticatorsmsstage",
    ),
    Referrer::told(
        "stages/authenticator/email",
        "email authenticator stage",
        "authentik_stages_authenticator_email.view_authenticatoremailstage",
    ),
    Referrer::told(
        "stages/authenticator/endpoint_gdtc",
        "Google device trust authenticator stage",
        "authentik_stages_authenticator_endpoint_gdtc.view_authenticatorendpointgdtcstage",
    ),
];

/// Who may refer to a stage: bindings, which would silently be deleted with it, stages that offer it to users who have
/// no authenticator, and stages that ask for a second thing on their own page.
pub(super) const OF_STAGES: &[Referrer] = &[
    Referrer {
        collection: "flows/bindings",
        fields: &["stage"],
        what: "binding",
        permission: "authentik_flows.view_flowstagebinding",
    },
    Referrer {
        collection: "stages/authenticator/validate",
        fields: &["configuration_stages"],
        what: "authenticator validation stage",
        permission: "authentik_stages_authenticator_validate.view_authenticatorvalidatestage",
    },
    Referrer {
        collection: "stages/identification",
        fields: &["webauthn_stage", "password_stage", "captcha_stage"],
        what: "identification stage",
        permission: "authentik_stages_identification.view_identificationstage",
    },
];
