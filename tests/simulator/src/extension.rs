//! What the front and the model of authentik tell each other beside the request and the answer.

/// In the extensions of a request: fields of its body that are to be accepted but not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unstored(pub Vec<String>);

/// In the extensions of an answer: how many rows it holds, for a latency in proportion to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows(pub usize);
