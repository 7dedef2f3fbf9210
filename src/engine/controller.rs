//! The engine's clockwork: watches, queues, and reconciles side by side.

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{FutureExt as _, StreamExt as _};
use kube::api::{Api, ObjectMeta, PartialObjectMeta, PartialObjectMetaExt as _};
use kube::core::DynamicObject;
use kube::runtime::controller::{self, Action, ReconcileRequest};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::runtime::{WatchStreamExt as _, applier};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Engine;
use super::resource::{Id, Resource};
use crate::kinds::Entry;
use crate::serve::Readiness;

/// So many resources of a kind are reconciled at once; requests to authentik have a bound of their own.
const CONCURRENCY: u16 = 16;
/// A watch ends after so many seconds and begins anew, before what stands between here and the API server cuts it off in silence.
const WATCH: u32 = 200;

/// What kube's scheduling knows of a resource: its name. The resource itself is in the engine's index.
type Name = PartialObjectMeta<DynamicObject>;

/// Runs the engine until `shutdown`, then lets what is under way come to its end.
///
/// # Errors
/// When a part of it ended by itself.
pub async fn run(
    engine: Engine,
    kubernetes: kube::Client,
    url: &str,
    readiness: watch::Sender<Readiness>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let engine = Arc::new(engine);
    let mut parts = JoinSet::new();
    let queues: Vec<_> = engine
        .kinds
        .iter()
        .map(|entry| {
            let (queue, waiting) = unbounded();
            engine.index.expect(entry.name, queue.clone());
            (entry, queue, waiting)
        })
        .collect();
    for (entry, queue, waiting) in queues {
        let (reader, writer) = store(entry);
        let watching = watch(
            Arc::clone(&engine),
            entry,
            kubernetes.clone(),
            writer,
            queue,
            readiness.clone(),
            shutdown.clone(),
        );
        parts.spawn(watching);
        parts.spawn(work(Arc::clone(&engine), entry, reader, waiting));
    }
    let probing = (Arc::clone(&engine), url.to_owned(), shutdown.clone());
    parts.spawn(async move {
        let (engine, url, shutdown) = probing;
        engine.connection.run(&url, shutdown).await;
    });
    let refreshing = (Arc::clone(&engine), shutdown.clone());
    parts.spawn(async move {
        let (engine, shutdown) = refreshing;
        let all = engine.collections().map(|collection| engine.keep_fresh(collection, &shutdown));
        futures::future::join_all(all).await;
    });
    while let Some(ended) = parts.join_next().await {
        ended?;
        anyhow::ensure!(shutdown.is_cancelled(), "a part of the engine ended by itself");
        engine.index.close();
    }
    Ok(())
}

type Store = kube::runtime::reflector::Store<Name>;

fn store(entry: &Entry) -> (Store, Writer<Name>) {
    let writer = Writer::new((entry.resource)());
    (writer.as_reader(), writer)
}

/// Watches the resources of a kind: the index learns what there is, the queue what changed.
async fn watch(
    engine: Arc<Engine>,
    entry: &'static Entry,
    kubernetes: kube::Client,
    mut writer: Writer<Name>,
    queue: UnboundedSender<Id>,
    readiness: watch::Sender<Readiness>,
    shutdown: CancellationToken,
) {
    let api: Api<DynamicObject> = Api::all_with(kubernetes, &(entry.resource)());
    let config = Config::default().timeout(WATCH);
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut listed = HashSet::new();
    while let Some(Some(event)) = shutdown.run_until_cancelled(events.next()).await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                warn!(kind = entry.name, %error, "the watch broke: it is begun anew");
                continue;
            }
        };
        writer.apply_watcher_event(&named(&event));
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.insert(engine.index.put(Resource::read(entry, object)).id.clone());
            }
            Event::InitDone => {
                engine.index.retain(entry.name, &listed);
                engine.index.listed(entry.name);
                readiness.send_modify(|readiness| readiness.listed(entry.name));
                for id in listed.drain() {
                    // The reader ends after this.
                    let _ = queue.unbounded_send(id);
                }
            }
            Event::Apply(object) => {
                let id = engine.index.put(Resource::read(entry, object)).id.clone();
                let _ = queue.unbounded_send(id);
            }
            Event::Delete(object) => {
                let gone = Resource::read(entry, object);
                engine.index.remove(&gone);
                engine.retries.forget(&gone.id);
            }
        }
    }
}

/// The event with nothing of the object but its name.
fn named(event: &Event<DynamicObject>) -> Event<Name> {
    let name = |object: &DynamicObject| {
        let meta = &object.metadata;
        let kept = ObjectMeta {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            ..ObjectMeta::default()
        };
        kept.into_response_partial()
    };
    match event {
        Event::Apply(object) => Event::Apply(name(object)),
        Event::Delete(object) => Event::Delete(name(object)),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(name(object)),
        Event::InitDone => Event::InitDone,
    }
}

/// Reconciles what the queue names, each resource by one reconcile at a time, until the queue ends.
async fn work(engine: Arc<Engine>, entry: &'static Entry, reader: Store, waiting: UnboundedReceiver<Id>) {
    let resource = (entry.resource)();
    let queue = waiting.map(move |id| {
        let name: ObjectRef<Name> = ObjectRef::new_with(&id.name, resource.clone()).within(&id.namespace);
        Ok::<_, Infallible>(ReconcileRequest::from(name))
    });
    let reconcile = move |name: Arc<Name>, engine: Arc<Engine>| {
        let meta = &name.metadata;
        let id = Id {
            kind: entry.name,
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        };
        async move {
            let again = engine.reconcile(&id).await;
            Ok::<_, Infallible>(again.map_or_else(Action::await_change, Action::requeue))
        }
        .boxed()
    };
    let config = controller::Config::default().concurrency(CONCURRENCY);
    let never = |_, error: &Infallible, _| match *error {};
    let mut results = pin!(applier(reconcile, never, engine, reader, queue, config));
    while let Some(result) = results.next().await {
        if let Err(error) = result {
            // A resource that went while it was queued.
            debug!(kind = entry.name, %error, "not reconciled");
        }
    }
}
