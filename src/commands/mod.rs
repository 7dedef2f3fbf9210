//! The subcommands, one file each.

pub mod crd;
pub mod release;
pub mod run;
