mod wakes;

use std::collections::HashSet;

use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::{FutureExt as _, StreamExt as _};
use serde_json::json;

use super::{Index, Interest};
use crate::authentik::Key;
use crate::engine::fixtures::{Draft, object};
use crate::engine::resource::{Id, Resource};
use crate::kinds::{REGISTRY, Reference};

const FLOWS: &str = "flows/instances";
const BINDINGS: &str = "flows/bindings";

/// An index whose kinds are all listed, and where it wakes resources.
struct Setting {
    index: Index,
    woken: Vec<UnboundedReceiver<Id>>,
}

impl Setting {
    fn new() -> Self {
        let index = Index::default();
        let woken = REGISTRY.iter().map(|entry| {
            let (queue, woken) = unbounded();
            index.expect(entry.name, queue);
            woken
        });
        let woken = woken.collect();
        REGISTRY.iter().for_each(|entry| index.listed(entry.name));
        Self { index, woken }
    }

    /// Who was woken since the last time, by name.
    fn woken(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        for woken in &mut self.woken {
            while let Some(Some(id)) = woken.next().now_or_never() {
                names.push(id.name);
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// A flow waits for this, which is named after `who`.
    fn waits(&self, who: &str, interest: Interest) {
        self.index.watch(&id(who), interest);
    }
}

/// The id of the flow with this name.
fn id(name: &str) -> Id {
    Id { kind: "Flow", namespace: "n".to_owned(), name: name.to_owned() }
}

fn of_binding(name: &str) -> Id {
    Id { kind: "FlowStageBinding", ..id(name) }
}

fn slug(slug: &str) -> Key {
    Key::named("slug", slug)
}

fn resource_named(name: &str) -> Interest {
    Interest::Resource("Flow".to_owned(), "n".to_owned(), name.to_owned())
}

fn with_pk(pk: &str) -> Interest {
    Interest::Object(pk.to_owned())
}

fn names<'a>(resources: impl IntoIterator<Item = &'a std::sync::Arc<Resource>>) -> Vec<&'a str> {
    resources.into_iter().map(|resource| resource.id.name.as_str()).collect()
}

#[test]
fn the_newer_version_wins_whichever_comes_last() {
    let index = Setting::new().index;
    for (version, wins) in [(9, 9), (10, 10), (8, 10), (10, 10), (100, 100), (99, 100)] {
        let known = index.put(Draft::flow("a").version(version).read());
        assert_eq!(known.version, wins.to_string());
        assert_eq!(index.get(&id("a")).expect("known").version, wins.to_string());
    }
    // Versions that are no numbers say nothing: the last one counts.
    for version in ["b", "a"] {
        let known = index.put(Draft::flow("a").meta("resourceVersion", version).read());
        assert_eq!(known.version, version);
    }
}

#[test]
fn a_resource_of_the_same_name_takes_nothing_over_from_the_one_before() {
    let mut setting = Setting::new();
    let index = &setting.index;
    index.put(Draft::flow("a").spec("slug", "old").owning("u-1").version(5).read());
    for (who, interest) in [
        ("by-object", with_pk("u-1")),
        ("by-old-key", Interest::Key(FLOWS, slug("old"))),
        ("by-new-key", Interest::Key(FLOWS, slug("new"))),
        ("by-name", resource_named("a")),
    ] {
        setting.waits(who, interest);
    }
    index.put(Draft::flow("a").meta("uid", "another").spec("slug", "new").version(7).read());
    assert!(!index.is_owned("u-1"));
    assert_eq!(index.claim_of(&id("a")), Some(slug("new")));
    assert!(index.rivals(FLOWS, &slug("old"), &id("z")).is_empty());
    assert_eq!(setting.woken(), ["by-name", "by-new-key", "by-object", "by-old-key"]);

    // Nor does its version count, or what its binding was found to be called.
    let index = &setting.index;
    index.put(Draft::flow("a").meta("uid", "a third").version(2).read());
    assert_eq!(index.get(&id("a")).expect("known").uid, "a third");
    index.put(Draft::binding("x").read());
    index.claim(BINDINGS, &of_binding("x"), Key::named("order", "1"));
    index.put(Draft::binding("x").meta("uid", "another").read());
    assert_eq!(index.claim_of(&of_binding("x")), None);
}

#[test]
fn a_late_word_of_what_is_gone_changes_nothing() {
    let index = Setting::new().index;
    let gone = || Draft::flow("a").owning("u-1").version(9).read();
    index.put(Draft::flow("a").version(1).read());
    assert_eq!(index.answered(Draft::flow("a").version(2).read()).version, "2");
    assert_eq!(index.get(&id("a")).expect("known").version, "2");
    assert_eq!(index.answered(Draft::flow("a").version(1).read()).version, "2");

    index.remove(&gone());
    assert_eq!(index.answered(gone()).version, "9");
    assert!(index.get(&id("a")).is_none() && !index.is_owned("u-1"));

    index.put(Draft::flow("a").meta("uid", "another").version(5).read());
    index.answered(gone());
    index.remove(&gone());
    assert_eq!(index.get(&id("a")).expect("known").uid, "another");
    assert!(!index.is_owned("u-1"));
}

#[test]
fn an_object_belongs_to_who_stays_then_to_the_oldest_then_by_name() {
    let index = Setting::new().index;
    let owner = || index.owner("u-1").map(|owner| format!("{}/{}", owner.id.namespace, owner.id.name));
    assert_eq!((owner(), index.is_owned("u-1")), (None, false));
    // Not theirs: no origin, or another object.
    index.put(Draft::flow("looking").born(1).status(json!({"pk": "u-1"})).read());
    index.put(Draft::flow("other").born(1).owning("u-2").read());
    assert_eq!((owner(), index.is_owned("u-1")), (None, false));

    for (draft, expected) in [
        (Draft::flow("leaving").born(1).owning("u-1").deleting(), "n/leaving"),
        (Draft::flow("young").born(9).owning("u-1"), "n/young"),
        (Draft::flow("z").born(5).owning("u-1"), "n/z"),
        (Draft::flow("b").born(5).owning("u-1").meta("namespace", "o"), "n/z"),
        (Draft::flow("y").born(5).owning("u-1"), "n/y"),
        (Draft::flow("y").born(5).owning("u-1").version(2).deleting(), "n/z"),
        (Draft::flow("z").born(5).owning("u-3").version(2), "o/b"),
    ] {
        index.put(draft.read());
        assert_eq!(owner().as_deref(), Some(expected));
        assert!(index.is_owned("u-1"));
        assert_eq!(index.is_kept("u-1"), expected != "n/leaving");
    }
}

#[test]
fn who_is_gone_owns_and_declares_nothing() {
    let index = Setting::new().index;
    index.put(Draft::flow("a").owning("u-1").read());
    index.remove(&Draft::flow("a").read());
    assert!(index.get(&id("a")).is_none());
    assert!(index.owner("u-1").is_none() && !index.is_owned("u-1"));
    assert_eq!(index.claim_of(&id("a")), None);
    assert!(index.rivals(FLOWS, &slug("a"), &id("z")).is_empty());
}

#[test]
fn rivals_declare_the_same_and_stay_the_oldest_first() {
    let index = Setting::new().index;
    let shared = |name: &str, day| Draft::flow(name).spec("slug", "shared").born(day);
    for draft in [
        shared("young", 9),
        shared("b", 5),
        shared("a", 5),
        shared("leaving", 1).deleting(),
        shared("paused", 1).paused(),
        shared("observing", 1).spec("mode", "Observe"),
        Draft::flow("elsewhere").born(1),
    ] {
        index.put(draft.read());
    }
    let rivals = |who: &str| {
        let rivals = index.rivals(FLOWS, &slug("shared"), &id(who));
        names(&rivals).join(" ")
    };
    assert_eq!(rivals("nobody"), "a b young");
    assert_eq!(rivals("a"), "b young");
    // What is called the same in another collection is another thing.
    assert!(index.rivals("stages/all", &slug("shared"), &id("nobody")).is_empty());
    // Who declares another name now, or observes, is none any more.
    index.put(Draft::flow("b").born(5).version(2).spec("slug", "renamed").read());
    index.put(shared("young", 9).version(2).paused().read());
    assert_eq!(rivals("nobody"), "a");
    assert_eq!(index.claim_of(&id("b")), Some(slug("renamed")));
}

#[test]
fn a_claim_is_one_until_it_is_taken_back() {
    let index = Setting::new().index;
    let place = |order: &str| Key::named("order", order);
    for name in ["x", "y"] {
        index.put(Draft::binding(name).read());
        // What a binding declares is known only with its references.
        assert_eq!(index.claim_of(&of_binding(name)), None);
    }
    index.claim(BINDINGS, &of_binding("x"), place("1"));
    index.claim(BINDINGS, &of_binding("y"), place("1"));
    assert_eq!(names(&index.rivals(BINDINGS, &place("1"), &of_binding("y"))), ["x"]);
    index.claim(BINDINGS, &of_binding("x"), place("2"));
    assert!(index.rivals(BINDINGS, &place("1"), &of_binding("y")).is_empty());
    assert_eq!(index.claim_of(&of_binding("x")), Some(place("2")));
    // Who was about to claim it, and observes by now, is no rival.
    index.put(Draft::binding("paused").paused().read());
    index.claim(BINDINGS, &of_binding("paused"), place("2"));
    assert_eq!(names(&index.rivals(BINDINGS, &place("2"), &of_binding("y"))), ["x"]);
    index.disclaim(&of_binding("x"));
    assert_eq!(index.claim_of(&of_binding("x")), None);
    assert!(index.rivals(BINDINGS, &place("2"), &of_binding("y")).is_empty());
}

#[test]
fn a_complete_list_forgets_what_it_lacks_of_its_kind_alone() {
    let mut setting = Setting::new();
    let index = &setting.index;
    for name in ["stays", "gone"] {
        index.put(Draft::flow(name).owning(name).read());
    }
    index.put(Draft::stage("stage").read());
    setting.waits("stays", resource_named("gone"));
    index.retain("Flow", &HashSet::from([id("stays")]));
    assert!(index.get(&id("stays")).is_some() && index.is_owned("stays"));
    assert!(index.get(&id("gone")).is_none() && !index.is_owned("gone"));
    let stage = Id { kind: "AuthenticatorValidateStage", ..id("stage") };
    assert!(index.get(&stage).is_some());
    assert_eq!(setting.woken(), ["stays"]);
}

#[test]
fn nobody_decides_before_all_kinds_are_listed() {
    let index = Index::default();
    let (queue, mut woken) = unbounded();
    for entry in REGISTRY {
        index.expect(entry.name, queue.clone());
    }
    index.watch(&id("a"), Interest::Listed);
    for (position, entry) in REGISTRY.iter().enumerate() {
        assert_eq!(index.unlisted().len(), REGISTRY.len() - position);
        assert!(woken.next().now_or_never().is_none());
        index.listed(entry.name);
    }
    assert!(index.unlisted().is_empty());
    assert_eq!(woken.next().now_or_never(), Some(Some(id("a"))));
    // A list that is read anew is no news.
    index.listed(REGISTRY[0].name);
    assert!(woken.next().now_or_never().is_none());
}

#[test]
fn of_all_older_resources_of_its_kind_must_be_known_what_they_declare() {
    let mut setting = Setting::new();
    for draft in [Draft::stage("stage").born(1), Draft::flow("old").born(2), Draft::flow("middle").born(5)] {
        setting.index.put(draft.read());
    }
    let young = setting.index.put(Draft::flow("young").born(9).read());
    setting.waits("young", Interest::Decided("Flow"));
    let old = setting.index.get(&id("old")).expect("known");
    assert_eq!([&old, &young].map(|it| setting.index.has_undecided_elder(it)), [false, true]);
    for decided in ["old", "young"] {
        setting.index.decided(&id(decided));
        assert!(setting.index.has_undecided_elder(&young));
        assert!(setting.woken().is_empty());
    }
    // A newer version of a resource is no other one, and who is gone declares nothing.
    setting.index.put(Draft::flow("old").born(2).version(2).read());
    setting.index.remove(&Draft::flow("middle").read());
    assert!(!setting.index.has_undecided_elder(&young));
    assert_eq!(setting.woken(), ["young"]);
    setting.index.put(Draft::flow("old").born(2).meta("uid", "another").read());
    assert!(setting.index.has_undecided_elder(&young));
}

#[test]
fn references_lead_to_resources_of_the_same_namespace() {
    let index = Setting::new().index;
    index.put(Draft::flow("a").read());
    index.put(Draft::flow("b").meta("namespace", "o").read());
    let flow = |name: &str| Reference::Resource { kind: "Flow".to_owned(), name: name.to_owned() };
    let referred = |reference| index.referred(&of_binding("x"), &reference).map(|it| it.id.name.clone());
    assert_eq!(referred(flow("a")).as_deref(), Some("a"));
    let unknown = Reference::Resource { kind: "Other".to_owned(), name: "a".to_owned() };
    for reference in [flow("b"), unknown, Reference::Flow("a".to_owned())] {
        assert_eq!(referred(reference), None);
    }
    // Also while the last reconciles come to their end.
    index.close();
    assert_eq!(referred(flow("a")).as_deref(), Some("a"));
}

#[test]
fn a_circle_of_references_is_named_by_its_path() {
    let index = Setting::new().index;
    let cycle = |name: &str| {
        let id = Id { kind: "AuthenticatorValidateStage", ..id(name) };
        index.cycle(&id).map(|path| path.into_iter().map(|id| id.name).collect::<Vec<_>>().join(" "))
    };
    for (name, others) in [
        ("a", &["leaf", "dead-end", "b"] as &[&str]),
        ("b", &["missing", "c"]),
        ("c", &["leaf", "a"]),
        ("dead-end", &["leaf"]),
        ("leaf", &[]),
        ("beside", &["a"]),
        ("own", &["own"]),
    ] {
        index.put(Draft::configured_by(name, others).read());
    }
    assert_eq!(cycle("a").as_deref(), Some("a b c a"));
    assert_eq!(cycle("c").as_deref(), Some("c a b c"));
    assert_eq!(cycle("own").as_deref(), Some("own own"));
    for name in ["leaf", "dead-end", "beside", "nowhere"] {
        assert_eq!(cycle(name), None, "{name}");
    }
    index.put(Draft::configured_by("c", &["leaf"]).version(2).read());
    assert_eq!(cycle("a"), None);
}

#[test]
fn an_object_that_did_not_change_wakes_nobody() {
    let mut setting = Setting::new();
    setting.waits("a", with_pk("u-1"));
    setting.waits("a", Interest::Key(FLOWS, slug("s")));
    let same = object("u-1", json!({"slug": "s"}));
    setting.index.object_changed(FLOWS, &["slug"], Some(&same), Some(&same.clone()), None);
    setting.index.object_changed(FLOWS, &["slug"], None, None, None);
    assert!(setting.woken().is_empty());
}
