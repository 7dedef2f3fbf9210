//! The HTTP front of the simulator over real connections: what passes through it, faults, journal, control endpoint,
//! outages and the program.

mod authentik;
mod binary;
mod control;
mod faults;
mod journal;
mod outage;
mod passing;
mod wire;
