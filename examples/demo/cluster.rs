//! The control plane of the demo.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use controlplane::{ControlPlane, Environment, Program};
use tokio::io::AsyncWriteExt as _;

use crate::{narration::Step, resource::Resource};

/// Where the examples are applied.
pub(crate) const NAMESPACE: &str = "demo";

/// The chart's release, its namespace, and so its ServiceAccount.
const RELEASE: &str = "authentik-operator";

/// Nobody watches a demo for longer.
const TOKEN_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(crate) struct Cluster {
    plane: ControlPlane,
    project: PathBuf,
}

impl Cluster {
    /// Starts a control plane with the operator's resource definitions.
    pub(crate) async fn start(project: &Path) -> Result<Self> {
        ensure!(
            Environment::from_process().kubeconfig.is_none(),
            "CONTROLPLANE_KUBECONFIG is set, but the demo starts a control plane of its own: its operator would act on \
             every resource of that cluster. Unset the variable"
        );
        let step = Step::begin(
            "2. A Kubernetes control plane starts: etcd, kube-apiserver, kube-controller-manager",
        );
        let plane = ControlPlane::builder().crds(project.join("crds")).start().await?;
        let cluster = Self { plane, project: project.to_owned() };
        cluster.kubectl(&["create", "namespace", NAMESPACE]).await?;
        let namespace = format!("--namespace={NAMESPACE}");
        cluster.kubectl(&["config", "set-context", "--current", &namespace]).await?;
        step.end("ready after");
        Ok(cluster)
    }

    /// Gives the operator the rights that its chart gives it, and no others. Returns its kubeconfig.
    pub(crate) async fn grant_rights(&self) -> Result<PathBuf> {
        self.kubectl(&["create", "namespace", RELEASE]).await?;
        let mut helm = self.plane.helm()?;
        helm.args(["template", RELEASE]).arg(self.project.join("charts/authentik-operator"));
        helm.args(["--namespace", RELEASE]);
        // Not the Deployment: there are no nodes here that would run it. It is rendered all the same, and wants these.
        helm.args(["--show-only=templates/serviceaccount.yaml", "--show-only=templates/rbac.yaml"]);
        helm.args(["--set=authentik.url=http://127.0.0.1", "--set=authentik.tokenSecret.name=none"]);
        let rights = run(helm, None).await?;
        let mut apply = self.plane.kubectl()?;
        apply.args(["apply", "--filename=-"]);
        run(apply, Some(&rights)).await?;
        let token = self.plane.service_account_token(RELEASE, RELEASE, &[], TOKEN_LIFETIME).await?;
        Ok(self.plane.kubeconfig_for_token(&token, RELEASE)?)
    }

    /// Applies the examples.
    pub(crate) async fn apply_examples(&self) -> Result<String> {
        let mut apply = self.plane.kubectl()?;
        apply.arg("apply").arg("--filename").arg(self.project.join("examples"));
        run(apply, None).await
    }

    /// What kubectl prints.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut kubectl = self.plane.kubectl()?;
        kubectl.args(arguments);
        run(kubectl, None).await
    }

    /// The operator's resources, of all namespaces.
    pub(crate) async fn resources(&self) -> Result<Vec<Resource>> {
        Resource::list(&self.kubectl(&["get", "authentik", "--all-namespaces", "--output=json"]).await?)
    }

    /// The lines to paste into a shell, so that kubectl there works with this control plane.
    pub(crate) fn shell_lines(&self) -> Result<String> {
        let mut lines = format!("export KUBECONFIG={}", self.plane.kubeconfig().display());
        let kubectl = self.plane.programs().path(Program::Kubectl)?;
        let own = Environment::from_process().search("kubectl").next();
        if let (true, Some(folder)) = (own.as_deref() != Some(kubectl), kubectl.parent()) {
            lines.push_str(&format!("\nexport PATH={}:$PATH", folder.display()));
        }
        Ok(lines)
    }
}

/// What a program prints, which has to succeed. It hears no Ctrl-C of its own, and ends when nobody waits for it.
async fn run(mut command: Command, input: Option<&str>) -> Result<String> {
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
    let words: Vec<_> = command.get_args().map(|it| it.display().to_string()).collect();
    let shown = format!("`{name} {}`", words.join(" "));
    let mut command = tokio::process::Command::from(command);
    let mut child =
        command.process_group(0).kill_on_drop(true).spawn().with_context(|| format!("cannot run {shown}"))?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        stdin.write_all(input.as_bytes()).await.with_context(|| format!("{shown} does not read"))?;
    }
    let output = child.wait_with_output().await.with_context(|| format!("cannot wait for {shown}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{shown} failed ({}): {}", output.status, errors.trim());
    String::from_utf8(output.stdout).with_context(|| format!("{shown} prints no text"))
}
