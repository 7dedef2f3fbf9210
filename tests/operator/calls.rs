//! The calls that the operator makes: which, where to, with what.

use authentik_simulator::journal::Entry;
use serde_json::json;

use crate::harness::{BINDING, FLOW, LISTS, STAGE, World, Write, binding, flow, is_page, stage, write};

/// The value of a parameter of the query.
fn parameter<'a>(entry: &'a Entry, name: &str) -> Option<&'a str> {
    entry
        .query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(it, _)| *it == name)
        .map(|(_, it)| it)
}

/// The request before the first of these since then, apart from what keeps the copies of lists fresh.
fn before(world: &World, then: u64, method: &str) -> Entry {
    let mut requests = world.authentik.since(then);
    requests.retain(|entry| !LISTS.iter().any(|list| is_page(entry, list)));
    let first = requests.iter().position(|entry| entry.method == method).expect("such a request");
    requests[first.checked_sub(1).expect("a request before")].clone()
}

#[tokio::test]
async fn bindings_are_listed_in_pages_to_the_end() {
    let world = World::new().await;
    let authentik = &world.authentik;
    // A fresh authentik has 20.
    authentik.patch("/admin/settings/", json!({"pagination_max_page_size": 8})).await;
    let _operator = world.operator().start().await;
    let page = |requests: &[Entry], number: &str| {
        let asked = |entry: &&Entry| {
            entry.path.ends_with("/flows/bindings/") && parameter(entry, "page").unwrap_or("1") == number
        };
        requests.iter().filter(asked).count()
    };
    let twice = |requests: &[Entry]| ["1", "2", "3"].iter().all(|number| page(requests, number) >= 2);
    authentik.until(0, "the operator is to read all pages of the bindings twice", twice).await;
    let requests = authentik.matching(0, "GET", "/flows/bindings/");
    assert_eq!(page(&requests, "4"), 0, "there are three");
    for entry in &requests {
        assert_eq!(parameter(entry, "page_size"), Some("100"), "the largest that authentik may honour");
        assert!(parameter(entry, "ordering").is_some(), "pages in no order lose rows: {entry:?}");
    }
}

#[tokio::test]
async fn a_binding_is_changed_by_put_with_all_that_authentik_looks_at_together() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(BINDING, "login", binding(json!({}))).await;
    let pk = world.ready(BINDING, "login").await.pk().to_owned();
    let path = format!("/flows/bindings/{pk}/");
    let target = authentik.flow("default-authentication-flow").await["pk"].clone();
    let login = authentik.stage("default-authentication-login").await;
    // Nobody declares these, so they are to stay.
    authentik.patch(&path, json!({"evaluate_on_plan": true, "re_evaluate_policies": false})).await;

    let then = authentik.now();
    world.change(BINDING, "login", json!({"invalidResponseAction": "restart"})).await;
    world.ready(BINDING, "login").await;
    let put = json!({"target": target, "stage": login, "order": 500, "evaluate_on_plan": true,
        "re_evaluate_policies": false, "invalid_response_action": "restart"});
    assert_eq!(authentik.writes(then), [write("PUT", &path, put)]);
    assert_eq!(
        before(&world, then, "PUT").path,
        format!("/api/v3{path}"),
        "what is not declared is just read"
    );

    // To another place and another stage: the same object.
    let then = authentik.now();
    world.change(BINDING, "login", json!({"order": -7, "stage": "default-authentication-password"})).await;
    assert_eq!(world.ready(BINDING, "login").await.pk(), pk);
    let password = authentik.stage("default-authentication-password").await;
    let writes = authentik.writes(then);
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!((writes[0].method(), writes[0].path()), ("PUT", path.as_str()));
    let body = writes[0].body();
    for (field, value) in [
        ("target", target),
        ("stage", password.into()),
        ("order", json!(-7)),
        ("evaluate_on_plan", json!(true)),
        ("re_evaluate_policies", json!(false)),
    ] {
        assert_eq!(body[field], value, "{field} of {body}");
    }
}

#[tokio::test]
async fn declared_evaluation_flags_are_enforced_false_or_not() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let flags = json!({"evaluateOnPlan": true, "reEvaluatePolicies": false});
    world.create(BINDING, "login", binding(flags)).await;
    let path = format!("/flows/bindings/{}/", world.ready(BINDING, "login").await.pk());
    let then = authentik.now();
    world.change(BINDING, "login", json!({"evaluateOnPlan": false, "reEvaluatePolicies": true})).await;
    world.ready(BINDING, "login").await;
    let stored = authentik.get(&path).await;
    assert_eq!((&stored["evaluate_on_plan"], &stored["re_evaluate_policies"]), (&json!(false), &json!(true)));
    assert_eq!(authentik.writes(then).len(), 1);
}

#[tokio::test]
async fn a_flow_is_patched_with_only_what_differs() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({"compatibilityMode": true, "layout": "stacked"}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    let then = authentik.now();
    world.change(FLOW, "staff", json!({"title": "Hello", "compatibilityMode": false})).await;
    world.ready(FLOW, "staff").await;
    let patch = json!({"title": "Hello", "compatibility_mode": false});
    assert_eq!(authentik.writes(then), [write("PATCH", "/flows/instances/staff/", patch)]);
    let asked = before(&world, then, "PATCH");
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/api/v3/flows/instances/"));
    assert_eq!(parameter(&asked, "flow_uuid"), Some(pk.as_str()), "its slug is asked for right before");

    // The slug is a field as any other, and the object stays the same.
    let then = authentik.now();
    world.change(FLOW, "staff", json!({"slug": "people"})).await;
    let renamed = world.ready(FLOW, "staff").await;
    assert_eq!((renamed.pk(), renamed.status()["slug"].as_str()), (pk.as_str(), Some("people")));
    let patch = json!({"slug": "people"});
    assert_eq!(authentik.writes(then), [write("PATCH", "/flows/instances/staff/", patch)]);
}

