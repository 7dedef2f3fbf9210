//! Odd paths, queries and bodies.

use authentik_simulator::Unstored;
use authentik_simulator::authentik::{Authentik, Version};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::client::{TOKEN, ask, created, flow, get, send};

#[tokio::test]
async fn paths_are_resolved_before_they_are_read() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let pk = flow(&authentik, "f").await;
    let stage = created(&authentik, "/stages/dummy/", json!({"name": "s"})).await;
    let binding =
        created(&authentik, "/flows/bindings/", json!({"target": pk, "stage": stage, "order": 0})).await;
    let unknown = Value::Null;
    let absent = json!({"detail": "No Flow matches the given query."});
    for (path, status, body) in [
        ("/flows/instances/%66/used_by/", StatusCode::OK, Some(json!([]))),
        ("/flows/instances/F/", StatusCode::NOT_FOUND, Some(absent.clone())),
        ("/flows/instances/%C3%A4/", StatusCode::NOT_FOUND, Some(absent.clone())),
        ("/flows/instances/%FF/", StatusCode::NOT_FOUND, Some(absent)),
        ("/flows/instances/f%2Fg/", StatusCode::NOT_FOUND, Some(unknown.clone())),
        ("/flows/instances/f.g/", StatusCode::NOT_FOUND, Some(unknown.clone())),
        ("/flows/instances//", StatusCode::NOT_FOUND, Some(unknown.clone())),
        ("/flows/instances/f%00/", StatusCode::INTERNAL_SERVER_ERROR, Some(unknown)),
        ("/core/users/nobody/", StatusCode::NOT_FOUND, Some(json!({"detail": "Not found."}))),
        (&format!("/flows/bindings/{}/", binding.to_uppercase()), StatusCode::OK, None),
        (&format!("/flows/bindings/{}/", binding.replace('-', "")), StatusCode::OK, None),
    ] {
        let answer = get(&authentik, path).await;
        assert_eq!(answer.0, status, "{path}");
        if let Some(body) = body {
            assert!(answer.1 == body || path.ends_with("used_by/"), "{path}: {}", answer.1);
        }
    }
}

#[tokio::test]
async fn lists_bear_any_query() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    for (query, status) in [
        ("page=%201", 200),
        ("page=last", 200),
        ("page=1.0", 404),
        ("page=99999999999999999999999999999999999999999", 404),
        ("page=-1", 404),
        ("page_size=99999999999999999999999999999999999999999", 200),
        ("page_size=-99999999999999999999999999999999999999999", 200),
        ("page=1&page=99", 404),
        ("ordering=a,-b,,--order", 200),
        ("order=%2010%20", 200),
        ("order=nan", 400),
        ("order=inf", 400),
        ("search=%00", 400),
        ("search=%FF", 200),
        ("target=%00", 400),
        ("=&&==&%", 200),
    ] {
        let (found, answer) = get(&authentik, &format!("/flows/bindings/?{query}")).await;
        assert_eq!(found.as_u16(), status, "{query}: {answer}");
    }
}

#[tokio::test]
async fn bodies_of_any_kind_are_answered() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
    for version in ["2025.10", "2026.2"] {
        let authentik = Authentik::new(version.parse().expect("a version"), TOKEN);
        flow(&authentik, "f").await;
        let utf16: Vec<u8> =
            std::iter::once(0xfeff).chain("{}".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let masked = if version == "2025.10" { 405 } else { 400 };
        for (body, status) in [
            (b"".to_vec(), 200),
            (b"{}".to_vec(), 200),
            (b"[]".to_vec(), 400),
            (b"null".to_vec(), 400),
            (b"5".to_vec(), 400),
            (b"{\"title\": NaN}".to_vec(), 400),
            (b"{\"title\": 1e400}".to_vec(), 400),
            (b"{\"title\": 123456789012345678901234567890}".to_vec(), 200),
            (b"{\"title\": \"\\ud800\"}".to_vec(), 400),
            (b"\xef\xbb\xbf{}".to_vec(), 400),
            (b"{} {}".to_vec(), 400),
            (deep(100), 400),
            (deep(100_000), 400),
            (utf16, masked),
        ] {
            let text = String::from_utf8_lossy(&body).chars().take(40).collect::<String>();
            let (found, _) =
                send(&authentik, TOKEN, "PATCH", "/flows/instances/f/", "application/json", body).await;
            assert_eq!(found.as_u16(), status, "{version}: {text}");
        }
        let form = "application/x-www-form-urlencoded";
        let (status, _) = send(&authentik, TOKEN, "POST", "/flows/instances/", form, "name=x").await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let (status, answer) = send(&authentik, TOKEN, "POST", "/flows/instances/", form, "").await;
        assert_eq!((status, &answer["slug"]), (StatusCode::BAD_REQUEST, &json!(["This field is required."])));
    }
}

#[tokio::test]
async fn an_empty_reference_counts_as_null() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let pk = flow(&authentik, "f").await;
    let body = json!({"name": "p", "backends": ["b"], "configure_flow": pk});
    let path = format!("/stages/password/{}/", created(&authentik, "/stages/password/", body).await);
    let (status, shown) = ask(&authentik, "PATCH", &path, json!({"configure_flow": ""})).await;
    assert_eq!((status, &shown["configure_flow"]), (StatusCode::OK, &Value::Null));
    let (_, answer) = ask(&authentik, "POST", "/flows/bindings/", json!({"target": "", "stage": "x"})).await;
    assert_eq!(answer["target"], json!(["This field may not be null."]));
}

#[tokio::test]
async fn every_field_of_every_kind_may_fail_to_be_stored() {
    let authentik = Authentik::new(Version::default(), TOKEN);
    let pk = flow(&authentik, "f").await;
    let stage = created(&authentik, "/stages/dummy/", json!({"name": "s"})).await;
    let policy = created(&authentik, "/policies/dummy/", json!({"name": "p"})).await;
    for (path, body) in [
        ("/flows/instances/", json!({"name": "n", "slug": "lost", "title": "t", "designation": "recovery"})),
        ("/flows/bindings/", json!({"target": pk, "stage": stage, "order": 7})),
        ("/stages/authenticator/validate/", json!({"name": "v"})),
        ("/stages/password/", json!({"name": "pw", "backends": ["b"]})),
        ("/policies/bindings/", json!({"target": pk, "policy": policy, "order": 7})),
        ("/core/brands/", json!({"domain": "d"})),
        (
            "/providers/oauth2/",
            json!({"name": "o", "authorization_flow": pk, "invalidation_flow": pk, "redirect_uris": []}),
        ),
        ("/core/users/", json!({"username": "u", "name": "u"})),
        ("/core/tokens/", json!({"identifier": "t", "user": 3})),
        ("/core/groups/", json!({"name": "g", "users": ["3"]})),
        ("/rbac/roles/", json!({"name": "r"})),
    ] {
        let fields: Vec<String> =
            body.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let request = Request::builder()
            .method("POST")
            .uri(format!("/api/v3{path}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .extension(Unstored(fields))
            .body(Bytes::from(body.to_string()))
            .expect("a request");
        let status = authentik.handle(request).await.status();
        assert_eq!(status, StatusCode::CREATED, "{path}");
        let (status, answer) = get(&authentik, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    }
    for path in ["/flows/instances/f/used_by/", "/events/events/", "/core/users/me/"] {
        assert_eq!(get(&authentik, path).await.0, StatusCode::OK, "{path}");
    }
}
