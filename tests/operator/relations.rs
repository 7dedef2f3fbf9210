//! The deletion guard, relation by relation: who uses a flow keeps it, is named, and is not missed once it is gone.

use serde_json::{Value, json};

use crate::harness::{FLOW, PERMISSIONS, Resource, STAGE, World, flow, stage};

const FORCE_DELETE: &str = "authentik-operator.dev/force-delete";
const RECONCILE_AT: &str = "authentik-operator.dev/reconcile-at";

/// What tells that the user would go with the flow.
const ALONG: &str = "would be deleted along";

/// A field by which objects of authentik use flows.
struct Relation {
    /// The collection of the users.
    collection: &'static str,
    /// The field with the flow.
    field: &'static str,
    /// What the guard calls such a user.
    what: &'static str,
    /// Whether authentik deletes the user with the flow.
    along: bool,
}

const fn relation(collection: &'static str, field: &'static str, what: &'static str) -> Relation {
    Relation { collection, field, what, along: false }
}

impl Relation {
    /// The least that such a user needs, beside the flow. It has the field's name.
    fn user(&self, flow: &str, other: &str) -> Value {
        let name = self.field.replace('_', "-");
        let mut user = match self.collection {
            "/providers/oauth2/" => json!({"name": name, "authorization_flow": other,
                "invalidation_flow": other, "redirect_uris": []}),
            "/sources/saml/" => json!({"name": name, "slug": name, "pre_authentication_flow": other,
                "sso_url": "https://idp.example.com"}),
            "/core/brands/" => json!({"domain": name}),
            "/stages/redirect/" => json!({"name": name, "mode": "flow"}),
            "/stages/password/" => {
                json!({"name": name, "backends": ["authentik.core.auth.InbuiltBackend"]})
            }
            "/stages/identification/" => json!({"name": name, "user_fields": ["email"]}),
            "/stages/authenticator/totp/" => json!({"name": name, "digits": "6"}),
            "/stages/authenticator/duo/" => json!({"name": name, "client_id": "i", "client_secret": "s",
                "api_hostname": "duo.example.com"}),
            "/stages/authenticator/sms/" => json!({"name": name, "provider": "twilio", "from_number": "1",
                "account_sid": "a", "auth": "b"}),
            _ => json!({"name": name}),
        };
        user[self.field] = flow.into();
        user
    }
}

/// A flow for each relation is kept by a user, which is named by kind and name, and goes when the user is gone.
async fn kept_until_nobody_uses_them(relations: &[Relation]) {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let other =
        authentik.flow("default-provider-invalidation-flow").await["pk"].as_str().expect("a pk").to_owned();
    let mut users = Vec::new();
    for (number, relation) in relations.iter().enumerate() {
        let name = format!("flow-{number}");
        world.create(FLOW, &name, flow(json!({}))).await;
        let pk = world.ready(FLOW, &name).await.pk().to_owned();
        let mut body = relation.user(&pk, &other);
        // Users of several relations have names of their own.
        for field in ["name", "slug", "domain"] {
            if let Some(value) = body[field].as_str() {
                body[field] = format!("{value}-{number}").into();
            }
        }
        let called = body["name"].as_str().or(body["domain"].as_str()).expect("a name").to_owned();
        let user = authentik.create_in(relation.collection, body).await;
        // authentik calls an invitation by its identifier.
        let pk = user.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        users.push((name, if relation.what == "invitation" { pk } else { called }, user));
    }
    let then = authentik.now();
    for (name, ..) in &users {
        world.delete(FLOW, name).await;
    }
    for (relation, (name, called, _)) in relations.iter().zip(&users) {
        let kept = world.reason(FLOW, name, "InUse").await;
        let said = kept.message();
        let context = format!("{} by {}: {said}", relation.collection, relation.field);
        assert!(said.contains(relation.what) && said.contains(called.as_str()), "{context}");
        assert_eq!(said.contains(ALONG), relation.along, "{context}");
        world.event(FLOW, name, "InUse", &[called]).await;
    }
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    for (name, _, user) in &users {
        authentik.delete(user).await;
        world.annotate(FLOW, name, RECONCILE_AT, Some("now")).await;
    }
    for (name, ..) in &users {
        world.gone(FLOW, name).await;
        assert!(!authentik.has_flow(name).await);
    }
}

