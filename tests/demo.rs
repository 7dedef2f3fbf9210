//! `cargo xtask demo`, as a user starts it.

use std::ffi::OsString;
use std::fs::read_dir;
use std::io::Write as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use authentik_simulator::Simulator;
use bytes::Bytes;
use controlplane::{Environment, Program, Programs};
use http::Request;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};

/// For a whole demo; cargo may have something to build, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// Each has a control plane.
static DEMOS: Semaphore = Semaphore::const_new(2);

/// A demo without a terminal, and with a folder of its own for all that it makes.
struct Demo {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    folder: TempDir,
    _slot: SemaphorePermit<'static>,
}

/// How a demo ended.
struct Ended {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Demo {
    /// Starts it with these arguments and variables.
    async fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let slot = DEMOS.acquire().await.expect("never closed");
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["xtask", "demo"]).args(arguments).kill_on_drop(true);
        for (name, _) in std::env::vars_os().filter(|(name, _)| of_authentik(name)) {
            command.env_remove(name);
        }
        command.env("TMPDIR", folder.path()).envs(variables.iter().copied());
        let streams = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().expect("cargo runs");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines, folder, _slot: slot }
    }

    /// The next line of standard output with these words.
    async fn line(&mut self, words: &str) -> String {
        let look = async {
            while let Some(line) = self.lines.next_line().await.expect("text") {
                if line.contains(words) {
                    return Some(line);
                }
            }
            None
        };
        let found =
            timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("no line with {words:?} in time"));
        match found {
            Some(line) => line,
            None => panic!("it ended without {words:?}: {}", self.end().await.stderr),
        }
    }

    /// What Ctrl-C does.
    fn interrupt(&self) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).expect("it runs");
        kill_process(pid, Signal::INT).expect("it runs");
    }

    /// Waits for its end, and until nothing of it is left.
    async fn end(&mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let mut errors = self.child.stderr.take().expect("asked once");
        let all = async {
            let reading = async {
                while let Some(line) = self.lines.next_line().await.expect("text") {
                    stdout.push_str(&line);
                    stdout.push('\n');
                }
            };
            let (_, read) = tokio::join!(reading, errors.read_to_string(&mut stderr));
            read.expect("text");
            let status = self.child.wait().await.expect("a status");
            // What it leaves to others to remove is gone within a moment.
            while read_dir(self.folder.path()).expect("a folder").next().is_some() {
                sleep(Duration::from_millis(50)).await;
            }
            status
        };
        let status = timeout(PATIENCE, all).await.expect("it ends in time, and leaves nothing");
        Ended { status, stdout, stderr }
    }
}

/// Whether what this variable says is not for a demo here.
fn of_authentik(name: &OsString) -> bool {
    name.to_string_lossy().to_uppercase().starts_with("AUTHENTIK")
}

/// The programs of a control plane. None if there can be no demo, and then says that `what` is skipped.
fn programs(what: &str) -> Option<Programs> {
    let environment = Environment::from_process();
    let programs = Programs::find(&environment).expect("the programs");
    let reason = match (&environment.kubeconfig, programs.path(Program::Helm)) {
        (Some(_), _) => "it needs a control plane of its own".to_owned(),
        (None, Err(error)) => error.to_string(),
        (None, Ok(_)) => return Some(programs),
    };
    let _ = writeln!(std::io::stderr(), "skipped: {what}: {reason}");
    None
}

/// What authentik answers to a request past the network and the journal.
async fn ask(authentik: &Simulator, method: &str, path: &str, body: Bytes) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v3/{path}"))
        .header("authorization", format!("Bearer {}", authentik.token()))
        .header("content-type", "application/json")
        .body(body);
    let answer = authentik.authentik().handle(request.expect("a request")).await;
    assert!(answer.status().is_success(), "{method} {path}: {}", answer.status());
    serde_json::from_slice(answer.body()).expect("JSON")
}

/// All flows, stages and bindings.
async fn content(authentik: &Simulator) -> Vec<Value> {
    let mut rows = Vec::new();
    for list in ["flows/instances", "stages/all", "flows/bindings", "stages/authenticator/validate"] {
        let page = ask(authentik, "GET", &format!("{list}/?page_size=100&ordering=pk"), Bytes::new()).await;
        assert_eq!(page["pagination"]["next"], 0, "one page of {list}");
        rows.extend(page["results"].as_array().expect("rows").clone());
    }
    // Signed anew at each reading.
    for row in &mut rows {
        row.as_object_mut().expect("an object").retain(|field, _| !field.starts_with("background"));
    }
    rows
}

/// A simulator in the role of a real authentik, and the file with its token.
async fn real_authentik() -> (Simulator, tempfile::NamedTempFile) {
    let authentik = Simulator::builder().token("r3al").start().await.expect("a simulator");
    let mut token = tempfile::NamedTempFile::new().expect("a file");
    token.write_all(b"r3al\n").expect("written");
    (authentik, token)
}

