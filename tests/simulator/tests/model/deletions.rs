//! What a deletion does to those that refer to the object.

use authentik_simulator::authentik::{Authentik, Version};
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{TOKEN, ask, created, flow, get};

async fn delete(authentik: &Authentik, path: &str) {
    let (status, answer) = ask(authentik, "DELETE", path, Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "DELETE {path}: {answer}");
    let (status, _) = ask(authentik, "DELETE", path, Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "DELETE {path} once more");
}

/// Creates an object whose identifier is no text, or is called otherwise.
async fn made(authentik: &Authentik, path: &str, body: Value) -> Value {
    let (status, answer) = ask(authentik, "POST", path, body).await;
    assert_eq!(status, StatusCode::CREATED, "POST {path}: {answer}");
    answer
}

async fn is_gone(authentik: &Authentik, path: &str) -> bool {
    get(authentik, path).await.0 == StatusCode::NOT_FOUND
}

#[tokio::test]
async fn a_flow_takes_along_what_cannot_be_without_it_and_leaves_the_rest_without_it() {
    for version in ["2025.10", "2026.2"] {
        let authentik = Authentik::new(version.parse().expect("a version"), TOKEN);
        let gone = flow(&authentik, "gone").await;
        let stays = flow(&authentik, "stays").await;
        let (_, shown) = get(&authentik, "/flows/instances/gone/").await;

        let stage = created(&authentik, "/stages/dummy/", json!({"name": "s"})).await;
        let policy = created(&authentik, "/policies/dummy/", json!({"name": "p"})).await;
        let binding =
            created(&authentik, "/flows/bindings/", json!({"target": gone, "stage": stage, "order": 0}))
                .await;
        let (_, bound) = get(&authentik, &format!("/flows/bindings/{binding}/")).await;
        let mut policy_bindings = Vec::new();
        for target in [&shown["policybindingmodel_ptr_id"], &bound["policybindingmodel_ptr_id"]] {
            let body = json!({"target": target, "policy": policy, "order": 0});
            policy_bindings.push(created(&authentik, "/policies/bindings/", body).await);
        }

        let provider = |name: &str, field: &str| {
            let mut body = json!({"name": name, "authorization_flow": stays, "invalidation_flow": stays, "redirect_uris": []});
            body[field] = json!(gone);
            body
        };
        let mut providers = Vec::new();
        for field in ["authorization_flow", "invalidation_flow", "authentication_flow"] {
            let made = made(&authentik, "/providers/oauth2/", provider(field, field)).await;
            providers.push((field, format!("/providers/oauth2/{}/", made["pk"]), made["pk"].clone()));
        }
        let body = json!({"name": "a", "slug": "a", "provider": providers[0].2});
        made(&authentik, "/core/applications/", body).await;

        let source = |slug: &str, field: &str| {
            let mut body =
                json!({"name": slug, "slug": slug, "pre_authentication_flow": stays, "sso_url": "https://x"});
            body[field] = json!(gone);
            body
        };
        for (slug, field) in [
            ("pre", "pre_authentication_flow"),
            ("auth", "authentication_flow"),
            ("enroll", "enrollment_flow"),
        ] {
            made(&authentik, "/sources/saml/", source(slug, field)).await;
        }

        let flows =
            ["authentication", "invalidation", "recovery", "unenrollment", "user_settings", "device_code"]
                .map(|name| format!("flow_{name}"));
        let mut body = json!({"domain": "d"});
        for name in &flows {
            body[name] = json!(gone);
        }
        let brand = made(&authentik, "/core/brands/", body).await;
        let brand = format!("/core/brands/{}/", brand["brand_uuid"].as_str().expect("a UUID"));
        let body = json!({"name": "i", "flow": gone});
        let invitation = made(&authentik, "/stages/invitation/invitations/", body).await;
        let invitation =
            format!("/stages/invitation/invitations/{}/", invitation["pk"].as_str().expect("a UUID"));
        let mut referring = vec![(invitation, "flow")];
        for (path, body, fields) in [
            ("password", json!({"backends": ["b"]}), ["configure_flow"].as_slice()),
            ("authenticator/totp", json!({"digits": "6"}), &["configure_flow"]),
            ("redirect", json!({"mode": "flow"}), &["target_flow"]),
            (
                "identification",
                json!({"user_fields": ["email"]}),
                &["recovery_flow", "enrollment_flow", "passwordless_flow"],
            ),
        ] {
            let mut body = body;
            body["name"] = json!(path);
            for field in fields {
                body[field] = json!(gone);
            }
            let pk = created(&authentik, &format!("/stages/{path}/"), body).await;
            referring.extend(fields.iter().map(|field| (format!("/stages/{path}/{pk}/"), *field)));
        }

        let (_, used_by) = get(&authentik, "/flows/instances/gone/used_by/").await;
        let actions: Vec<String> = used_by
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| format!("{} {}", entry["model_name"], entry["action"]).replace('"', ""))
            .collect();
        for (entry, times) in [
            ("policybinding cascade", 1),
            ("policy cascade_many", 1),
            ("flowstagebinding cascade", 1),
            ("stage cascade_many", 1),
            ("brand set_null", 6),
            ("provider cascade", 1),
            ("provider set_default", 1),
            ("provider set_null", 1),
            ("source set_null", 2),
            ("samlsource cascade", 1),
            ("passwordstage set_null", 1),
            ("authenticatortotpstage set_null", 1),
            ("redirectstage set_null", 1),
            ("invitation set_default", 1),
            ("identificationstage set_null", 0),
        ] {
            let found = actions.iter().filter(|action| *action == entry).count();
            assert_eq!(found, times, "{version}: {entry} in {actions:?}");
        }

        delete(&authentik, "/flows/instances/gone/").await;
        assert!(is_gone(&authentik, &format!("/flows/bindings/{binding}/")).await);
        for binding in policy_bindings {
            assert!(is_gone(&authentik, &format!("/policies/bindings/{binding}/")).await);
        }
        assert!(!is_gone(&authentik, &format!("/stages/dummy/{stage}/")).await);
        assert!(!is_gone(&authentik, &format!("/policies/dummy/{policy}/")).await);
        assert!(is_gone(&authentik, &providers[0].1).await, "the provider by its authorization flow");
        let (_, application) = get(&authentik, "/core/applications/a/").await;
        assert_eq!((&application["provider"], &application["provider_obj"]), (&Value::Null, &Value::Null));
        for (field, path, _) in &providers[1..] {
            assert_eq!(get(&authentik, path).await.1[field], Value::Null, "{field}");
        }
        assert!(is_gone(&authentik, "/sources/saml/pre/").await);
        assert_eq!(get(&authentik, "/sources/saml/auth/").await.1["authentication_flow"], Value::Null);
        assert_eq!(get(&authentik, "/sources/saml/enroll/").await.1["enrollment_flow"], Value::Null);
        let (_, shown) = get(&authentik, &brand).await;
        for name in &flows {
            assert_eq!(shown[name], Value::Null, "{name}");
        }
        for (path, field) in referring {
            let (status, shown) = get(&authentik, &path).await;
            assert_eq!((status, &shown[field]), (StatusCode::OK, &Value::Null), "{path} {field}");
        }
    }
}

