//! The chart's values: which are refused, and what becomes of the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    CHART, REQUIRED,
    rendered::{documents, helm, one, resources, template},
};

#[test]
fn helm_finds_no_fault() {
    let required: &[&str] = &REQUIRED;
    for values in [&[], required] {
        let Some(mut helm) = helm("helm_finds_no_fault") else { return };
        let output = helm.args(["lint", "--strict", CHART]).args(values).output().expect("helm runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn unfit_values_are_refused_by_name() {
    for (values, words) in [
        (["--set=replica=2"], ["additional properties", "replica"]),
        (["--set=replicas=many"], ["/replicas", "want integer"]),
        (["--set=lease.renew=1s"], ["additional properties", "renew"]),
        (["--set=lease.duration=15"], ["/lease/duration", "want string"]),
        (["--set=authentik.tokenSecret.names=x"], ["additional properties", "names"]),
        (["--set=authentik.token=secret"], ["additional properties", "token"]),
        (["--set=authentik.ca.file=x"], ["additional properties", "file"]),
        (["--set=log.level=debug"], ["additional properties", "level"]),
        (["--set=crds.install=false"], ["additional properties", "install"]),
        (["--set=rbac.create=false"], ["additional properties", "create"]),
        (["--set=image.registry=x"], ["additional properties", "registry"]),
        (["--set=serviceAccount.label=x"], ["additional properties", "label"]),
        (["--set=resources.request.cpu=1"], ["additional properties", "request"]),
        (["--set=extraEnv[0].nam=x"], ["extraEnv/0", "nam"]),
        (["--set=tolerations[0].keys=x"], ["tolerations/0", "keys"]),
        (["--set=imagePullSecrets[0].secret=x"], ["imagePullSecrets/0", "secret"]),
        (["--set=authentik.url=authentik.example.com"], ["/authentik/url", "https?://"]),
        (["--set=authentik.requestTimeout=60"], ["/authentik/requestTimeout", "want string"]),
        (["--set=crds.enabled=maybe"], ["/crds/enabled", "want boolean"]),
        (["--set=extraEnv.HTTPS_PROXY=x"], ["/extraEnv", "want array"]),
        (["--set=protectSlugs=default-*"], ["/protectSlugs", "want array"]),
        (["--set=protectSlugs[0]=a/b"], ["/protectSlugs/0", "pattern"]),
        (["--set=adopt=always"], ["/adopt", "matching"]),
        (["--set=log.format=yaml"], ["/log/format", "json"]),
        (["--set=listen=8080"], ["/listen", "want string"]),
        (["--set=listen=0.0.0.0:0"], ["/listen", "pattern"]),
        (["--set=authentik.ca.secretName=x,authentik.ca.configMapName=y"], ["/authentik/ca", "not"]),
        (["--set=authentik.url="], ["authentik.url is required", "https://authentik.example.com"]),
        (["--set=authentik.tokenSecret.name="], ["authentik.tokenSecret.name is required", "API token"]),
        (["--set=serviceAccount.create=false"], ["serviceAccount.name is required", "false"]),
    ] {
        let Some(output) = template("unfit_values_are_refused_by_name", &values) else { return };
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{values:?} is accepted");
        assert!(words.iter().all(|word| error.contains(word)), "{values:?}, expected {words:?}: {error}");
    }
}

/// Every value is known to the schema, which knows no others.
fn compare(path: &str, schema: &Value, values: &Value) {
    let (Some(properties), Some(values)) = (schema["properties"].as_object(), values.as_object()) else {
        return;
    };
    assert_eq!(schema["additionalProperties"], false, "values{path} may have any name");
    let known: Vec<&String> = properties.keys().filter(|name| *name != "global").collect();
    assert_eq!(known, values.keys().collect::<Vec<_>>(), "values{path}");
    for (name, value) in values {
        compare(&format!("{path}.{name}"), &properties[name], value);
    }
}

#[test]
fn the_schema_knows_the_values_and_no_others() {
    let read = |file: &str| fs::read_to_string(format!("{CHART}/{file}")).expect("the file");
    let schema: Value = serde_json::from_str(&read("values.schema.json")).expect("JSON");
    compare("", &schema, &documents(&read("values.yaml"))[0]);
}

/// The Deployment's only container.
fn container(resources: &[Value]) -> &Value {
    let containers = &one(resources, "Deployment")["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers.as_array().map(Vec::len), Some(1));
    &containers[0]
}

/// Its environment variables, which have plain values.
fn environment(resources: &[Value]) -> BTreeMap<&str, &str> {
    let variables = container(resources)["env"].as_array().expect("a list");
    variables
        .iter()
        .map(|variable| {
            (variable["name"].as_str().expect("a name"), variable["value"].as_str().expect("a value"))
        })
        .collect()
}

#[test]
fn every_option_reaches_the_operator() {
    let least = [
        ("AUTHENTIK_URL", "https://authentik.example.com"),
        ("AUTHENTIK_TOKEN_FILE", "/etc/authentik-operator/token/token"),
        ("AUTHENTIK_OPERATOR_ADOPT", "force"),
        ("AUTHENTIK_OPERATOR_REFRESH_AT_MOST", "15m"),
        ("AUTHENTIK_OPERATOR_REQUEST_TIMEOUT", "60s"),
        ("AUTHENTIK_OPERATOR_LEASE", "authentik-operator/authentik-operator"),
        ("AUTHENTIK_OPERATOR_LEASE_DURATION", "15s"),
        ("AUTHENTIK_OPERATOR_LEASE_RENEW_DEADLINE", "10s"),
        ("AUTHENTIK_OPERATOR_LEASE_RETRY", "2s"),
        ("AUTHENTIK_OPERATOR_LISTEN", "[::]:8080"),
        ("AUTHENTIK_OPERATOR_LOG", "info"),
        ("AUTHENTIK_OPERATOR_LOG_FORMAT", "text"),
    ];
    for (value, name, becomes) in [
        ("authentik.ca.secretName=ca", "AUTHENTIK_CA_FILE", "/etc/authentik-operator/ca/ca.crt"),
        ("authentik.ca.configMapName=ca", "AUTHENTIK_CA_FILE", "/etc/authentik-operator/ca/ca.crt"),
        ("authentik.refreshAtMost=1s", "AUTHENTIK_OPERATOR_REFRESH_AT_MOST", "1s"),
        ("authentik.requestTimeout=5s", "AUTHENTIK_OPERATOR_REQUEST_TIMEOUT", "5s"),
        ("adopt=none", "AUTHENTIK_OPERATOR_ADOPT", "none"),
        ("protectSlugs={default-*,admin}", "AUTHENTIK_OPERATOR_PROTECT_SLUGS", "default-*,admin"),
        ("lease.duration=30s", "AUTHENTIK_OPERATOR_LEASE_DURATION", "30s"),
        ("lease.renewDeadline=5s", "AUTHENTIK_OPERATOR_LEASE_RENEW_DEADLINE", "5s"),
        ("lease.retry=1s", "AUTHENTIK_OPERATOR_LEASE_RETRY", "1s"),
        ("listen=0.0.0.0:9000", "AUTHENTIK_OPERATOR_LISTEN", "0.0.0.0:9000"),
        ("log.filter=warn", "AUTHENTIK_OPERATOR_LOG", "warn"),
        ("log.format=json", "AUTHENTIK_OPERATOR_LOG_FORMAT", "json"),
        ("extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy:1", "HTTPS_PROXY", "http://proxy:1"),
    ] {
        let argument = format!("--set={value}");
        let Some(resources) = resources("every_option_reaches_the_operator", &[&argument]) else { return };
        let mut wanted = BTreeMap::from(least);
        wanted.insert(name, becomes);
        assert_eq!(environment(&resources), wanted, "{value}");
        assert_eq!(container(&resources)["args"], json!(["run"]));
    }
}

#[test]
fn what_the_operator_reads_can_be_set() {
    let values = ["--set=authentik.ca.secretName=ca", "--set=protectSlugs={default-*}"];
    let Some(resources) = resources("what_the_operator_reads_can_be_set", &values) else { return };
    let program = env!("CARGO_BIN_EXE_authentik-operator");
    let help = Command::new(program).args(["run", "--help"]).output().expect("the program runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let read: BTreeSet<&str> =
        help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()).collect();
    let mut set: BTreeSet<&str> = environment(&resources).into_keys().collect();
    // The chart gives the token as a file only.
    set.insert("AUTHENTIK_TOKEN");
    assert_eq!(set, read);
}

#[test]
fn token_and_authorities_are_files() {
    let token = json!({"name": "token", "secret": {"secretName": "authentik-token", "defaultMode": 288,
        "items": [{"key": "api-token", "path": "token"}]}});
    let items = json!([{"key": "root.pem", "path": "ca.crt"}]);
    for (value, source) in [
        ("authentik.ca.secretName=trust", json!({"secret": {"secretName": "trust", "items": items}})),
        ("authentik.ca.configMapName=trust", json!({"configMap": {"name": "trust", "items": items}})),
    ] {
        let value = format!("--set={value}");
        let values = ["--set=authentik.tokenSecret.key=api-token", &value, "--set=authentik.ca.key=root.pem"];
        let Some(resources) = resources("token_and_authorities_are_files", &values) else { return };
        let mut authorities = source;
        authorities["name"] = "ca".into();
        let volumes = &one(&resources, "Deployment")["spec"]["template"]["spec"]["volumes"];
        assert_eq!(*volumes, json!([token, authorities]));
        let mounts = json!([
            {"name": "token", "mountPath": "/etc/authentik-operator/token", "readOnly": true},
            {"name": "ca", "mountPath": "/etc/authentik-operator/ca", "readOnly": true},
        ]);
        assert_eq!(container(&resources)["volumeMounts"], mounts);
    }
}

#[test]
fn probes_ask_where_the_operator_listens() {
    let values = ["--set=listen=127.0.0.1:9000"];
    let Some(resources) = resources("probes_ask_where_the_operator_listens", &values) else { return };
    let container = container(&resources);
    assert_eq!(container["ports"], json!([{"name": "http", "containerPort": 9000}]));
    for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        assert_eq!(container[probe]["httpGet"], json!({"path": path, "port": "http"}));
    }
}

#[test]
fn a_new_pod_stands_by_before_the_old_one_ends() {
    for (values, replicas) in [(&[][..], 1), (&["--set=replicas=3"], 3)] {
        let Some(resources) = resources("a_new_pod_stands_by_before_the_old_one_ends", values) else {
            return;
        };
        let spec = &one(&resources, "Deployment")["spec"];
        let strategy =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
        assert_eq!((&spec["replicas"], &spec["strategy"]), (&json!(replicas), &strategy));
        assert_eq!(spec["template"]["spec"]["terminationGracePeriodSeconds"], 30);
    }
}

#[test]
fn the_rights_are_for_the_lease_that_the_operator_keeps() {
    let what = "the_rights_are_for_the_lease_that_the_operator_keeps";
    let Some(resources) = resources(what, &["--set=serviceAccount.name=x"]) else { return };
    let lease = environment(&resources)["AUTHENTIK_OPERATOR_LEASE"];
    let role = one(&resources, "Role");
    let named = &role["rules"][1]["resourceNames"][0];
    let namespace = role["metadata"]["namespace"].as_str().expect("a namespace");
    assert_eq!(lease, format!("{namespace}/{}", named.as_str().expect("a name")));
    let binding = one(&resources, "RoleBinding");
    assert_eq!(
        (&binding["roleRef"]["name"], &binding["subjects"][0]["name"]),
        (&role["metadata"]["name"], &json!("x"))
    );
}

#[test]
fn names_are_the_releases() {
    let accounts = |values: &[&str]| {
        let resources = resources("names_are_the_releases", values)?;
        let subject = one(&resources, "ClusterRoleBinding")["subjects"][0]["name"].clone();
        let pod = one(&resources, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"].clone();
        let made = resources.iter().find(|resource| resource["kind"] == "ServiceAccount");
        Some([subject, pod, made.map_or(Value::Null, |account| account["metadata"]["name"].clone())])
    };
    for (values, wanted) in [
        (vec![], ["authentik-operator", "authentik-operator", "authentik-operator"].map(Value::from)),
        (vec!["--set=serviceAccount.name=x"], ["x", "x", "x"].map(Value::from)),
        (
            vec!["--set=serviceAccount.name=x", "--set=serviceAccount.create=false"],
            ["x".into(), "x".into(), Value::Null],
        ),
    ] {
        let Some(found) = accounts(&values) else { return };
        assert_eq!(found, wanted, "{values:?}");
    }
}
