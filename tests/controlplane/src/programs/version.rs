//! Versions, and asking a program for its own.

use std::{
    fmt,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// How long a program may take to tell its version; a cold start of a large one on a busy machine takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Major, minor and patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number; 0 when it is not told.
    pub patch: u32,
}

impl Version {
    /// The first version in `text`: numbers with a dot between them, after an optional `v` or `go`.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        text.split(|c: char| c.is_whitespace() || c == '"' || c == ',').find_map(Self::parse)
    }

    fn parse(word: &str) -> Option<Self> {
        let word = word.strip_prefix('v').or_else(|| word.strip_prefix("go")).unwrap_or(word);
        // What follows the numbers (-rc.1, +build) is not compared.
        let numbers = word.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut numbers = numbers.split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        let patch = numbers.next().and_then(|patch| patch.parse().ok()).unwrap_or(0);
        Some(Self { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The version that `program` prints when run with `arguments`; otherwise why there is none.
pub(super) fn of(program: &Path, arguments: &[&str]) -> Result<Version, String> {
    let output = run(Command::new(program).args(arguments))?;
    Version::find(&output).ok_or_else(|| "it prints no version".to_owned())
}

/// The versions of `kubectl` and of the server of `kubeconfig`.
pub(super) fn of_cluster(kubectl: &Path, kubeconfig: &Path) -> Result<(Version, Version), String> {
    let output = run(Command::new(kubectl)
        .arg("version")
        .arg("--request-timeout=10s")
        .arg("--kubeconfig")
        .arg(kubeconfig))?;
    let named = |name: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(Version::find).ok_or_else(|| format!("it prints no {name}"))
    };
    Ok((named("Client Version")?, named("Server Version")?))
}

/// What `command` prints to standard output, when it ends well and in time.
fn run(command: &mut Command) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("it does not run: {error}"))?;
    let Some(mut stdout) = child.stdout.take() else { return Err("it has no output".to_owned()) };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut output = String::new();
        let read = stdout.read_to_string(&mut output).map(|_| output);
        let _ = sender.send(read);
    });
    let read = receiver.recv_timeout(PATIENCE);
    if read.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    match read {
        Err(_) => Err(format!("it tells no version within {} s", PATIENCE.as_secs())),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(_)) if !status.success() => Err(format!("it fails when asked for its version ({status})")),
        Ok(Ok(output)) => Ok(output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        for (text, expected) in [
            ("etcd Version: 3.7.3\nGit SHA: Not provided\nGo Version: go1.26.8", "3.7.3"),
            ("Kubernetes v1.37.2", "1.37.2"),
            ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", "1.32.4"),
            ("v4.3.1+g0123abc", "4.3.1"),
            ("version.BuildInfo{Version:\"v3.22.0\", GitCommit:\"0\"}", "3.22.0"),
            ("go1.26", "1.26.0"),
        ] {
            assert_eq!(
                Version::find(text).map(|found| found.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        assert_eq!(Version::find("a program without one, 12 lines"), None);
    }
}
