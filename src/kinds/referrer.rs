//! Who may refer to an object and is not told by authentik's `used_by`.

/// Objects that may refer to one of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Referrer {
    /// Their collection.
    pub collection: &'static str,
    /// The fields that hold an identifier, or a list of them. Where there is one, it is a filter of the list as well.
    pub fields: &'static [&'static str],
    /// What a person calls such an object.
    pub what: &'static str,
    /// The permission that it takes to see them.
    pub permission: &'static str,
}

/// Who may refer to a stage: bindings, which would silently be deleted with it, and stages that offer it to users who have
/// no authenticator.
pub(super) const OF_STAGES: &[Referrer] = &[
    Referrer {
        collection: "flows/bindings",
        fields: &["stage"],
        what: "binding",
        permission: "authentik_flows.view_flowstagebinding",
    },
    Referrer {
        collection: "stages/authenticator/validate",
        fields: &["configuration_stages"],
        what: "authenticator validation stage",
        permission: "authentik_stages_authenticator_validate.view_authenticatorvalidatestage",
    },
];
