//! Whom each change wakes: those whom it concerns, all of them, and nobody else.

use serde_json::json;

use super::{
    BINDINGS, Draft, FLOWS, Index, Interest, Setting, id, object, of_binding, resource_named, slug, with_pk,
};

/// Flows that wait for one thing each, and are named after it.
fn waiting() -> Setting {
    let setting = Setting::new();
    for (who, interest) in [
        ("listed", Interest::Listed),
        ("connection", Interest::Connection),
        ("collection", Interest::Collection(FLOWS)),
        ("collection-other", Interest::Collection(BINDINGS)),
        ("name-a", resource_named("a")),
        ("name-b", resource_named("b")),
        ("name-a-elsewhere", Interest::Resource("Flow".to_owned(), "o".to_owned(), "a".to_owned())),
        (
            "name-a-stage",
            Interest::Resource("AuthenticatorValidateStage".to_owned(), "n".to_owned(), "a".to_owned()),
        ),
        ("object-1", with_pk("u-1")),
        ("object-2", with_pk("u-2")),
        ("key-a", Interest::Key(FLOWS, slug("a"))),
        ("key-b", Interest::Key(FLOWS, slug("b"))),
        ("key-a-stage", Interest::Key("stages/all", slug("a"))),
    ] {
        setting.waits(who, interest);
    }
    setting
}

#[test]
fn what_is_said_to_all_wakes_who_waits_for_it() {
    let mut setting = waiting();
    for (interest, who) in [(Interest::Connection, "connection"), (Interest::Collection(FLOWS), "collection")]
    {
        setting.index.wake(&interest);
        assert_eq!(setting.woken(), [who]);
    }
}

#[test]
fn a_resource_wakes_by_what_it_is_and_declares_and_not_by_what_is_said_of_it() {
    let mut setting = waiting();
    let flow = || Draft::flow("a");
    for (what, draft, woken) in [
        ("it appears", flow(), &["key-a", "name-a"] as &[&str]),
        ("it comes again", flow(), &[]),
        ("a condition", flow().version(2).status(json!({"conditions": []})), &[]),
        ("it declares something else", flow().version(2).meta("generation", 2), &["key-a", "name-a"]),
        ("it is as before", flow().version(2), &["key-a", "name-a"]),
        ("an older version with an object", flow().version(1).owning("u-2"), &[]),
        ("it has an object", flow().version(3).owning("u-1"), &["key-a", "name-a", "object-1"]),
        ("it has another", flow().version(4).owning("u-2"), &["key-a", "name-a", "object-1", "object-2"]),
        ("it only looks at it", flow().version(5).status(json!({"pk": "u-2"})), &["object-2"]),
        ("it owns it again", flow().version(6).owning("u-2"), &["object-2"]),
        ("it is renamed", flow().version(7).owning("u-2").spec("slug", "b"), &["key-a", "key-b", "name-a"]),
        (
            "it only observes for the moment",
            flow().version(7).owning("u-2").spec("slug", "b").paused(),
            &["key-b", "name-a"],
        ),
        ("it goes on", flow().version(7).owning("u-2").spec("slug", "b"), &["key-b", "name-a"]),
        (
            "it is being deleted",
            flow().version(8).owning("u-2").spec("slug", "b").deleting(),
            &["key-b", "name-a", "object-2"],
        ),
    ] {
        setting.index.put(draft.read());
        assert_eq!(setting.woken(), woken, "{what}");
    }
    setting.index.remove(&Draft::flow("a").read());
    assert_eq!(setting.woken(), ["key-b", "name-a", "object-2"]);
    setting.index.remove(&Draft::flow("a").read());
    assert!(setting.woken().is_empty());
}

