//! What is shown.

use anyhow::{Context, Result, ensure};
use authentik_operator::kinds::{AuthenticatorValidateStage, Flow, Kind, Origin};
use serde_json::json;

use crate::{
    authentik::Authentik,
    cluster::Cluster,
    narration::{Step, say, show},
    operator::Operator,
    resource::Resource,
};

/// The field that somebody changes, authentik's name for what is done with users who have no second factor.
const FIELD: &str = "not_configured_action";

/// They are let in.
const LET_IN: &str = "skip";

/// The event on a resource when the operator has changed its object back.
const EVENT: &str = "DriftCorrected";

pub(crate) struct Story<'a> {
    authentik: &'a Authentik,
    cluster: &'a Cluster,
    operator: &'a Operator,
}

impl<'a> Story<'a> {
    pub(crate) fn new(authentik: &'a Authentik, cluster: &'a Cluster, operator: &'a Operator) -> Self {
        Self { authentik, cluster, operator }
    }

    /// From the operator's start to the repair.
    pub(crate) async fn tell(&self) -> Result<()> {
        let step = Step::begin("3. The operator starts, with the rights of its Helm chart's ServiceAccount");
        self.operator.connected().await?;
        step.end("connected to authentik after");

        say("4. The examples are applied: a login that asks for a second factor.");
        show(&format!("$ kubectl apply -f examples/\n{}", self.cluster.apply_examples().await?));
        let step = Step::begin("   The operator makes it in authentik");
        let resources = self.ready().await?;
        step.end("all are Ready after");
        show(&format!("$ kubectl get authentik\n{}", self.cluster.kubectl(&["get", "authentik"]).await?));
        for resource in &resources {
            ensure!(self.authentik.has(resource).await?, "authentik does not have the {}", resource.title());
        }

        let stage = resources.iter().find(|it| it.kind == AuthenticatorValidateStage::NAME);
        self.spoil_and_see(stage.context("the examples have no AuthenticatorValidateStage")?).await?;
        self.ready().await.map(drop)
    }

    /// Waits until all resources are Ready. Those that wait for somebody to act are an error at once.
    async fn ready(&self) -> Result<Vec<Resource>> {
        let look = async || {
            let resources = self.cluster.resources().await?;
            ensure!(!resources.is_empty(), "there are no resources");
            let stalled: Vec<_> =
                resources.iter().filter(|it| it.is("Stalled")).map(Resource::says).collect();
            ensure!(stalled.is_empty(), "{}", stalled.join("\n"));
            let waiting: Vec<_> = resources.iter().filter(|it| !it.is("Ready")).map(Resource::says).collect();
            Ok(if waiting.is_empty() { Ok(resources) } else { Err(waiting.join("\n")) })
        };
        self.operator.until(look).await
    }

    /// Changes a stage in authentik and waits until the operator has changed it back.
    async fn spoil_and_see(&self, stage: &Resource) -> Result<()> {
        ensure!(
            stage.status.origin == Some(Origin::Created),
            "the {} was in authentik before: it is left as it is",
            stage.title()
        );
        let pk = stage.status.pk.as_deref().with_context(|| format!("the {} has no pk", stage.title()))?;
        let collection = AuthenticatorValidateStage::COLLECTION;
        let declared = self.value(pk).await?;
        ensure!(declared != LET_IN, "the examples let users in without a second factor");

        say("5. Somebody clicks in authentik, and users who have no second factor are let in without one.");
        let change = json!({FIELD: LET_IN});
        let changed = self.authentik.patch(collection, pk, &change).await?;
        let changed = changed.text(FIELD).unwrap_or_default();
        ensure!(changed == LET_IN, "authentik answers the change with {FIELD} {changed:?}");
        show(&format!(
            "PATCH /api/v3/{collection}/{pk}/ {change}\nauthentik: {FIELD} was {declared:?}, is {changed:?}"
        ));
        let step = Step::begin(&format!(
            "   The operator looks again every {} s here, once a minute by default, and changes it back",
            self.operator.refresh.as_secs()
        ));
        let repaired = async || match self.value(pk).await? {
            value if value == declared => Ok(Ok(value)),
            value => Ok(Err(format!("authentik has {FIELD} {value:?} instead of {declared:?}"))),
        };
        let repaired = self.operator.until(repaired).await?;
        step.end("done after");
        let of_stage = format!("{}/{}", stage.kind.to_lowercase(), stage.name());
        let told = async || {
            let events = self.cluster.kubectl(&["events", "--for", &of_stage]).await?;
            let told = events.contains(EVENT);
            Ok(if told { Ok(events) } else { Err(format!("the {} has no event {EVENT}", stage.title())) })
        };
        let events = self.operator.until(told).await?;
        show(&format!("authentik: {FIELD} is {repaired:?}\n\n$ kubectl events --for {of_stage}\n{events}"));
        Ok(())
    }

    /// The value of the field, as authentik has it.
    async fn value(&self, pk: &str) -> Result<String> {
        let stage = self.authentik.get(AuthenticatorValidateStage::COLLECTION, pk).await?;
        Ok(stage.text(FIELD).with_context(|| format!("authentik answers without {FIELD}"))?.to_owned())
    }

    /// Says what can be done with it.
    pub(crate) async fn invite(&self) -> Result<()> {
        let resources = self.cluster.resources().await?;
        let flow = resources.iter().find(|it| it.kind == Flow::NAME).context("there is no Flow")?;
        let slug = flow.status.slug.as_deref().unwrap_or_default();
        let (name, url) = (flow.name(), &self.authentik.url);
        say("6. It is yours until Ctrl-C, which ends and removes all of it. In another terminal:");
        show(&format!(
            "{}\nkubectl get authentik --output=wide\nkubectl edit flow {name}\nkubectl events",
            self.cluster.shell_lines()?
        ));
        match self.authentik.public_token() {
            Some(token) => {
                say("   Change something in authentik, and see it changed back:");
                show(&format!(
                    "curl -X PATCH -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\\n  \
                     -d '{{\"title\": \"Hello\"}}' {url}/api/v3/flows/instances/{slug}/"
                ));
            }
            None => {
                say("   Change something in authentik, and see it changed back:");
                show(&format!("{url}/if/admin/#/flow/flows/{slug}"));
                say("   Ctrl-C also deletes in authentik what the operator made there.");
            }
        }
        say(&format!("   The operator's log: {}", self.operator.log().display()));
        Ok(())
    }

    /// Deletes all resources, and waits until what they describe is gone from authentik.
    pub(crate) async fn clear(&self) -> Result<()> {
        let step = Step::begin(
            "Last, the resources are deleted, and the operator deletes in authentik what it made there",
        );
        let made = self.cluster.resources().await?;
        let made = made.iter().filter(|it| it.status.origin == Some(Origin::Created));
        self.cluster.kubectl(&["delete", "authentik", "--all", "--all-namespaces", "--wait=false"]).await?;
        let gone = async || {
            let left = self.cluster.resources().await?;
            let left: Vec<_> = left.iter().map(Resource::says).collect();
            Ok(if left.is_empty() { Ok(()) } else { Err(left.join("\n")) })
        };
        self.operator.until(gone).await.context("something may be left in authentik")?;
        for resource in made {
            ensure!(!self.authentik.has(resource).await?, "authentik still has the {}", resource.title());
        }
        step.end("gone after");
        Ok(())
    }
}
