//! What tokens with few permissions can do, and which tokens are none.

use authentik_simulator::authentik::{Authentik, Version};
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{TOKEN, ask, ask_as, created, flow, get};

const FORBIDDEN: &str = "You do not have permission to perform this action.";

fn operator_permissions() -> Vec<String> {
    let models = [
        ("authentik_flows", "flow"),
        ("authentik_flows", "flowstagebinding"),
        ("authentik_stages_authenticator_validate", "authenticatorvalidatestage"),
    ];
    models
        .iter()
        .flat_map(|(app, model)| {
            ["view", "add", "change", "delete"].map(|verb| format!("{app}.{verb}_{model}"))
        })
        .chain(["authentik_flows.view_stage".to_owned()])
        .collect()
}

/// A service account: its API token, its user, its role, its app password.
pub(crate) struct Account {
    pub(crate) token: String,
    user: u64,
    role: String,
    password: String,
}

/// A service account whose role has the permissions, made as section 5 of the notes on authentik's API shows: by role, or
/// by group up to 2025.10.
pub(crate) async fn account(authentik: &Authentik, name: &str, permissions: &[String]) -> Account {
    let body = json!({"name": name, "create_group": false, "expiring": false});
    let (status, account) = ask(authentik, "POST", "/core/users/service_account/", body).await;
    assert_eq!(status, StatusCode::OK);
    let user = account["user_pk"].as_u64().expect("a number");
    let identifier = format!("{name}-api");
    let body = json!({"identifier": identifier, "intent": "api", "user": user, "expiring": false});
    created(authentik, "/core/tokens/", body).await;
    let (_, key) = get(authentik, &format!("/core/tokens/{identifier}/view_key/")).await;
    let role = created(authentik, "/rbac/roles/", json!({"name": name})).await;
    assign(authentik, &role, json!({"permissions": permissions})).await;
    let by_role = format!("/rbac/roles/{role}/add_user/");
    let (status, _) = ask(authentik, "POST", &by_role, json!({"pk": user})).await;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let group = created(authentik, "/core/groups/", json!({"name": name, "roles": [role]})).await;
        let (status, _) =
            ask(authentik, "POST", &format!("/core/groups/{group}/add_user/"), json!({"pk": user})).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    } else {
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    Account {
        token: key["key"].as_str().expect("a key").to_owned(),
        user,
        role,
        password: account["token"].as_str().expect("a password").to_owned(),
    }
}

