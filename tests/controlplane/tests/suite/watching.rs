//! Waiting for conditions and looking at processes.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Far more than anything here takes, even on a machine that does much else.
const DEADLINE: Duration = Duration::from_secs(90);

/// Waits until `condition` holds and tells how long it took; panics when it never does.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < DEADLINE, "in vain waited {} s until {what}", DEADLINE.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    started.elapsed()
}

/// The processes, but for dead ones that nobody has waited for yet, whose command line names `path`.
pub(crate) fn processes_of(path: &Path) -> Vec<String> {
    let output = Command::new("ps").args(["-axww", "-o", "pid=,stat=,args="]).output().expect("ps runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let path = path.to_string_lossy().into_owned();
    text.lines()
        .filter(|line| line.contains(&path))
        .filter(|line| !line.split_whitespace().nth(1).is_some_and(|state| state.starts_with('Z')))
        .map(str::to_owned)
        .collect()
}