#[tokio::test]
async fn by_each_field_of_a_provider() {
    let provider = |field| relation("/providers/oauth2/", field, "provider");
    let along = Relation { along: true, ..provider("authorization_flow") };
    kept_until_nobody_uses_them(&[along, provider("authentication_flow"), provider("invalidation_flow")])
        .await;
}

#[tokio::test]
async fn by_each_field_of_a_brand() {
    let fields = [
        "flow_authentication",
        "flow_invalidation",
        "flow_recovery",
        "flow_unenrollment",
        "flow_user_settings",
        "flow_device_code",
    ];
    kept_until_nobody_uses_them(&fields.map(|field| relation("/core/brands/", field, "brand"))).await;
}

#[tokio::test]
async fn by_each_field_of_a_source() {
    let source = |field| relation("/sources/saml/", field, "source");
    let along = Relation { along: true, ..source("pre_authentication_flow") };
    kept_until_nobody_uses_them(&[along, source("authentication_flow"), source("enrollment_flow")]).await;
}

#[tokio::test]
async fn by_each_field_of_an_identification_stage() {
    let fields = ["recovery_flow", "enrollment_flow", "passwordless_flow"];
    let stage = |field| relation("/stages/identification/", field, "identification stage");
    kept_until_nobody_uses_them(&fields.map(stage)).await;
}

#[tokio::test]
async fn by_stages_that_configure_redirect_or_invite() {
    let configure = |collection, what| relation(collection, "configure_flow", what);
    kept_until_nobody_uses_them(&[
        configure("/stages/password/", "passwordstage"),
        configure("/stages/authenticator/static/", "authenticatorstaticstage"),
        configure("/stages/authenticator/totp/", "authenticatortotpstage"),
        configure("/stages/authenticator/webauthn/", "authenticatorwebauthnstage"),
        configure("/stages/authenticator/duo/", "authenticatorduostage"),
        configure("/stages/authenticator/sms/", "authenticatorsmsstage"),
        configure("/stages/authenticator/email/", "authenticatoremailstage"),
        relation("/stages/redirect/", "target_flow", "redirectstage"),
        relation("/stages/invitation/invitations/", "flow", "invitation"),
    ])
    .await;
}

#[tokio::test]
async fn force_says_what_goes_with_it() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    let other =
        authentik.flow("default-provider-invalidation-flow").await["pk"].as_str().expect("a pk").to_owned();
    let mut users = Vec::new();
    for (collection, field, stays) in [
        ("/providers/oauth2/", "authorization_flow", false),
        ("/sources/saml/", "pre_authentication_flow", false),
        ("/core/brands/", "flow_recovery", true),
        ("/stages/identification/", "recovery_flow", true),
    ] {
        let body = relation(collection, field, "").user(&pk, &other);
        users.push((authentik.create_in(collection, body).await, field, stays));
    }
    world.delete(FLOW, "staff").await;
    world.reason(FLOW, "staff", "InUse").await;
    let then = authentik.now();
    world.annotate(FLOW, "staff", FORCE_DELETE, Some("true")).await;
    world.gone(FLOW, "staff").await;
    let writes = authentik.writes(then);
    assert!(writes.len() == 1 && writes[0].method() == "DELETE", "{writes:?}");
    let names =
        ["authorization-flow", "pre-authentication-flow", "flow-recovery", "recovery-flow", FORCE_DELETE];
    let warning = world.event(FLOW, "staff", "ForceDeleted", &names).await;
    assert_eq!(warning.kind, "Warning");
    for along in ["provider “authorization-flow”", "samlsource “SAML Source pre-authentication-flow”"]
    {
        assert!(warning.note.contains(&format!("{along}, which {ALONG}")), "{along} in {}", warning.note);
    }
    for (user, field, stays) in users {
        let now = authentik.find(&user).await;
        assert_eq!(now.is_some(), stays, "{user}");
        assert_eq!(now.unwrap_or_default()[field], Value::Null, "{user}");
    }
}

/// The permissions to see each collection whose objects can use a flow.
const USERS_OF_FLOWS: [&str; 15] = [
    "authentik_brands.view_brand",
    "authentik_core.view_provider",
    "authentik_core.view_source",
    "authentik_sources_saml.view_samlsource",
    "authentik_stages_invitation.view_invitation",
    "authentik_stages_identification.view_identificationstage",
    "authentik_stages_password.view_passwordstage",
    "authentik_stages_redirect.view_redirectstage",
    "authentik_stages_authenticator_static.view_authenticatorstaticstage",
    "authentik_stages_authenticator_totp.view_authenticatortotpstage",
    "authentik_stages_authenticator_webauthn.view_authenticatorwebauthnstage",
    "authentik_stages_authenticator_duo.view_authenticatorduostage",
    "authentik_stages_authenticator_sms.view_authenticatorsmsstage",
    "authentik_stages_authenticator_email.view_authenticatoremailstage",
    "authentik_stages_authenticator_endpoint_gdtc.view_authenticatorendpointgdtcstage",
];

