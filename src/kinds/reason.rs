//! Why a resource is ready or not: the closed set of reasons.

use std::fmt;

/// The reason of a resource's conditions.
///
/// | reason | Ready | also | when |
/// | --- | --- | --- | --- |
/// | `InSync` | True | | authentik has what is declared |
/// | `Observed` | True; False with drift | Stalled when False | `mode: Observe`, or paused |
/// | `Progressing` | Unknown | Reconciling | the first status of a resource, before it is created in authentik |
/// | `ReferenceNotFound` | False | Reconciling | names the resource or object that is missing; goes on when it appears |
/// | `ReferenceNotReady` | False | Reconciling | the resource has no UUID yet, or another one is about to free the key |
/// | `Unreachable` | False | Reconciling | authentik did not answer or refused the token, and there is something to write |
/// | `Invalid` | False | Stalled | authentik refused, with its own words; or the stored resource cannot be read |
/// | `Forbidden` | False | Stalled | the token lacks a permission: which; or the operator's settings protect the flow |
/// | `AlreadyExists` | False | Stalled | authentik has it and it may not be adopted: what differs |
/// | `Conflict` | False | Stalled | another resource owns the object: which |
/// | `NotApplied` | False | Stalled | accepted but not stored: field, sent, stored |
/// | `Unsupported` | False | Stalled | this version of authentik does not know a field or value |
/// | `Contested` | False | Stalled | somebody else keeps changing the same fields back |
/// | `InUse` | False | Stalled | deletion refused: who uses the object, or what the token may not see |
/// | `Deleting` | False | Reconciling | on its way out |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table above documents each")]
pub enum Reason {
    InSync,
    Observed,
    Progressing,
    ReferenceNotFound,
    ReferenceNotReady,
    Unreachable,
    Invalid,
    Forbidden,
    AlreadyExists,
    Conflict,
    NotApplied,
    Unsupported,
    Contested,
    InUse,
    Deleting,
}

/// What goes with a resource that is not ready. The conditions of both names are never true at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The operator goes on by itself.
    Reconciling,
    /// Somebody must act.
    Stalled,
}

impl Reason {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 15] = [
        Self::InSync,
        Self::Observed,
        Self::Progressing,
        Self::ReferenceNotFound,
        Self::ReferenceNotReady,
        Self::Unreachable,
        Self::Invalid,
        Self::Forbidden,
        Self::AlreadyExists,
        Self::Conflict,
        Self::NotApplied,
        Self::Unsupported,
        Self::Contested,
        Self::InUse,
        Self::Deleting,
    ];

    /// As conditions write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "InSync",
            Self::Observed => "Observed",
            Self::Progressing => "Progressing",
            Self::ReferenceNotFound => "ReferenceNotFound",
            Self::ReferenceNotReady => "ReferenceNotReady",
            Self::Unreachable => "Unreachable",
            Self::Invalid => "Invalid",
            Self::Forbidden => "Forbidden",
            Self::AlreadyExists => "AlreadyExists",
            Self::Conflict => "Conflict",
            Self::NotApplied => "NotApplied",
            Self::Unsupported => "Unsupported",
            Self::Contested => "Contested",
            Self::InUse => "InUse",
            Self::Deleting => "Deleting",
        }
    }

    /// What goes with this reason when the resource is not ready; nothing when it always is.
    #[must_use]
    pub const fn progress(self) -> Option<Progress> {
        match self {
            Self::InSync => None,
            Self::Progressing
            | Self::ReferenceNotFound
            | Self::ReferenceNotReady
            | Self::Unreachable
            | Self::Deleting => Some(Progress::Reconciling),
            Self::Observed
            | Self::Invalid
            | Self::Forbidden
            | Self::AlreadyExists
            | Self::Conflict
            | Self::NotApplied
            | Self::Unsupported
            | Self::Contested
            | Self::InUse => Some(Progress::Stalled),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, Reason};

    /// The rows of the documentation's table: reason, and what goes with it.
    fn documented() -> Vec<(&'static str, Option<Progress>)> {
        include_str!("reason.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("/// | `"))
            .map(|row| {
                let mut cells = row.split('|').map(str::trim);
                let reason = cells.next().unwrap_or_default().trim_end_matches('`');
                let also = cells.nth(1).unwrap_or_default();
                let progress = match also {
                    "Reconciling" => Some(Progress::Reconciling),
                    "" => None,
                    _ => Some(Progress::Stalled),
                };
                (reason, progress)
            })
            .collect()
    }

    #[test]
    fn the_table_is_the_enumeration() {
        let defined: Vec<_> = Reason::ALL.iter().map(|it| (it.as_str(), it.progress())).collect();
        assert_eq!(defined, documented());
    }

    #[test]
    fn the_readme_has_the_same_table() {
        let rows = |text: &str, prefix: &str| -> Vec<String> {
            let row = |line: &str| {
                line.strip_prefix(prefix).filter(|row| row.starts_with("| `")).map(str::to_owned)
            };
            text.lines().filter_map(row).collect()
        };
        let readme = include_str!("../../README.md");
        let table = readme.split("| reason | Ready |").nth(1).expect("the README has the table");
        let table = table.split("\n\n").next().expect("the table ends");
        assert_eq!(rows(table, ""), rows(include_str!("reason.rs"), "/// "));
    }

    #[test]
    fn a_reason_is_written_as_it_is_named() {
        for reason in Reason::ALL {
            assert_eq!(reason.to_string(), format!("{reason:?}"));
        }
    }
}
