//! What the recordings cannot show by being replayed in order: races, other versions, sizes, and what nobody recorded.

mod bases;
mod client;
mod deletions;
mod events;
mod permissions;
mod races;
mod requests;
mod schemas;
mod sizes;
mod versions;
