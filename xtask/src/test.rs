//! `cargo xtask test`: everything.

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use crate::cargo::{self, Ended};

/// What to pass on.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Arguments of `cargo test`, such as a test's name or `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo: Vec<String>,
}

/// What `cargo test` reported, summed over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Builds the control plane's programs and the tests side by side, then runs all tests.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    cargo::build_beside_programs(&["test", "--workspace", "--no-run"])?;
    let building = started.elapsed();

    let mut tests = Ended(
        cargo::cargo()
            .args(["test", "--workspace", "--no-fail-fast"])
            .args(&arguments.cargo)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run cargo")?,
    );
    let mut counts = Counts::default();
    if let Some(output) = tests.0.stdout.take() {
        let mut stdout = std::io::stdout().lock();
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("cannot read cargo's output")?;
            counts.add(&String::from_utf8_lossy(&line));
            stdout.write_all(&line)?;
            stdout.write_all(b"\n")?;
        }
    }
    let status = tests.0.wait().context("cannot wait for cargo")?;
    eprintln!(
        "xtask: {} passed, {} failed, {} ignored in {} test programs; built in {} s, ran in {} s",
        counts.passed,
        counts.failed,
        counts.ignored,
        counts.programs,
        building.as_secs(),
        (started.elapsed() - building).as_secs(),
    );
    ensure!(status.success(), "tests failed ({status})");
    Ok(())
}

impl Counts {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …`, or the last
    /// one of a test program without Rust's own harness, `3 passed, 0 failed`.
    fn add(&mut self, line: &str) {
        if let Some((passed, failed)) =
            line.strip_suffix(" failed").and_then(|line| line.split_once(" passed, "))
            && let (Ok(passed), Ok(failed)) = (passed.parse::<u64>(), failed.parse::<u64>())
        {
            self.programs += 1;
            self.passed += passed;
            self.failed += failed;
            return;
        }
        let Some(result) = line.strip_prefix("test result: ") else { return };
        self.programs += 1;
        let words: Vec<&str> = result.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 12.50s",
            "2 passed, 1 failed",
            "2 passed, as it seems, and none failed",
            "test result: FAILED. 40 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.01s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { programs: 3, passed: 45, failed: 3, ignored: 1 });
    }
}
