//! The lists of all providers and of all sources, whatever their kind.

use authentik_simulator::authentik::{Authentik, Version};
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{TOKEN, ask, ask_as, created, flow, get};

const PRISTINE: &str = include_str!("../../../recordings/pristine-2026.2.2.json");

/// A provider and a source of a kind each, which use the flow.
async fn users(authentik: &Authentik, flow: &str) -> Value {
    let provider =
        json!({"name": "p", "authorization_flow": flow, "invalidation_flow": flow, "redirect_uris": []});
    let (status, provider) = ask(authentik, "POST", "/providers/oauth2/", provider).await;
    assert_eq!(status, StatusCode::CREATED, "{provider}");
    let source = json!({"name": "s", "slug": "s", "pre_authentication_flow": flow, "sso_url": "https://idp.example.com"});
    created(authentik, "/sources/saml/", source).await;
    provider["pk"].clone()
}

#[tokio::test]
async fn a_fresh_server_lists_the_source_that_it_is_and_no_provider() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let recorded: Value = serde_json::from_str(PRISTINE).expect("JSON");
    for path in ["/sources/all/", "/providers/all/"] {
        let (status, mut shown) = get(&authentik, path).await;
        assert_eq!(status, StatusCode::OK);
        let mut expected = recorded[format!("GET {path}")].clone();
        expected["autocomplete"] = shown["autocomplete"].clone();
        for rows in [&mut shown, &mut expected] {
            for row in rows["results"].as_array_mut().expect("rows") {
                row["pk"] = Value::Null;
            }
        }
        assert_eq!(shown, expected, "{path}");
    }
}

#[tokio::test]
async fn every_kind_is_in_the_list_and_nothing_is_created_there() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let flow = flow(&authentik, "f").await;
    let provider = users(&authentik, &flow).await;
    let (_, providers) = get(&authentik, "/providers/all/").await;
    let listed = &providers["results"][0];
    assert_eq!((&listed["pk"], &listed["component"]), (&provider, &json!("ak-provider-oauth2-form")));
    assert_eq!((&listed["authorization_flow"], &listed["client_id"]), (&json!(flow), &Value::Null));
    let (_, sources) = get(&authentik, "/sources/all/?slug=s").await;
    let listed = &sources["results"][0];
    assert_eq!(listed["meta_model_name"], "authentik_sources_saml.samlsource");
    assert_eq!(listed["pre_authentication_flow"], Value::Null, "what is the kind's own is not shown");
    assert_eq!(get(&authentik, "/sources/all/s/").await.0, StatusCode::OK);
    for path in ["/providers/all/", "/sources/all/"] {
        assert_eq!(
            ask(&authentik, "POST", path, json!({})).await.0,
            StatusCode::METHOD_NOT_ALLOWED,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_permission_is_the_bases() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let flow = flow(&authentik, "f").await;
    users(&authentik, &flow).await;
    let lists = ["/providers/all/", "/sources/all/"];
    for (name, permissions, expected) in [
        (
            "kinds",
            ["authentik_providers_oauth2.view_oauth2provider", "authentik_sources_saml.view_samlsource"],
            403,
        ),
        ("bases", ["authentik_core.view_provider", "authentik_core.view_source"], 200),
    ] {
        let account = crate::permissions::account(&authentik, name, &permissions.map(str::to_owned)).await;
        for path in lists {
            let (status, answer) = ask_as(&authentik, &account.token, "GET", path, Value::Null).await;
            assert_eq!(status.as_u16(), expected, "{name} {path} {answer}");
        }
    }
}
