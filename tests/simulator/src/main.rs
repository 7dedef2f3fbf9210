//! An authentik for tests, as a program of its own.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use authentik_simulator::fault::{Action, Latency};
use authentik_simulator::{DEFAULT_KEEP_ALIVE, DEFAULT_TOKEN, DEFAULT_VERSION, Error, Fault, Simulator};
use clap::{ArgAction, Parser};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

/// Plays authentik's API for tests: stateful, with faults and a journal.
#[derive(Debug, Parser)]
#[command(name = "authentik-simulator")]
struct Options {
    /// Address to listen at; 0.0.0.0 lets other machines in.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Port to listen at; 0 is any free one.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Token of the superuser.
    #[arg(long, default_value = DEFAULT_TOKEN)]
    token: String,
    /// Version to play, such as 2026.2.
    #[arg(long, default_value = DEFAULT_VERSION)]
    version: String,
    /// Start without authentik's default flows, stages and bindings.
    #[arg(long)]
    empty: bool,
    /// Path below which authentik is, such as /auth.
    #[arg(long, value_name = "PATH", default_value = "/")]
    base_path: String,
    /// Seconds after which an idle connection is closed.
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_KEEP_ALIVE.as_secs())]
    keep_alive: u64,
    /// Something that goes wrong from the start, such as '{"path": "/api/v3/**", "when": {"nth": 3}, "do": {"cut":
    /// "after"}}'; may be given several times.
    #[arg(long, value_name = "JSON")]
    fault: Vec<Fault>,
    /// Milliseconds that each answer takes.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Milliseconds that each row of an answer takes in addition.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_per_row_ms: u64,
    /// Log requests to stderr; twice: connections as well.
    #[arg(short, action = ArgAction::Count)]
    verbose: u8,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            return fail(text.lines().next().unwrap_or("error: these options are not understood"), 2);
        }
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    log(options.verbose);
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if matches!(error, Error::Listen { .. }) { 1 } else { 2 };
            fail(&format!("error: {error}"), code)
        }
    }
}

/// Runs until SIGINT or SIGTERM.
async fn serve(options: Options) -> Result<(), Error> {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (mut interrupt, mut terminate) = match signals {
        (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
        (Err(source), _) | (_, Err(source)) => return Err(Error::Signal(source)),
    };
    let mut builder = Simulator::builder()
        .listen(SocketAddr::new(options.listen, options.port))
        .token(options.token)
        .version(options.version)
        .base_path(options.base_path)
        .keep_alive(Duration::from_secs(options.keep_alive));
    if options.empty {
        builder = builder.empty();
    }
    let latency = Latency { fixed_ms: options.latency_ms, per_row_ms: options.latency_per_row_ms };
    if latency != Latency::default() {
        builder = builder.fault(Fault::new(Action::Latency(latency)));
    }
    for fault in options.fault {
        builder = builder.fault(fault);
    }
    let simulator = builder.start().await?;
    let (url, token) = (simulator.url(), simulator.token());
    // Whoever closed stdout does not want to know.
    let _ = writeln!(
        std::io::stdout(),
        "authentik {} at {url} with token {token}; try: curl -H 'Authorization: Bearer {token}' {url}/api/v3/core/users/me/",
        simulator.version(),
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    simulator.stop().await;
    Ok(())
}

fn log(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt().with_max_level(level).with_target(false).with_writer(std::io::stderr).init();
}

fn fail(line: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{line}");
    ExitCode::from(code)
}
