//! The programs and what is asked of each.

use std::fmt;

use super::{Error, Version};

/// The Go module that pins the versions.
pub(super) const GO_MOD: &str = include_str!("../../go.mod");

/// One of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// The API server's store.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// Garbage collection, deletion of namespaces, Deployments, default ServiceAccounts; envtest's bundle lacks it.
    KubeControllerManager,
    /// The command-line client.
    Kubectl,
    /// The package tool, version 4.
    Helm,
    /// Checks manifests against schemas.
    Kubeconform,
}

impl Program {
    /// All, in the order in which they are built: what the start needs first.
    pub const ALL: [Self; 6] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::Kubectl,
        Self::Helm,
        Self::Kubeconform,
    ];
    /// Those that are of use with any cluster.
    pub const TOOLS: [Self; 3] = [Self::Kubectl, Self::Helm, Self::Kubeconform];

    /// The name of its file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
            Self::Helm => "helm",
            Self::Kubeconform => "kubeconform",
        }
    }

    /// The arguments with which it prints its version, asking no server.
    pub(super) fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Etcd | Self::KubeApiserver | Self::KubeControllerManager => &["--version"],
            Self::Kubectl => &["version", "--client"],
            Self::Helm => &["version", "--short"],
            Self::Kubeconform => &["-v"],
        }
    }

    /// Whether nothing can be started without it.
    pub(super) fn always_needed(self) -> bool {
        matches!(self, Self::Etcd | Self::KubeApiserver)
    }

    /// Whether version `found` of it serves with an API server of version `server`.
    ///
    /// kubectl by Kubernetes' version skew policy: one minor older or newer. helm 4, since helm 3 knows other
    /// flags. kubeconform's flags are those of 0.7 and later.
    pub(super) fn fits(self, found: Version, server: Version) -> bool {
        match self {
            Self::Kubectl => found.major == server.major && found.minor.abs_diff(server.minor) <= 1,
            Self::Helm => found.major == 4,
            Self::Kubeconform => found >= Version { major: 0, minor: 7, patch: 0 },
            Self::Etcd | Self::KubeApiserver | Self::KubeControllerManager => true,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The version of Kubernetes that go.mod pins.
pub(super) fn pinned_kubernetes() -> Result<Version, Error> {
    pinned("k8s.io/kubernetes ")
}

/// The version of Go that go.mod asks for.
pub(super) fn needed_go() -> Result<Version, Error> {
    pinned("go ")
}

fn pinned(prefix: &str) -> Result<Version, Error> {
    GO_MOD
        .lines()
        .find_map(|line| Version::find(line.trim().strip_prefix(prefix)?))
        .ok_or_else(|| Error::Module(prefix.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::find(text).expect("a version")
    }

    #[test]
    fn go_mod_pins_what_is_asked_of_it() {
        assert!(pinned_kubernetes().expect("kubernetes") >= version("1.37.0"));
        assert!(needed_go().expect("go") >= version("1.26.0"));
    }

    #[test]
    fn kubectl_fits_within_one_minor() {
        let server = version("v1.37.2");
        for (found, fits) in
            [("v1.35.9", false), ("v1.36.0", true), ("v1.38.1", true), ("v1.39.0", false), ("v2.37.2", false)]
        {
            assert_eq!(Program::Kubectl.fits(version(found), server), fits, "{found}");
        }
    }

    #[test]
    fn only_helm_4_fits() {
        let server = version("v1.37.2");
        for (found, fits) in
            [("v3.22.0+gabc", false), ("v4.0.0", true), ("v4.3.1+g1234567", true), ("v5.0.0", false)]
        {
            assert_eq!(Program::Helm.fits(version(found), server), fits, "{found}");
        }
    }
}