#[tokio::test]
async fn all_steps_succeed_and_nothing_is_left() {
    if programs("all_steps_succeed_and_nothing_is_left").is_none() {
        return;
    }
    // Of no use for what is on this machine.
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "https_proxy"].map(|name| (name, "http://127.0.0.1:1"));
    let Ended { status, stdout, stderr } = Demo::start(&["--once"], &proxies).await.end().await;
    assert!(status.success(), "{stdout}{stderr}");
    let mut rest = stdout.as_str();
    for words in [
        "1. authentik is a simulator",
        "2. A Kubernetes control plane starts",
        "ready after ",
        "3. The operator starts",
        "connected to authentik after ",
        "staff-login created\n",
        "all are Ready after ",
        "$ kubectl get authentik\n",
        "InSync",
        "not_configured_action was \"configure\", is \"skip\"\n",
        "done after ",
        "not_configured_action is \"configure\"\n",
        "DriftCorrected",
        "gone after ",
        "All was as it should be.",
    ] {
        let (_, after) = rest.split_once(words).unwrap_or_else(|| panic!("{words:?} is missing in {stdout}"));
        rest = after;
    }
    assert!(!stdout.contains('\u{1b}'), "no colours without a terminal");
}

#[tokio::test]
async fn a_real_authentik_is_after_the_demo_as_it_was_before() {
    let Some(programs) = programs("a_real_authentik_is_after_the_demo_as_it_was_before") else { return };
    let (authentik, token) = real_authentik().await;
    let before = content(&authentik).await;
    let file = token.path().display().to_string();
    let mut demo =
        Demo::start(&[], &[("AUTHENTIK_URL", &authentik.url()), ("AUTHENTIK_TOKEN_FILE", &file)]).await;
    let export = demo.line("export KUBECONFIG=").await;
    demo.line("The operator's log: ").await;

    // As whoever pastes the line.
    let (_, kubeconfig) = export.split_once('=').expect("a value");
    let mut kubectl = Command::new(programs.path(Program::Kubectl).expect("a kubectl"));
    kubectl.args(["get", "authentik", "--output=name"]).env("KUBECONFIG", kubeconfig);
    kubectl.env("KUBECACHEDIR", Path::new(kubeconfig).with_file_name("cache"));
    let resources = String::from_utf8(kubectl.output().await.expect("it runs").stdout).expect("text");
    assert_eq!(resources.lines().count(), 3, "{resources}");
    assert!(content(&authentik).await.len() > before.len(), "authentik has the examples");

    demo.interrupt();
    let Ended { status, stdout, stderr } = demo.end().await;
    assert!(status.success(), "{stdout}{stderr}");
    assert!(!stdout.contains("r3al") && !stderr.contains("r3al"), "the token is shown");
    assert_eq!(content(&authentik).await, before);
    let others: Vec<&str> =
        before.iter().flat_map(|row| [row["pk"].as_str(), row["slug"].as_str()]).flatten().collect();
    for entry in authentik.requests().all().into_iter().filter(|entry| entry.method != "GET") {
        let touched = entry.path.split('/').find(|segment| others.contains(segment));
        assert_eq!(touched, None, "{} {}", entry.method, entry.path);
    }
}

#[tokio::test]
async fn what_a_real_authentik_has_already_is_not_taken_over() {
    if programs("what_a_real_authentik_has_already_is_not_taken_over").is_none() {
        return;
    }
    let (authentik, token) = real_authentik().await;
    // All that the example declares, so that an operator without limits would take it over.
    let flow = json!({"slug": "staff-login", "name": "Staff login", "title": "Welcome",
        "designation": "authentication", "compatibility_mode": true});
    ask(&authentik, "POST", "flows/instances/", Bytes::from(flow.to_string())).await;
    let before = content(&authentik).await;
    let file = token.path().display().to_string();
    let variables = [("AUTHENTIK_URL", authentik.url()), ("AUTHENTIK_TOKEN_FILE", file)];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let Ended { status, stdout, stderr } = Demo::start(&["--once"], &variables).await.end().await;
    assert_eq!(status.code(), Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("demo: Flow staff-login: AlreadyExists: "), "{stderr}");
    assert_eq!(content(&authentik).await, before);
}

#[tokio::test]
async fn an_authentik_that_does_not_answer_ends_it() {
    let variables = [("AUTHENTIK_URL", "http://127.0.0.1:1"), ("AUTHENTIK_TOKEN", "s3cret")];
    let Ended { status, stdout, stderr } = Demo::start(&["--once"], &variables).await.end().await;
    assert_eq!((status.code(), stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains("demo: the authentik at http://127.0.0.1:1 cannot be used: "), "{stderr}");
    assert!(!stderr.contains("s3cret"), "{stderr}");
}

#[tokio::test]
async fn an_operator_that_ends_is_told_with_its_log() {
    if programs("an_operator_that_ends_is_told_with_its_log").is_none() {
        return;
    }
    let broken = [("AUTHENTIK_OPERATOR_LOG", "a=b=c")];
    let Ended { status, stdout, stderr } = Demo::start(&[], &broken).await.end().await;
    assert_eq!(status.code(), Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("'a=b=c' for '--log"), "{stderr}");
    assert!(stderr.ends_with("demo: the operator has ended\n"), "{stderr}");
}
