//! Policies, as far as bindings and deletions touch them.

use serde_json::Value;

use super::super::answer::{Refusal, broken, invalid_object};
use super::super::field::{Field, Type, choice, optional, required};
use super::super::kind::{Filter, Kind, Payload};
use super::super::store::Table;
use super::KIND;

const NAME: Field = required("name", Type::Text);
const EXECUTION_LOGGING: Field = optional("execution_logging", Type::Bool, "false");

/// What all kinds of policies have in common.
const POLICY_KIND: Kind = Kind {
    table: Table::Policy,
    label: "Policy",
    filters: &[Filter::Text("name")],
    unique: &[("name", "Policy")],
    order: &["name"],
    ..KIND
};

/// `/policies/all/`: the base of every kind.
pub(crate) static POLICY: Kind = Kind {
    path: "policies/all",
    app: "authentik_policies",
    model: "policy",
    class: "Policy",
    verbose: "Policy",
    verbose_plural: "Policies",
    fields: &[NAME, EXECUTION_LOGGING],
    ..POLICY_KIND
};

pub(super) static KINDS: [&Kind; 8] =
    [&DUMMY, &EVENT_MATCHER, &EXPRESSION, &GEOIP, &PASSWORD, &PASSWORD_EXPIRY, &REPUTATION, &UNIQUE_PASSWORD];

static DUMMY: Kind = Kind {
    path: "policies/dummy",
    app: "authentik_policies_dummy",
    model: "dummypolicy",
    class: "DummyPolicy",
    verbose: "Dummy Policy",
    verbose_plural: "Dummy Policies",
    component: "ak-policy-dummy-form",
    fields: &[
        NAME,
        EXECUTION_LOGGING,
        optional("result", Type::Bool, "false"),
        optional("wait_min", Type::Int, "5"),
        optional("wait_max", Type::Int, "30"),
    ],
    ..POLICY_KIND
};

static EXPRESSION: Kind = Kind {
    path: "policies/expression",
    app: "authentik_policies_expression",
    model: "expressionpolicy",
    class: "ExpressionPolicy",
    verbose: "Expression Policy",
    verbose_plural: "Expression Policies",
    component: "ak-policy-expression-form",
    fields: &[NAME, EXECUTION_LOGGING, required("expression", Type::Text)],
    ..POLICY_KIND
};

static REPUTATION: Kind = Kind {
    path: "policies/reputation",
    app: "authentik_policies_reputation",
    model: "reputationpolicy",
    class: "ReputationPolicy",
    verbose: "Reputation Policy",
    verbose_plural: "Reputation Policies",
    component: "ak-policy-reputation-form",
    fields: &[
        NAME,
        EXECUTION_LOGGING,
        optional("check_ip", Type::Bool, "true"),
        optional("check_username", Type::Bool, "true"),
        optional("threshold", Type::Int, "-5"),
    ],
    rule: Some(something_to_check),
    ..POLICY_KIND
};

fn something_to_check(payload: &Payload<'_>) -> Result<(), Refusal> {
    let checks = |name: &str| payload.values.get(name).and_then(Value::as_bool).unwrap_or(false);
    if checks("check_ip") || checks("check_username") {
        return Ok(());
    }
    Err(invalid_object("Either IP or Username must be checked"))
}

static PASSWORD: Kind = Kind {
    path: "policies/password",
    app: "authentik_policies_password",
    model: "passwordpolicy",
    class: "PasswordPolicy",
    verbose: "Password Policy",
    verbose_plural: "Password Policies",
    component: "ak-policy-password-form",
    fields: &[
        NAME,
        EXECUTION_LOGGING,
        optional("password_field", Type::Text, "\"password\""),
        optional("amount_digits", Type::Int, "0"),
        optional("amount_uppercase", Type::Int, "0"),
        optional("amount_lowercase", Type::Int, "0"),
        optional("amount_symbols", Type::Int, "0"),
        optional("length_min", Type::Int, "0"),
        optional("symbol_charset", Type::Text, r##""!\\\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ""##),
        optional("error_message", Type::Text, "\"\"").may_be_blank(),
        optional("check_static_rules", Type::Bool, "true"),
        optional("check_have_i_been_pwned", Type::Bool, "false"),
        optional("check_zxcvbn", Type::Bool, "false"),
        optional("hibp_allowed_count", Type::Int, "0"),
        optional("zxcvbn_score_threshold", Type::Int, "2"),
    ],
    ..POLICY_KIND
};

static EVENT_MATCHER: Kind = Kind {
    path: "policies/event_matcher",
    app: "authentik_policies_event_matcher",
    model: "eventmatcherpolicy",
    class: "EventMatcherPolicy",
    verbose: "Event Matcher Policy",
    verbose_plural: "Event Matcher Policies",
    component: "ak-policy-event-matcher-form",
    fields: &[
        NAME,
        EXECUTION_LOGGING,
        optional("action", Type::Choice(&[choice("login")]), "null").nullable(),
        optional("client_ip", Type::Text, "null").nullable(),
        optional("app", Type::Text, "null").nullable(),
        optional("model", Type::Text, "null").nullable(),
    ],
    rule: Some(an_action),
    ..POLICY_KIND
};

/// authentik's own check reads the action from the payload, and breaks where it is not in it (recording
/// `policy-event_matcher-post-name-only`).
fn an_action(payload: &Payload<'_>) -> Result<(), Refusal> {
    if payload.values.contains_key("action") { Ok(()) } else { Err(broken()) }
}

static GEOIP: Kind = Kind {
    path: "policies/geoip",
    app: "authentik_policies_geoip",
    model: "geoippolicy",
    class: "GeoIPPolicy",
    verbose: "GeoIP Policy",
    verbose_plural: "GeoIP Policies",
    component: "ak-policy-geoip-form",
    fields: &[
        NAME,
        EXECUTION_LOGGING,
        optional("asns", Type::Json, "[]"),
        required("countries", Type::Texts),
        optional("check_history_distance", Type::Bool, "false"),
        optional("history_max_distance_km", Type::Int, "100"),
        optional("distance_tolerance_km", Type::Int, "50"),
        optional("history_login_count", Type::Int, "5"),
        optional("check_impossible_travel", Type::Bool, "false"),
        optional("impossible_tolerance_km", Type::Int, "100"),
    ],
    ..POLICY_KIND
};

static PASSWORD_EXPIRY: Kind = Kind {
    path: "policies/password_expiry",
    app: "authentik_policies_expiry",
    model: "passwordexpirypolicy",
    class: "PasswordExpiryPolicy",
    verbose: "Password Expiry Policy",
    verbose_plural: "Password Expiry Policies",
    component: "ak-policy-password-expiry-form",
    fields: &[
        NAME,
        EXECUTION_LOGGING,
        required("days", Type::Int),
        optional("deny_only", Type::Bool, "false"),
    ],
    ..POLICY_KIND
};

static UNIQUE_PASSWORD: Kind = Kind {
    path: "policies/unique_password",
    app: "authentik_policies_unique_password",
    model: "uniquepasswordpolicy",
    class: "UniquePasswordPolicy",
    verbose: "Password Uniqueness Policy",
    verbose_plural: "Password Uniqueness Policies",
    component: "ak-policy-unique-password-form",
    fields: &[NAME, EXECUTION_LOGGING],
    enterprise: true,
    ..POLICY_KIND
};
