//! Many objects vanish at once: a list is not the truth, single readings decide.

use authentik_simulator::Simulator;
use authentik_simulator::fault::{Action, Answer, Fault};
use authentik_simulator::journal::Entry;
use serde_json::json;

use crate::harness::{FLOW, Operator, PERMISSIONS, Resource, TOKEN, World, flow, is_page};

/// More than five, and more than a tenth of all.
const MANY: usize = 8;
const LIST: &str = "/flows/instances/";
const WARNING: &str = "many managed objects were missing";

fn names() -> Vec<String> {
    (0..MANY).map(|number| format!("staff-{number}")).collect()
}

/// Many flows, in authentik.
async fn flows(world: &World) -> Vec<Resource> {
    for name in names() {
        world.create(FLOW, &name, flow(json!({}))).await;
    }
    ready(world).await
}

async fn ready(world: &World) -> Vec<Resource> {
    let mut ready = Vec::new();
    for name in names() {
        ready.push(world.ready(FLOW, &name).await);
    }
    ready
}

/// That the list was read twice before anything was made, and each flow alone before it was made.
fn looked_before(requests: &[Entry]) {
    let first = requests.iter().position(|it| it.method == "POST").expect("flows were made again");
    let lists = requests[..first].iter().filter(|it| is_page(it, LIST)).count();
    assert!(lists >= 2, "a second list has to agree: {requests:#?}");
    for (at, made) in requests.iter().enumerate().filter(|(_, it)| it.method == "POST") {
        let slug = made.body.as_ref().and_then(|body| body["slug"].as_str()).expect("a slug");
        let alone = format!("/api/v3{LIST}{slug}/");
        let gone = |it: &Entry| it.method == "GET" && it.path == alone && it.status == Some(404);
        assert!(requests[..at].iter().any(gone), "{slug} was made although nothing says that it is gone");
    }
}

async fn warned(operator: &Operator) {
    let line = operator.says(WARNING).await;
    assert!(line.contains("WARN") && line.contains(&format!("vanished={MANY}")), "{line}");
}

#[tokio::test]
async fn a_list_that_is_whole_again_at_once_costs_one_more_reading() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    let before = flows(&world).await;
    authentik.read_anew().await;
    let then = authentik.now();
    let nothing = json!({"pagination": {"next": 0, "previous": 0, "count": 0, "current": 1, "total_pages": 1,
        "start_index": 0, "end_index": 0}, "results": [], "autocomplete": {}});
    let lie = Fault::new(Action::Answer(Answer::status(200).json(nothing)));
    authentik.break_with(lie.method("GET").path(format!("/api/v3{LIST}")).once());
    warned(&operator).await;
    authentik.read_anew().await;
    let of_flows = authentik.matching(then, "GET", "/flows/instances/**");
    assert!(of_flows.iter().all(|it| it.status.is_none() || is_page(it, LIST)), "{of_flows:?}");
    assert_eq!(authentik.writes(then), []);
    let versions =
        |resources: &[Resource]| resources.iter().map(|it| it.version().to_owned()).collect::<Vec<_>>();
    assert_eq!(versions(&ready(&world).await), versions(&before), "nobody is told");
}

#[tokio::test]
async fn a_lost_permission_makes_nothing_twice() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let view = "authentik_flows.view_flow";
    let account = authentik.account("operator", &PERMISSIONS).await;
    let seen = authentik.flow("default-authentication-flow").await["pk"].clone();
    account.grant_over_flow(authentik, view, seen.as_str().expect("an identifier")).await;
    world.write("token", &account.token);
    let operator = world.operator().start().await;
    let before = flows(&world).await;
    authentik.read_anew().await;
    let then = authentik.now();
    // Lists go on to answer, with the one flow that is left to see, and reading any other says that there is none.
    account.revoke(authentik, view).await;
    warned(&operator).await;
    for name in names() {
        let refused = world.reason(FLOW, &name, "Forbidden").await;
        assert!(refused.message().contains(view), "{}", refused.message());
    }
    account.grant(authentik, view).await;
    for (before, after) in before.iter().zip(ready(&world).await) {
        assert_eq!((after.pk(), after.origin()), (before.pk(), "Created"));
    }
    // What was tried was refused.
    let tried = authentik.matching(then, "POST", "/flows/**");
    assert!(tried.iter().all(|it| it.status == Some(400)), "{tried:?}");
    assert!(authentik.writes(then).iter().all(|it| it.method() == "POST"), "{:?}", authentik.writes(then));
    assert_eq!(authentik.list(LIST).await.iter().filter(|it| it["name"] == "Staff login").count(), MANY);
}

#[tokio::test]
async fn a_permission_that_is_lost_altogether_changes_nothing() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let view = "authentik_flows.view_flow";
    let account = authentik.account("operator", &PERMISSIONS).await;
    world.write("token", &account.token);
    let operator = world.operator().start().await;
    let before = flows(&world).await;
    let then = authentik.now();
    account.revoke(authentik, view).await;
    operator.says("a list of authentik's could not be read").await;
    assert_eq!(authentik.writes(then), []);
    account.grant(authentik, view).await;
    authentik.read_anew().await;
    let after = ready(&world).await;
    assert!(before.iter().zip(&after).all(|(before, after)| before.pk() == after.pk()));
    assert_eq!(authentik.writes(then), []);
}

#[tokio::test]
async fn an_emptied_database_is_filled_again_when_all_agree() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    let before = flows(&world).await;
    authentik.read_anew().await;
    authentik.stop().await;
    for name in names() {
        authentik.delete(&format!("{LIST}{name}/")).await;
    }
    let then = authentik.now();
    authentik.start().await.expect("started");
    warned(&operator).await;
    for before in &before {
        let again = |it: &Resource| it.is_ready() && it.pk() != before.pk();
        world.wait(FLOW, before.name(), "is to be made again", again).await;
        assert_eq!(world.event(FLOW, before.name(), "Recreated", &[]).await.kind, "Warning");
    }
    looked_before(&authentik.since(then));
    assert_eq!(authentik.writes(then).len(), MANY);
}

#[tokio::test]
async fn another_authentik_behind_the_url_is_noticed_and_the_first_taken_up_again() {
    let world = World::new().await;
    let authentik = &world.authentik;
    let operator = world.operator().start().await;
    let before = flows(&world).await;
    authentik.read_anew().await;
    let then = authentik.now();
    let address = authentik.address();
    authentik.stop().await;
    let other = Simulator::builder().token(TOKEN).listen(address).start().await.expect("another one");
    warned(&operator).await;
    for before in &before {
        let there = |it: &Resource| it.is_ready() && it.pk() != before.pk();
        world.wait(FLOW, before.name(), "is to be there as well", there).await;
    }
    looked_before(&other.requests().all());
    other.stop().await;
    authentik.start().await.expect("started");
    for before in &before {
        let back = |it: &Resource| it.is_ready() && it.pk() == before.pk();
        world.wait(FLOW, before.name(), "is to be what it was", back).await;
    }
    assert_eq!(authentik.writes(then), [], "what matches is taken over");
}
