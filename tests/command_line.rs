//! The program as others start it: its variables, its words, its exit codes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(30);
const SERVING: &str = "serving probes and metrics";

/// `authentik-operator run` with nothing in its environment but what it needs, a free port, and `variables`. Neither
/// authentik nor the cluster can be reached, which ends nothing.
fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authentik-operator"));
    command.arg("run").env_clear();
    command.envs([
        ("AUTHENTIK_URL", "http://127.0.0.1:1"),
        ("AUTHENTIK_TOKEN", "s3cret"),
        ("AUTHENTIK_OPERATOR_LISTEN", "127.0.0.1:0"),
        ("KUBECONFIG", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/unreachable.kubeconfig")),
    ]);
    command.envs(variables.iter().copied());
    command
}

/// Exit code and stderr, for one that ends by itself.
fn ended(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    assert!(stdout.is_empty());
    (status.code(), String::from_utf8(stderr).expect("text"))
}

/// A running operator, killed when dropped.
struct Operator {
    child: Child,
    lines: Receiver<String>,
}

impl Operator {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = command(variables).stderr(Stdio::piped()).spawn().expect("the program runs");
        let stderr = child.stderr.take().expect("piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// The next line of the log that holds `text`.
    fn line(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no line with “{text}”"));
            if line.contains(text) {
                return line;
            }
        }
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the process is there");
    }

    fn exit_code(mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: operator\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    answer
}

#[test]
fn it_tells_where_it_serves_and_sigterm_ends_it_well() {
    let operator = Operator::start(&[]);
    let line = operator.line(SERVING);
    assert!(line.contains(" INFO ") && !line.contains('\u{1b}'), "{line}");
    let (_, address) = line.rsplit_once(" address=").expect("a field");
    assert_ne!(address.parse::<SocketAddr>().expect("an address").port(), 0);
    assert!(get(address, "/livez").ends_with("\r\n\r\nok\n"));
    operator.send(Signal::TERM);
    assert!(operator.line("stopping").contains("SIGTERM"));
    assert_eq!(operator.exit_code(), Some(0));
}

#[test]
fn a_log_of_json_has_its_fields_at_the_top_and_sigint_ends_it_well() {
    let operator = Operator::start(&[("AUTHENTIK_OPERATOR_LOG_FORMAT", "json")]);
    let line: serde_json::Value = serde_json::from_str(&operator.line(SERVING)).expect("JSON");
    assert_eq!((&line["message"], &line["level"]), (&SERVING.into(), &"INFO".into()));
    assert!(line["address"].as_str().is_some_and(|address| address.starts_with("127.0.0.1:")), "{line}");
    operator.send(Signal::INT);
    assert_eq!(operator.exit_code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let operator = Operator::start(&[]);
    let line = operator.line(SERVING);
    let (_, address) = line.rsplit_once(" address=").expect("a field");
    // It waits for the end of this request for some time.
    let mut client = TcpStream::connect(address).expect("connected");
    client.write_all(b"GET /livez HTTP/1.1\r\n").expect("sent");
    get(address, "/livez");
    operator.send(Signal::TERM);
    operator.line("stopping");
    operator.send(Signal::INT);
    operator.line("stopped before everything was finished");
    assert_eq!(operator.exit_code(), Some(1));
}

#[test]
fn each_variable_is_read_and_refused_when_it_cannot_be_used() {
    for (name, value, words) in [
        ("AUTHENTIK_URL", "ftp://u:s3cret@host", "must begin with https://"),
        ("AUTHENTIK_TOKEN", " ", "the token is empty"),
        ("AUTHENTIK_TOKEN_FILE", "", "--authentik-token-file"),
        ("AUTHENTIK_CA_FILE", "/no/such/ca.pem", "the CA file /no/such/ca.pem: "),
        ("AUTHENTIK_OPERATOR_ADOPT", "all", "'all' for '--adopt"),
        ("AUTHENTIK_OPERATOR_PROTECT_SLUGS", "a-*,b c", "'b c' for '--protect-slug"),
        ("AUTHENTIK_OPERATOR_REFRESH_AT_MOST", "0s", "'0s' for '--refresh-at-most"),
        ("AUTHENTIK_OPERATOR_REQUEST_TIMEOUT", "-1s", "'-1s' for '--request-timeout"),
        ("AUTHENTIK_OPERATOR_LEASE", "leader", "'leader' for '--lease "),
        ("AUTHENTIK_OPERATOR_LEASE_DURATION", "9s", "--lease-duration (9s) must be whole seconds"),
        ("AUTHENTIK_OPERATOR_LEASE_RENEW_DEADLINE", "1s", "--lease-renew-deadline (1s), and that longer"),
        ("AUTHENTIK_OPERATOR_LEASE_RETRY", "never", "'never' for '--lease-retry"),
        ("AUTHENTIK_OPERATOR_LISTEN", "8080", "'8080' for '--listen"),
        ("AUTHENTIK_OPERATOR_LOG", "a=b=c", "'a=b=c' for '--log"),
        ("AUTHENTIK_OPERATOR_LOG_FORMAT", "xml", "'xml' for '--log-format"),
    ] {
        let (code, text) = ended(command(&[(name, value)]));
        assert_eq!(code, Some(2), "{name}: {text}");
        assert!(text.contains(words) && !text.contains("s3cret"), "{name}: {text}");
    }
}

#[test]
fn without_a_token_one_line_names_both_ways() {
    let mut command = command(&[]);
    command.env_remove("AUTHENTIK_TOKEN");
    let (code, text) = ended(command);
    assert_eq!((code, text.lines().count()), (Some(2), 1), "{text}");
    assert!(text.contains("AUTHENTIK_TOKEN_FILE") && text.contains("(AUTHENTIK_TOKEN)"), "{text}");
}

#[test]
fn a_taken_port_is_one_line_with_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let (code, text) = ended(command(&[("AUTHENTIK_OPERATOR_LISTEN", &address)]));
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
    assert!(text.starts_with(&format!("authentik-operator: cannot listen on {address}: ")), "{text}");
}

#[test]
fn help_names_the_variables_and_shows_no_token() {
    for flag in ["--help", "-h"] {
        let mut command = command(&[("AUTHENTIK_TOKEN_FILE", "/token")]);
        let output = command.arg(flag).output().expect("the program runs");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success() && text.contains("[env: AUTHENTIK_TOKEN]"), "{text}");
        assert!(text.contains("/token") && !text.contains("s3cret"), "{text}");
    }
}