#[test]
fn a_claim_wakes_who_waits_for_either_key_or_for_the_resource() {
    let mut setting = waiting();
    let binding = of_binding("x");
    setting.waits("name-x", Interest::of(&binding));
    for (what, key, woken) in [
        ("claimed", Some("a"), &["key-a", "name-x"] as &[&str]),
        ("claimed again", Some("a"), &[]),
        ("another", Some("b"), &["key-a", "key-b", "name-x"]),
        ("taken back", None, &["key-b", "name-x"]),
        ("taken back again", None, &[]),
    ] {
        match key {
            Some(key) => setting.index.claim(FLOWS, &binding, slug(key)),
            None => setting.index.disclaim(&binding),
        }
        assert_eq!(setting.woken(), woken, "{what}");
    }
}

#[test]
fn an_object_wakes_by_itself_and_by_the_keys_that_it_had_and_has() {
    let mut setting = waiting();
    let [a, b, other] =
        [("u-1", "a"), ("u-1", "b"), ("u-2", "c")].map(|(pk, slug)| object(pk, json!({"slug": slug})));
    let changed = object("u-1", json!({"slug": "a", "title": "t"}));
    for (what, before, after, woken) in [
        ("it appears", None, Some(&a), &["key-a", "object-1"] as &[&str]),
        ("it changes", Some(&a), Some(&changed), &["key-a", "object-1"]),
        ("it is renamed", Some(&a), Some(&b), &["key-a", "key-b", "object-1"]),
        ("it goes", Some(&b), None, &["key-b", "object-1"]),
        ("another", Some(&other), None, &["object-2"]),
    ] {
        setting.index.object_changed(FLOWS, &["slug"], before, after, None);
        assert_eq!(setting.woken(), woken, "{what}");
    }
}

type Act<'a> = &'a dyn Fn(&Index);

#[test]
fn nobody_is_woken_by_what_it_did_itself() {
    let mut setting = Setting::new();
    for who in ["author", "other"] {
        for interest in [resource_named("author"), with_pk("u-1"), Interest::Key(FLOWS, slug("author"))] {
            setting.waits(who, interest);
        }
    }
    let author = id("author");
    let flow = |version| Draft::flow("author").version(version);
    let made = object("u-1", json!({"slug": "author"}));
    let renamed = object("u-1", json!({"slug": "renamed"}));
    let acts: [(&str, Act<'_>); 6] = [
        ("it appears", &|index| drop(index.put(flow(1).read()))),
        ("it made its object", &|index| {
            index.object_changed(FLOWS, &["slug"], None, Some(&made), Some(&author));
        }),
        ("it says so", &|index| drop(index.put(flow(2).owning("u-1").read()))),
        ("it changed its object", &|index| {
            index.object_changed(FLOWS, &["slug"], Some(&made), Some(&renamed), Some(&author));
        }),
        ("it declares something else", &|index| index.claim(FLOWS, &author, slug("else"))),
        ("it declares nothing", &|index| {
            index.claim(FLOWS, &author, slug("author"));
            index.disclaim(&author);
        }),
    ];
    for (what, act) in acts {
        act(&setting.index);
        let woken = setting.woken();
        assert!(!woken.is_empty() && woken.iter().all(|who| who == "other"), "{what}: {woken:?}");
    }
}

#[test]
fn who_begins_anew_has_forgotten_what_it_waited_for() {
    let mut setting = Setting::new();
    for who in ["a", "b"] {
        setting.waits(who, with_pk("u-1"));
        setting.waits(who, Interest::Connection);
    }
    setting.index.forget_interests(&id("a"));
    setting.index.wake(&with_pk("u-1"));
    setting.index.wake(&Interest::Connection);
    assert_eq!(setting.woken(), ["b"]);
    setting.waits("a", with_pk("u-1"));
    setting.index.wake(&with_pk("u-1"));
    assert_eq!(setting.woken(), ["a", "b"]);
    // Who is gone waits for nothing.
    setting.index.put(Draft::flow("b").read());
    setting.index.remove(&Draft::flow("b").read());
    setting.index.wake(&with_pk("u-1"));
    assert_eq!(setting.woken(), ["a"]);
}

#[test]
fn nobody_is_woken_at_the_end() {
    let mut setting = waiting();
    setting.index.close();
    setting.index.wake(&Interest::Connection);
    assert!(setting.woken().is_empty());
}
