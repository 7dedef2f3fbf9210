//! What differs between versions beside fields and values.

use std::time::Duration;

use authentik_simulator::authentik::{Authentik, Minor, Version};
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{TOKEN, ask, flow, get};

#[tokio::test]
async fn each_version_says_which_it_is() {
    for version in Version::all() {
        let authentik = Authentik::new(version.clone(), TOKEN).with_write_gap(Duration::ZERO);
        let (_, info) = get(&authentik, "/admin/version/").await;
        let (_, schema) = get(&authentik, "/schema/").await;
        assert_eq!(info["version_current"], version.to_string());
        assert_eq!(schema["info"]["version"], version.to_string());
    }
}

#[tokio::test]
async fn until_2025_10_pages_have_no_maximum_and_slugs_fifty_characters() {
    for version in Version::all() {
        let old = version.minor() <= Minor(2025, 10);
        let authentik = Authentik::new(version.clone(), TOKEN).with_write_gap(Duration::ZERO);
        for number in 0..150 {
            flow(&authentik, &format!("page-{number}")).await;
        }
        let rows = |page: Value| page["results"].as_array().map(Vec::len);
        let (_, page) = get(&authentik, "/flows/instances/").await;
        assert_eq!(rows(page), Some(if old { 100 } else { 20 }), "{version}: the default size");
        let (_, page) = get(&authentik, "/flows/instances/?page_size=1000").await;
        assert_eq!(rows(page), Some(if old { 164 } else { 100 }), "{version}: the maximum");

        let slug = "s".repeat(51);
        let body = json!({"name": "n", "slug": slug, "title": "t", "designation": "recovery"});
        let (status, answer) = ask(&authentik, "POST", "/flows/instances/", body).await;
        let expected = if old { StatusCode::BAD_REQUEST } else { StatusCode::CREATED };
        assert_eq!(status, expected, "{version}: {answer}");
    }
}

#[tokio::test]
async fn until_2025_10_a_background_is_set_by_an_action_and_roles_come_through_groups() {
    for version in Version::all() {
        let old = version.minor() <= Minor(2025, 10);
        let authentik = Authentik::new(version.clone(), TOKEN).with_write_gap(Duration::ZERO);
        flow(&authentik, "bg").await;
        let url = "https://example.test/bg.png";
        let (_, patched) = ask(&authentik, "PATCH", "/flows/instances/bg/", json!({"background": url})).await;
        assert_eq!(patched["background"] == url, !old, "{version}: a PATCH of the background");
        assert_eq!(patched.get("background_url").is_none(), old, "{version}");
        let action = "/flows/instances/bg/set_background_url/";
        let (status, _) = ask(&authentik, "POST", action, json!({"url": url})).await;
        assert_eq!(status, if old { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED }, "{version}");
        let (_, flow) = get(&authentik, "/flows/instances/bg/").await;
        assert_eq!(flow["background"], url, "{version}");

        let (_, role) = ask(&authentik, "POST", "/rbac/roles/", json!({"name": "operator"})).await;
        let (_, account) =
            ask(&authentik, "POST", "/core/users/service_account/", json!({"name": "op", "expiring": false}))
                .await;
        let path = format!("/rbac/roles/{}/add_user/", role["pk"].as_str().expect("a role"));
        let (status, _) = ask(&authentik, "POST", &path, json!({"pk": account["user_pk"]})).await;
        assert_eq!(
            status,
            if old { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::NO_CONTENT },
            "{version}"
        );
    }
}

#[tokio::test]
async fn the_settings_of_the_tenant_change_the_size_of_pages() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let settings = json!({"pagination_default_page_size": 5, "pagination_max_page_size": 10, "no_such": 1});
    let (status, settings) = ask(&authentik, "PATCH", "/admin/settings/", settings).await;
    assert_eq!((status, settings.get("no_such")), (StatusCode::OK, None));
    for (query, rows) in [("", 5), ("?page_size=100", 10)] {
        let (_, page) = get(&authentik, &format!("/flows/instances/{query}")).await;
        assert_eq!(page["results"].as_array().map(Vec::len), Some(rows), "{query}");
    }
}