async fn assign(authentik: &Authentik, role: &str, body: Value) {
    let path = format!("/rbac/permissions/assigned_by_roles/{role}/assign/");
    let (status, answer) = ask(authentik, "POST", &path, body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

fn versions() -> [Authentik; 2] {
    ["2025.10", "2026.2"].map(|version| {
        let version: Version = version.parse().expect("a version");
        Authentik::new(version, TOKEN).with_write_gap(std::time::Duration::ZERO)
    })
}

#[tokio::test]
async fn thirteen_permissions_are_enough_for_an_operator_and_for_nothing_else() {
    for authentik in versions() {
        let operator = account(&authentik, "op", &operator_permissions()).await;
        let ask = async |method: &str, path: &str, body: Value| {
            ask_as(&authentik, &operator.token, method, path, body).await
        };
        let body = json!({"name": "n", "slug": "s", "title": "t", "designation": "recovery"});
        let (status, flow) = ask("POST", "/flows/instances/", body).await;
        assert_eq!(status, StatusCode::CREATED);
        let (status, stage) = ask("POST", "/stages/authenticator/validate/", json!({"name": "v"})).await;
        assert_eq!(status, StatusCode::CREATED);
        let body = json!({"target": flow["pk"], "stage": stage["pk"], "order": 0});
        let (status, binding) = ask("POST", "/flows/bindings/", body).await;
        assert_eq!(status, StatusCode::CREATED);
        let stage_path = format!("/stages/authenticator/validate/{}/", stage["pk"].as_str().expect("a pk"));
        let binding_path = format!("/flows/bindings/{}/", binding["pk"].as_str().expect("a pk"));
        for path in ["/flows/instances/s/", &stage_path, &binding_path] {
            for (method, body) in [("GET", Value::Null), ("PATCH", json!({}))] {
                assert_eq!(ask(method, path, body).await.0, StatusCode::OK, "{method} {path}");
            }
            let (status, _) = ask("GET", &format!("{path}used_by/"), Value::Null).await;
            assert_eq!(status, StatusCode::OK, "{path}");
        }
        for path in
            ["/flows/instances/", "/flows/bindings/", "/stages/authenticator/validate/", "/stages/all/"]
        {
            assert_eq!(ask("GET", path, Value::Null).await.0, StatusCode::OK, "{path}");
        }
        for path in ["/admin/version/", "/core/users/me/"] {
            assert_eq!(ask("GET", path, Value::Null).await.0, StatusCode::OK, "{path}");
        }
        for path in [
            "/flows/instances/s/export/",
            "/stages/identification/",
            "/stages/authenticator/webauthn_device_types/",
            "/policies/bindings/",
            "/events/events/",
            "/core/brands/",
            "/core/users/",
            "/core/tokens/op-api/",
            "/core/tokens/op-api/view_key/",
            "/admin/system/",
            "/admin/settings/",
        ] {
            let (status, answer) = ask("GET", path, Value::Null).await;
            assert_eq!((status, &answer["detail"]), (StatusCode::FORBIDDEN, &json!(FORBIDDEN)), "{path}");
        }
        let any_stage = format!("/stages/all/{}/", stage["pk"].as_str().expect("a pk"));
        let masked = ask("DELETE", &any_stage, Value::Null).await;
        assert_eq!(masked, (StatusCode::METHOD_NOT_ALLOWED, Value::Null));
        for path in [&binding_path, &stage_path, "/flows/instances/s/"] {
            assert_eq!(ask("DELETE", path, Value::Null).await.0, StatusCode::NO_CONTENT, "{path}");
            assert_eq!(ask("DELETE", path, Value::Null).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

#[tokio::test]
async fn used_by_shows_what_the_token_may_view() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let pk = flow(&authentik, "used").await;
    let stage = created(&authentik, "/stages/dummy/", json!({"name": "bound"})).await;
    created(&authentik, "/flows/bindings/", json!({"target": pk, "stage": stage, "order": 0})).await;
    created(
        &authentik,
        "/stages/password/",
        json!({"name": "configurable", "backends": ["b"], "configure_flow": pk}),
    )
    .await;
    let (_, brand) =
        ask(&authentik, "POST", "/core/brands/", json!({"domain": "d", "flow_recovery": pk})).await;
    assert!(brand["brand_uuid"].is_string());
    let operator = account(&authentik, "op", &operator_permissions()).await;
    let models = |used_by: Value| -> Vec<String> {
        let entries = used_by.as_array().expect("a list").clone();
        entries.iter().map(|entry| format!("{} {}", entry["model_name"], entry["action"])).collect()
    };
    let path = "/flows/instances/used/used_by/";
    let (_, all) = get(&authentik, path).await;
    let (_, seen) = ask_as(&authentik, &operator.token, "GET", path, Value::Null).await;
    assert_eq!(
        models(all),
        [
            "\"brand\" \"set_null\"",
            "\"flowstagebinding\" \"cascade\"",
            "\"passwordstage\" \"set_null\"",
            "\"stage\" \"cascade_many\""
        ]
    );
    assert_eq!(models(seen), ["\"flowstagebinding\" \"cascade\"", "\"stage\" \"cascade_many\""]);
}

#[tokio::test]
async fn permissions_over_single_objects_hide_the_others() {
    for authentik in versions() {
        let own = flow(&authentik, "own").await;
        let operator = account(&authentik, "op", &["authentik_flows.add_flow".to_owned()]).await;
        let ask = async |method: &str, path: &str, body: Value| {
            ask_as(&authentik, &operator.token, method, path, body).await
        };
        for path in ["/flows/instances/", "/flows/instances/own/", "/flows/instances/absent/"] {
            assert_eq!(ask("GET", path, Value::Null).await.0, StatusCode::FORBIDDEN, "{path}");
        }
        let over = |permission: &str| json!({"permissions": [permission], "model": "authentik_flows.flow", "object_pk": own});
        assign(&authentik, &operator.role, over("authentik_flows.view_flow")).await;
        let (_, page) = ask("GET", "/flows/instances/", Value::Null).await;
        assert_eq!(page["pagination"]["count"], 1);
        assert_eq!(ask("GET", "/flows/instances/own/", Value::Null).await.0, StatusCode::OK);
        let hidden = "/flows/instances/default-authentication-flow/";
        for method in ["GET", "DELETE"] {
            assert_eq!(ask(method, hidden, Value::Null).await.0, StatusCode::NOT_FOUND, "{method}");
        }
        let invalid = json!({"designation": "nope"});
        assert_eq!(ask("PATCH", "/flows/instances/own/", invalid.clone()).await.0, StatusCode::FORBIDDEN);
        assign(&authentik, &operator.role, over("authentik_flows.change_flow")).await;
        assert_eq!(ask("PATCH", "/flows/instances/own/", invalid).await.0, StatusCode::BAD_REQUEST);
        let taken = json!({"name": "n", "slug": "default-authentication-flow", "title": "t", "designation": "recovery"});
        assert_eq!(ask("POST", "/flows/instances/", taken).await.0, StatusCode::BAD_REQUEST);
        let (status, _) =
            crate::client::ask(&authentik, "DELETE", "/flows/instances/own/", Value::Null).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert_eq!(ask("GET", "/flows/instances/", Value::Null).await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn initial_permissions_make_an_account_the_master_of_what_it_created() {
    for authentik in versions() {
        let operator = account(&authentik, "op", &["authentik_flows.add_flow".to_owned()]).await;
        let mut ids = Vec::new();
        for codename in ["view_flow", "change_flow", "delete_flow"] {
            let (_, page) = get(&authentik, &format!("/rbac/permissions/?codename={codename}")).await;
            ids.push(page["results"][0]["id"].clone());
        }
        let body = json!({"name": "own", "mode": "role", "role": operator.role, "permissions": ids});
        let (status, _) = ask(&authentik, "POST", "/rbac/initial_permissions/", body).await;
        assert_eq!(status, StatusCode::CREATED);
        let body = json!({"name": "n", "slug": "mine", "title": "t", "designation": "recovery"});
        let ask = async |method: &str, path: &str, body: Value| {
            ask_as(&authentik, &operator.token, method, path, body).await.0
        };
        assert_eq!(ask("GET", "/flows/instances/", Value::Null).await, StatusCode::FORBIDDEN);
        assert_eq!(ask("POST", "/flows/instances/", body).await, StatusCode::CREATED);
        for (method, expected) in
            [("GET", StatusCode::OK), ("PATCH", StatusCode::OK), ("DELETE", StatusCode::NO_CONTENT)]
        {
            assert_eq!(ask(method, "/flows/instances/mine/", Value::Null).await, expected, "{method}");
        }
        assert_eq!(ask("GET", "/flows/instances/", Value::Null).await, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_token_is_none_any_more_when_it_or_its_user_is_gone() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let operator = account(&authentik, "op", &operator_permissions()).await;
    let detail = async |token: &str| {
        let (status, answer) = ask_as(&authentik, token, "GET", "/flows/instances/", Value::Null).await;
        (status, answer["detail"].clone())
    };
    let invalid = (StatusCode::FORBIDDEN, json!("Token invalid/expired"));
    assert_eq!(detail(&operator.password).await, invalid, "an app password");
    assert_eq!(detail(&operator.token).await.0, StatusCode::OK);
    let user = format!("/core/users/{}/", operator.user);
    ask(&authentik, "PATCH", &user, json!({"is_active": false})).await;
    assert_eq!(detail(&operator.token).await, invalid, "of an inactive user");
    ask(&authentik, "PATCH", &user, json!({"is_active": true})).await;
    assert_eq!(detail(&operator.token).await.0, StatusCode::OK);
    let role = format!("/rbac/roles/{}/", operator.role);
    assert_eq!(ask(&authentik, "DELETE", &role, Value::Null).await.0, StatusCode::NO_CONTENT);
    assert_eq!(detail(&operator.token).await, (StatusCode::FORBIDDEN, json!(FORBIDDEN)), "without its role");
    let (_, shown) = get(&authentik, &user).await;
    assert_eq!(shown["roles"], json!([]));
    assert_eq!(ask(&authentik, "DELETE", &user, Value::Null).await.0, StatusCode::NO_CONTENT);
    assert_eq!(detail(&operator.token).await, invalid, "of a user that is gone");
    assert_eq!(get(&authentik, "/core/tokens/op-api/").await.0, StatusCode::NOT_FOUND);

    let other = account(&authentik, "other", &operator_permissions()).await;
    assert_eq!(detail(&other.token).await.0, StatusCode::OK);
    ask(&authentik, "DELETE", "/core/tokens/other-api/", Value::Null).await;
    assert_eq!(detail(&other.token).await, invalid, "that is deleted");
    let (status, _) =
        ask(&authentik, "POST", "/core/tokens/", json!({"identifier": "r", "intent": "recovery"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (_, token) = ask(&authentik, "POST", "/core/tokens/", json!({"identifier": "plain"})).await;
    assert_eq!((&token["intent"], &token["expiring"]), (&json!("api"), &json!(true)));
}

#[tokio::test]
async fn permissions_that_are_no_verb_over_a_model_can_be_given() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let mut permissions = operator_permissions();
    permissions.extend(
        ["authentik_rbac.view_system_info", "authentik_events.view_event", "authentik_flows.view_flow_cache"]
            .map(str::to_owned),
    );
    let operator = account(&authentik, "op", &permissions).await;
    for path in ["/admin/system/", "/events/events/", "/flows/instances/cache_info/"] {
        let (status, _) = ask_as(&authentik, &operator.token, "GET", path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
}
