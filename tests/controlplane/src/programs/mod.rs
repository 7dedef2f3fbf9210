//! Where the control plane's programs come from.
//!
//! In this order: an existing cluster (`CONTROLPLANE_KUBECONFIG`, then only tools are needed), the folder that
//! `KUBEBUILDER_ASSETS` names, the cache, and last a build with Go into the cache. A kubectl or helm on PATH is used
//! before the cache's when it fits. See this crate's README.md.

mod build;
mod cache;
mod environment;
mod error;
mod program;
mod version;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use cache::Cache;
pub use environment::Environment;
pub use error::Error;
pub use program::Program;
pub use version::Version;

/// The programs that were found, each of which has run and told its version, now or when it was built.
#[derive(Debug, Clone)]
pub struct Programs {
    source: Source,
    paths: BTreeMap<Program, PathBuf>,
}

/// Where the servers (etcd, kube-apiserver, kube-controller-manager) come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nowhere: the cluster of this kubeconfig is to be used.
    Cluster(PathBuf),
    /// The folder that `KUBEBUILDER_ASSETS` names.
    Assets(PathBuf),
    /// The cache's folder, in which they were found or into which they were built.
    Cache(PathBuf),
}

impl Programs {
    /// Finds the programs; builds those that are missing, which takes minutes and says so on standard error.
    ///
    /// # Errors
    /// One line that says what is missing and what to do about it.
    pub fn find(environment: &Environment) -> Result<Self, Error> {
        if let Some(kubeconfig) = &environment.kubeconfig {
            Self::for_cluster(environment, kubeconfig)
        } else if let Some(folder) = &environment.assets {
            Self::from_assets(environment, folder)
        } else {
            let server = program::pinned_kubernetes()?;
            let paths = on_path(environment, &[Program::Kubectl, Program::Helm], server);
            Self::from_cache(environment, paths)
        }
    }

    /// Builds every program that the cache lacks, whatever else there is.
    ///
    /// # Errors
    /// As [`Programs::find`].
    pub fn build(environment: &Environment) -> Result<Self, Error> {
        Self::from_cache(environment, BTreeMap::new())
    }

    /// Where the servers come from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whether `program` was found.
    #[must_use]
    pub fn has(&self, program: Program) -> bool {
        self.paths.contains_key(&program)
    }

    /// The file of `program`.
    ///
    /// # Errors
    /// [`Error::Missing`] when it was not found; only tools and kube-controller-manager can be missing.
    pub fn path(&self, program: Program) -> Result<&Path, Error> {
        self.paths.get(&program).map(PathBuf::as_path).ok_or(Error::Missing(program))
    }

    /// All programs that were found, with their files.
    pub fn iter(&self) -> impl Iterator<Item = (Program, &Path)> {
        self.paths.iter().map(|(program, path)| (*program, path.as_path()))
    }

    fn for_cluster(environment: &Environment, kubeconfig: &Path) -> Result<Self, Error> {
        if !kubeconfig.is_file() {
            return Err(Error::NoKubeconfig(kubeconfig.to_owned()));
        }
        let mut paths = BTreeMap::new();
        // The cluster's version is not known before it is asked, and a kubectl is needed to ask.
        let kubectl = environment.search("kubectl").find(|path| {
            version::of_cluster(path, kubeconfig)
                .is_ok_and(|(found, server)| Program::Kubectl.fits(found, server))
        });
        paths.extend(kubectl.map(|path| (Program::Kubectl, path)));
        let server = program::pinned_kubernetes()?;
        paths.extend(on_path(environment, &[Program::Helm, Program::Kubeconform], server));
        if let Ok(cache) = Cache::open(environment) {
            for tool in Program::TOOLS {
                if let Some(path) = cache.get(tool) {
                    paths.entry(tool).or_insert(path);
                }
            }
        }
        Ok(Self { source: Source::Cluster(kubeconfig.to_owned()), paths })
    }

    fn from_assets(environment: &Environment, folder: &Path) -> Result<Self, Error> {
        let mut paths = BTreeMap::new();
        let mut server = None;
        for program in Program::ALL {
            let path = folder.join(program.name());
            if !path.is_file() {
                if program.always_needed() {
                    return Err(Error::AssetLacking { folder: folder.to_owned(), program });
                }
                continue;
            }
            let found = version::of(&path, program.version_arguments())
                .map_err(|reason| Error::Unfit { path: path.clone(), reason })?;
            if program == Program::KubeApiserver {
                server = Some(found);
            }
            paths.insert(program, path);
        }
        let server = match server {
            Some(version) => version,
            None => program::pinned_kubernetes()?,
        };
        for (program, path) in on_path(environment, &Program::TOOLS, server) {
            paths.entry(program).or_insert(path);
        }
        if let Ok(cache) = Cache::open(environment) {
            for tool in Program::TOOLS {
                if let Some(path) = cache.get(tool) {
                    paths.entry(tool).or_insert(path);
                }
            }
        }
        Ok(Self { source: Source::Assets(folder.to_owned()), paths })
    }

    fn from_cache(environment: &Environment, mut paths: BTreeMap<Program, PathBuf>) -> Result<Self, Error> {
        let cache = Cache::open(environment)?;
        let lacking = |paths: &mut BTreeMap<Program, PathBuf>| -> Vec<Program> {
            Program::ALL
                .into_iter()
                .filter(|program| {
                    if let (None, Some(path)) = (paths.get(program), cache.get(*program)) {
                        paths.insert(*program, path);
                    }
                    !paths.contains_key(program)
                })
                .collect()
        };
        let missing = lacking(&mut paths);
        if !missing.is_empty() {
            let go = build::go(environment, &missing)?;
            let _lock = cache.lock()?;
            // Whoever held the lock has most likely built them.
            let missing = lacking(&mut paths);
            if !missing.is_empty() {
                build::build(environment, &cache, &go, &missing)?;
                lacking(&mut paths);
            }
        }
        Ok(Self { source: Source::Cache(cache.folder().to_owned()), paths })
    }
}

/// The first of each of `programs` on PATH that runs and fits to a server of version `server`.
fn on_path(environment: &Environment, programs: &[Program], server: Version) -> BTreeMap<Program, PathBuf> {
    let find = |program: Program| {
        environment.search(program.name()).find(|path| {
            version::of(path, program.version_arguments()).is_ok_and(|found| program.fits(found, server))
        })
    };
    std::thread::scope(|scope| {
        let searches: Vec<_> =
            programs.iter().map(|program| (*program, scope.spawn(move || find(*program)))).collect();
        searches.into_iter().filter_map(|(program, search)| Some((program, search.join().ok()??))).collect()
    })
}