#[tokio::test]
async fn each_permission_that_is_missing_to_know_keeps_a_flow_and_is_named() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let all: Vec<&str> = PERMISSIONS.into_iter().chain(USERS_OF_FLOWS).collect();
    let account = authentik.account("operator", &all).await;
    world.write("token", &account.token);
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    world.ready(FLOW, "staff").await;
    let then = authentik.now();
    let mut before: Option<&str> = None;
    for permission in USERS_OF_FLOWS {
        // One is always missing, or the flow would go.
        account.revoke(authentik, permission).await;
        match before {
            Some(before) => account.grant(authentik, before).await,
            None => world.delete(FLOW, "staff").await,
        }
        world.annotate(FLOW, "staff", RECONCILE_AT, Some(permission)).await;
        let alone = |said: &str| USERS_OF_FLOWS.iter().all(|it| said.contains(it) == (*it == permission));
        let what = format!("is to be kept for lack of {permission} alone");
        world.wait(FLOW, "staff", &what, |it| it.reason() == "InUse" && alone(it.message())).await;
        before = Some(permission);
    }
    assert_eq!(authentik.writes(then), []);
    if let Some(before) = before {
        account.grant(authentik, before).await;
    }
    world.annotate(FLOW, "staff", RECONCILE_AT, Some("all")).await;
    world.gone(FLOW, "staff").await;
    assert!(!authentik.has_flow("staff").await);
}

#[tokio::test]
async fn each_permission_that_is_missing_to_know_keeps_a_stage_and_is_named() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let bindings = "authentik_flows.view_flowstagebinding";
    let identification = "authentik_stages_identification.view_identificationstage";
    let all: Vec<&str> = PERMISSIONS.into_iter().chain([identification]).collect();
    let account = authentik.account("operator", &all).await;
    world.write("token", &account.token);
    let _operator = world.operator().start().await;
    world.create(STAGE, "mfa", stage(json!({}))).await;
    world.ready(STAGE, "mfa").await;
    account.revoke(authentik, bindings).await;
    let then = authentik.now();
    world.delete(STAGE, "mfa").await;
    let lacks = |one: &'static str, other: &'static str| {
        move |it: &Resource| {
            it.reason() == "InUse" && it.message().contains(one) && !it.message().contains(other)
        }
    };
    world.wait(STAGE, "mfa", "is to be kept", lacks(bindings, identification)).await;
    account.revoke(authentik, identification).await;
    account.grant(authentik, bindings).await;
    world.annotate(STAGE, "mfa", RECONCILE_AT, Some("now")).await;
    world.wait(STAGE, "mfa", "is to be kept", lacks(identification, bindings)).await;
    assert_eq!(authentik.writes(then), []);
    account.grant(authentik, identification).await;
    world.annotate(STAGE, "mfa", RECONCILE_AT, Some("all")).await;
    world.gone(STAGE, "mfa").await;
    assert!(authentik.validate_stages("mfa").await.is_empty());
}

#[tokio::test]
async fn an_identification_stage_that_signs_in_by_passkey_keeps_its_stage() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(STAGE, "passkey", stage(json!({"deviceClasses": ["webauthn"]}))).await;
    let pk = world.ready(STAGE, "passkey").await.pk().to_owned();
    let user = json!({"name": "sign-in", "user_fields": ["email"], "webauthn_stage": pk});
    let user = authentik.create_in("/stages/identification/", user).await;
    let then = authentik.now();
    world.delete(STAGE, "passkey").await;
    let kept = world.reason(STAGE, "passkey", "InUse").await;
    assert!(kept.message().contains("sign-in"), "{}", kept.message());
    authentik.read_anew().await;
    assert_eq!(authentik.writes(then), []);
    authentik.delete(&user).await;
    world.annotate(STAGE, "passkey", RECONCILE_AT, Some("now")).await;
    world.gone(STAGE, "passkey").await;
}