#[tokio::test]
async fn a_stage_takes_its_bindings_along_and_leaves_configure_without_stages() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let target = flow(&authentik, "f").await;
    let totp = created(&authentik, "/stages/authenticator/totp/", json!({"name": "t", "digits": "6"})).await;
    let body = json!({"name": "v", "not_configured_action": "configure", "configuration_stages": [totp]});
    let validate = created(&authentik, "/stages/authenticator/validate/", body).await;
    let password = created(&authentik, "/stages/password/", json!({"name": "p", "backends": ["b"]})).await;
    let body = json!({"name": "i", "user_fields": ["email"], "password_stage": password});
    let identification = created(&authentik, "/stages/identification/", body).await;
    let binding =
        created(&authentik, "/flows/bindings/", json!({"target": target, "stage": totp, "order": 0})).await;
    let (_, used_by) = get(&authentik, &format!("/stages/authenticator/totp/{totp}/used_by/")).await;
    assert_eq!(used_by.as_array().map(Vec::len), Some(2), "the binding and the flow alone: {used_by}");
    delete(&authentik, &format!("/stages/authenticator/totp/{totp}/")).await;
    delete(&authentik, &format!("/stages/all/{password}/")).await;
    assert!(is_gone(&authentik, &format!("/flows/bindings/{binding}/")).await);
    let (_, shown) = get(&authentik, &format!("/stages/authenticator/validate/{validate}/")).await;
    assert_eq!(
        (&shown["not_configured_action"], &shown["configuration_stages"]),
        (&json!("configure"), &json!([]))
    );
    let (_, shown) = get(&authentik, &format!("/stages/identification/{identification}/")).await;
    assert_eq!(shown["password_stage"], Value::Null);
    let (_, shown) = get(&authentik, "/flows/instances/f/").await;
    assert_eq!(shown["stages"], json!([]));
}

#[tokio::test]
async fn policies_groups_and_prompts_are_taken_out_of_what_refers_to_them() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let target = flow(&authentik, "f").await;
    let policy = created(&authentik, "/policies/dummy/", json!({"name": "p"})).await;
    let group = created(&authentik, "/core/groups/", json!({"name": "g"})).await;
    let body = json!({"username": "u", "name": "u", "groups": [group]});
    let user = made(&authentik, "/core/users/", body).await;
    let user = format!("/core/users/{}/", user["pk"]);
    let body = json!({"name": "w", "create_users_group": group});
    let writes = created(&authentik, "/stages/user_write/", body).await;
    let body = json!({"name": "q", "field_key": "k", "label": "l", "type": "text"});
    let prompt = created(&authentik, "/stages/prompt/prompts/", body).await;
    let body = json!({"name": "ps", "fields": [prompt], "validation_policies": [policy]});
    let prompts = created(&authentik, "/stages/prompt/stages/", body).await;
    let mut bindings = Vec::new();
    for (order, by) in [json!({"policy": policy}), json!({"group": group})].into_iter().enumerate() {
        let mut body = by;
        body["target"] = json!(target);
        body["order"] = json!(order);
        bindings.push(created(&authentik, "/policies/bindings/", body).await);
    }
    delete(&authentik, &format!("/policies/all/{policy}/")).await;
    delete(&authentik, &format!("/core/groups/{group}/")).await;
    delete(&authentik, &format!("/stages/prompt/prompts/{prompt}/")).await;
    for binding in bindings {
        assert!(is_gone(&authentik, &format!("/policies/bindings/{binding}/")).await);
    }
    assert_eq!(get(&authentik, "/flows/instances/f/").await.1["policies"], json!([]));
    assert_eq!(get(&authentik, &user).await.1["groups"], json!([]));
    let (_, shown) = get(&authentik, &format!("/stages/user_write/{writes}/")).await;
    assert_eq!(shown["create_users_group"], Value::Null);
    let (_, shown) = get(&authentik, &format!("/stages/prompt/stages/{prompts}/")).await;
    assert_eq!((&shown["fields"], &shown["validation_policies"]), (&json!([]), &json!([])));
}
