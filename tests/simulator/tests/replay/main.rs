//! Replays every recorded exchange with a real authentik, in order, and compares status, headers and body.
//!
//! Prints, file by file, how many exchanges were held against the recording, and each that was passed over with its
//! reason. Ends with a failure when an answer differs, or when too few of a file's exchanges can be held against it.

mod compare;
mod passed_over;
mod recording;
mod replay;
mod start;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use replay::Report;

/// Of these files, at least so many of a hundred exchanges must be replayed.
const ESSENTIAL: [&str; 5] = ["flows", "bindings", "validate", "stages-and-info", "auth-and-permissions"];
const ESSENTIAL_PERCENT: usize = 95;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings");
    let (mut passed, mut failed) = (0, 0);
    for version in ["2026.2.2", "2025.10.4"] {
        match runtime.block_on(replay::run(version, &folder)) {
            Ok(report) => {
                print(version, &report);
                let (right, wrong) = count(&report);
                passed += right;
                failed += wrong;
            }
            Err(error) => return fail(&error),
        }
    }
    let broken = broken_recordings_are_told_in_one_line();
    failed += broken.len();
    passed += 3 - broken.len();
    for complaint in &broken {
        println!("{complaint}");
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn fail(error: &str) -> ExitCode {
    eprintln!("replay: {error}");
    ExitCode::FAILURE
}

fn print(version: &str, report: &Report) {
    println!("\nauthentik {version}");
    for file in &report.files {
        println!(
            "  {:<22} {:>4} of {:>4} exchanges replayed, {} differ",
            file.name,
            file.replayed,
            file.total,
            file.differences.len()
        );
    }
    println!(
        "  {:<22} {:>4} of {:>4} exchanges replayed; {} steps between them were not recorded",
        "all",
        report.files.iter().map(|file| file.replayed).sum::<usize>(),
        report.files.iter().map(|file| file.total).sum::<usize>(),
        report.steps,
    );
    for file in &report.files {
        for (n, reason) in &file.passed_over {
            println!("  passed over {} [{n}]: {reason}", file.name);
        }
        for (n, difference) in &file.differences {
            println!("  DIFFERS {} [{n}]: {difference}", file.name);
        }
    }
}

/// How many exchanges went as recorded, and how many did not or are missing where the share is too small.
fn count(report: &Report) -> (usize, usize) {
    let differing: usize = report.files.iter().map(|file| file.differences.len()).sum();
    let replayed: usize = report.files.iter().map(|file| file.replayed).sum();
    let thin = report.files.iter().filter(|file| {
        let thin =
            ESSENTIAL.contains(&file.name.as_str()) && file.replayed * 100 < file.total * ESSENTIAL_PERCENT;
        if thin {
            println!("  TOO FEW {}: {} of {}", file.name, file.replayed, file.total);
        }
        thin
    });
    (replayed - differing, differing + thin.count())
}

/// A recording that cannot be read is an error of one line that names the place.
fn broken_recordings_are_told_in_one_line() -> Vec<String> {
    let folder = std::env::temp_dir().join(format!("broken-recordings-{}", std::process::id()));
    let cases: [(&str, Option<&str>); 3] = [
        ("no such file", None),
        ("not JSON", Some("{\"n\": 1}\n{\"n\": ")),
        (
            "without a status",
            Some(
                "{\"n\": 1, \"name\": \"x\", \"request\": {\"method\": \"GET\", \"path\": \"/\"}, \"response\": {}}",
            ),
        ),
    ];
    let mut complaints = Vec::new();
    for (what, text) in cases {
        let path: PathBuf = folder.join("broken.jsonl");
        let written = match text {
            Some(text) => std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, text)),
            None => Ok(()),
        };
        match (written, recording::read(&path)) {
            (Ok(()), Err(error)) if !error.contains('\n') && error.contains("broken.jsonl") => {}
            (Ok(()), Err(error)) => {
                complaints.push(format!("a recording {what}: {error:?} is not one line with the place"))
            }
            (Ok(()), Ok(_)) => complaints.push(format!("a recording {what} was taken")),
            (Err(error), _) => complaints.push(format!("a recording {what}: {error}")),
        }
    }
    // Nothing to clean up when nothing could be written.
    let _ = std::fs::remove_dir_all(&folder);
    complaints
}