#[tokio::test]
async fn a_flow_that_was_renamed_by_hand_is_patched_where_it_is_now() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world.create(FLOW, "staff", flow(json!({}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    let then = authentik.now();
    authentik.patch("/flows/instances/staff/", json!({"slug": "moved"})).await;
    let moved_back =
        |entries: &[Entry]| entries.iter().any(|entry| entry.method == "PATCH" && entry.status == Some(200));
    authentik.until(then, "the slug is to be repaired", moved_back).await;
    assert_eq!(authentik.writes(then), [write("PATCH", "/flows/instances/moved/", json!({"slug": "staff"}))]);
    assert_eq!(authentik.flow("staff").await["pk"], pk);
}

#[tokio::test]
async fn an_old_slug_that_another_flow_has_now_is_not_written_to() {
    let world = World::new().await;
    let authentik = &world.authentik;
    // The operator's copy of the list stays as it was.
    let operator = world.operator().flag("--refresh-at-most", "15m").start().await;
    world.create(FLOW, "staff", flow(json!({"deletionPolicy": "Delete"}))).await;
    let pk = world.ready(FLOW, "staff").await.pk().to_owned();
    authentik.patch("/flows/instances/staff/", json!({"slug": "moved"})).await;
    let usurper = json!({"name": "Other", "slug": "staff", "title": "Other", "designation": "recovery"});
    let usurper = authentik.post("/flows/instances/", usurper).await;
    let before = authentik.flow("staff").await;

    let then = authentik.now();
    world.change(FLOW, "staff", json!({"title": "Hello"})).await;
    let looked =
        |entries: &[Entry]| entries.iter().any(|entry| parameter(entry, "flow_uuid") == Some(pk.as_str()));
    authentik.until(then, "the flow is to be looked for by its UUID", looked).await;
    let stuck =
        world.wait(FLOW, "staff", "cannot have its slug back", |it| it.is_current() && !it.is_ready()).await;
    assert_eq!(stuck.is("Ready"), "False");
    let hit = |writes: &[_], at: &str| writes.iter().any(|it: &Write| it.path() == at);
    assert!(!hit(&authentik.writes(then), "/flows/instances/staff/"), "{:?}", authentik.writes(then));

    world.delete(FLOW, "staff").await;
    world.gone(FLOW, "staff").await;
    assert!(!hit(&authentik.writes(then), "/flows/instances/staff/"), "{:?}", authentik.writes(then));
    assert!(!authentik.has_flow("moved").await, "it is deleted where it is now");
    let after = authentik.flow("staff").await;
    assert_eq!((&after["pk"], &after["title"]), (&usurper.into(), &before["title"]));
    drop(operator);
}

#[tokio::test]
async fn a_stage_is_patched_with_only_what_differs() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    world
        .create(
            STAGE,
            "mfa",
            stage(json!({"deviceClasses": ["totp", "static"], "lastAuthThreshold": "hours=1"})),
        )
        .await;
    let path = format!("/stages/authenticator/validate/{}/", world.ready(STAGE, "mfa").await.pk());
    let then = authentik.now();
    world.change(STAGE, "mfa", json!({"lastAuthThreshold": "hours=12"})).await;
    world.ready(STAGE, "mfa").await;
    world.change(STAGE, "mfa", json!({"deviceClasses": ["static", "totp"], "name": "mfa of staff"})).await;
    world.ready(STAGE, "mfa").await;
    assert_eq!(
        authentik.writes(then),
        [
            write("PATCH", &path, json!({"last_auth_threshold": "hours=12"})),
            write("PATCH", &path, json!({"device_classes": ["static", "totp"], "name": "mfa of staff"})),
        ]
    );
}

#[tokio::test]
async fn what_to_do_without_authenticators_goes_with_the_stages_for_it() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let _operator = world.operator().start().await;
    let totp = authentik.stage("default-authenticator-totp-setup").await;
    let webauthn = authentik.stage("default-authenticator-webauthn-setup").await;

    // The action is declared, the stages are not.
    world.create(STAGE, "mfa", stage(json!({"notConfiguredAction": "deny"}))).await;
    let path = format!("/stages/authenticator/validate/{}/", world.ready(STAGE, "mfa").await.pk());
    authentik.patch(&path, json!({"configuration_stages": [totp]})).await;
    let then = authentik.now();
    world.change(STAGE, "mfa", json!({"notConfiguredAction": "configure"})).await;
    world.ready(STAGE, "mfa").await;
    let pair = json!({"not_configured_action": "configure", "configuration_stages": [totp]});
    assert_eq!(authentik.writes(then), [write("PATCH", &path, pair)]);
    assert_eq!(
        before(&world, then, "PATCH").path,
        format!("/api/v3{path}"),
        "what is not declared is just read"
    );

    // The stages are declared, the action is not.
    let then = authentik.now();
    let stages =
        json!({"notConfiguredAction": null, "configurationStages": ["default-authenticator-webauthn-setup"]});
    world.change(STAGE, "mfa", stages).await;
    world.ready(STAGE, "mfa").await;
    let pair = json!({"not_configured_action": "configure", "configuration_stages": [webauthn]});
    assert_eq!(authentik.writes(then), [write("PATCH", &path, pair)]);
}
