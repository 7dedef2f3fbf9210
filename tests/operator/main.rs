//! The operator as its users meet it: the real program on a real API server, against a simulated authentik. One file for
//! each promise.

mod adoption;
mod answers;
mod calls;
mod chaos;
mod conditions;
mod contested;
mod crash;
mod deletion;
mod drift;
mod events;
mod exchange;
mod guard;
mod harness;
mod leader;
mod many;
mod outage;
mod ownership;
mod permutations;
mod policies;
mod process;
mod quiet;
mod rebuilt;
mod references;
mod refusals;
mod relations;
mod release;
mod rights;
mod undecodable;
mod vanish;
mod versions;
mod waiting;
