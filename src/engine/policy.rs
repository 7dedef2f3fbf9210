//! The operator's own ceilings over what resources may ask for.

use crate::config::ProtectedSlugs;
use crate::kinds::Adoption;

/// What the operator allows, whatever a resource asks for.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The most that may be done with objects that no resource made.
    pub adopt: Adoption,
    /// Flows that are never touched.
    pub protected: ProtectedSlugs,
}

impl Policy {
    /// What may be done with an object that the resource did not make.
    #[must_use]
    pub fn adoption(&self, declared: Option<Adoption>) -> Adoption {
        match (declared.unwrap_or_default(), self.adopt) {
            (Adoption::Never, _) | (_, Adoption::Never) => Adoption::Never,
            (Adoption::IfMatching, _) | (_, Adoption::IfMatching) => Adoption::IfMatching,
            (Adoption::Force, Adoption::Force) => Adoption::Force,
        }
    }

    /// Why a flow with this slug may not be touched.
    #[must_use]
    pub fn protects(&self, slug: &str) -> Option<String> {
        let pattern = self.protected.matches(slug)?;
        Some(format!(
            "the operator does not touch the flow {slug}: its slug matches {pattern} (--protect-slug)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::Policy;
    use crate::config::ProtectedSlugs;
    use crate::kinds::Adoption::{Force, IfMatching, Never};

    #[test]
    fn the_ceiling_lowers_and_never_raises() {
        for (declared, adopt, result) in [
            (None, Force, IfMatching),
            (Some(Force), Force, Force),
            (Some(Force), IfMatching, IfMatching),
            (Some(Force), Never, Never),
            (None, Never, Never),
            (Some(Never), Force, Never),
        ] {
            let policy = Policy { adopt, protected: ProtectedSlugs::default() };
            assert_eq!(policy.adoption(declared), result, "{declared:?} below {adopt:?}");
        }
    }
}
