//! `cargo xtask chaos`: a long run of the test that kills the operator again and again.

use anyhow::Result;

use crate::cargo;

/// How large the run is.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What the schedule of kills, faults and changes follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often the operator is killed
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..))]
    kills: u32,
    /// How many resources are made, changed and deleted meanwhile
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(5..))]
    objects: u32,
}

/// Runs it to its end; it tells how it goes on standard error.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let tests = ["test", "--package=authentik-operator", "--test=operator"];
    cargo::build_beside_programs(&[&tests[..], &["--no-run"]].concat())?;
    let mut command = cargo::cargo();
    command.args(tests).args(["chaos::", "--", "--nocapture"]);
    command.env("CHAOS_SEED", arguments.seed.to_string());
    command.env("CHAOS_KILLS", arguments.kills.to_string());
    command.env("CHAOS_OBJECTS", arguments.objects.to_string());
    cargo::run("killing the operator again and again", &mut command)
}
