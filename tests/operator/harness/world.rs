//! All that one test has.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use authentik_simulator::{Builder, Simulator};
use controlplane::{ControlPlane, Lifeline};

use super::operator::Launch;
use super::slots::{self, Taken};
use super::{Authentik, Namespace};

/// The token of authentik's administrator, which nothing that the operator says may show.
pub(crate) const TOKEN: &str = "s3cret-0f-akadmin";

/// A control plane with nothing of the operator's kinds in it, a namespace, a simulated authentik. Derefs to the
/// namespace.
///
/// Operators are to be dropped before it, so a test makes it first.
pub(crate) struct World {
    pub(crate) authentik: Authentik,
    namespaces: Vec<Namespace>,
    launched: AtomicUsize,
    /// Holds the test's files and its operators. Dropped before another test gets the control plane.
    lifeline: Lifeline,
    taken: Taken,
}

impl World {
    /// With authentik's newest recorded version.
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// With an authentik of this version.
    pub(crate) async fn of_version(version: &str) -> Self {
        Self::with(|builder| builder.version(version)).await
    }

    /// With an authentik as the builder says.
    pub(crate) async fn with(authentik: impl FnOnce(Builder) -> Builder) -> Self {
        let taken = slots::take().await;
        let builder = authentik(Simulator::builder().token(TOKEN));
        let authentik = Authentik::new(builder.start().await.expect("a simulator"));
        let folder = std::env::temp_dir().join(format!("operator-{}", uuid::Uuid::new_v4().simple()));
        let lifeline = Lifeline::new::<String>(&folder, &[]).expect("a folder");
        let launched = AtomicUsize::new(0);
        let mut world = Self { authentik, namespaces: Vec::new(), launched, lifeline, taken };
        world.add_namespace().await;
        world.write("token", TOKEN);
        world
    }

    /// One more namespace.
    pub(crate) async fn add_namespace(&mut self) -> Namespace {
        let name = self.taken.plane.namespace("test").await.expect("a namespace");
        let namespace = Namespace::new(self.taken.plane.client().await.expect("a client"), name);
        self.namespaces.push(namespace.clone());
        namespace
    }

    /// The control plane.
    pub(crate) fn plane(&self) -> &ControlPlane {
        &self.taken.plane
    }

    /// The kubeconfig with which the operator runs.
    pub(crate) fn kubeconfig(&self) -> &Path {
        self.taken.kubeconfig
    }

    /// Writes a file in the test's folder, at once for who reads it.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.lifeline.folder().join(name);
        let new = path.with_extension("new");
        std::fs::write(&new, content).and_then(|()| std::fs::rename(&new, &path)).expect("a file");
        path
    }

    /// How the operator is started: connected to this authentik, with the default flags of tests.
    pub(crate) fn operator(&self) -> Launch<'_> {
        let number = self.launched.fetch_add(1, Ordering::Relaxed);
        let log = self.lifeline.folder().join(format!("operator-{number}.log"));
        Launch::new(&self.lifeline, self.taken.kubeconfig, log)
            .flag("--authentik-url", &self.authentik.url())
            .flag("--authentik-token-file", &self.lifeline.folder().join("token").display().to_string())
            .flag("--listen", "127.0.0.1:0")
            .flag("--refresh-at-most", "1s")
            .flag("--request-timeout", "5s")
    }

    /// What kubectl prints with these arguments, in the test's namespace.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        let mut command = self.plane().kubectl().expect("a kubectl");
        command.args(["--namespace", &self.name]).args(arguments);
        let run = tokio::task::spawn_blocking(move || command.output());
        let output = run.await.expect("no panic").expect("kubectl runs");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kubectl {arguments:?}: {stdout}{stderr}");
        stdout.into_owned()
    }

    /// Everything that operators of this test have logged.
    pub(crate) fn logs(&self) -> String {
        let all = 0..self.launched.load(Ordering::Relaxed);
        let read = |number| {
            let path = self.lifeline.folder().join(format!("operator-{number}.log"));
            std::fs::read_to_string(path).unwrap_or_default()
        };
        all.map(read).collect()
    }
}

impl Deref for World {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespaces[0]
    }
}

impl Drop for World {
    /// Leaves the cluster without resources of the kinds: the next operator there would find them. On a thread with a
    /// runtime of its own, since this one is busy dropping.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.logs();
            let lines: Vec<&str> = logs.lines().collect();
            let last = &lines[lines.len().saturating_sub(80)..];
            eprintln!("--- the last lines of the operator's log ---\n{}", last.join("\n"));
            eprintln!("--- the last requests ---\n{}", self.authentik.last_requests(40));
        }
        std::thread::scope(|scope| {
            let swept = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let client = self.taken.plane.client().await?;
                    for namespace in &self.namespaces {
                        Namespace::new(client.clone(), namespace.name.clone()).sweep().await?;
                    }
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
                })
            });
            match swept.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => eprintln!("resources of this test remain: {error}"),
                Err(_) => eprintln!("resources of this test remain"),
            }
        });
    }
}
