//! Where programs are found, and what is said when they are not. No real program is used.

use std::fs;

use controlplane::{
    Environment, Program, Programs,
    programs::{Error, Source},
};

use crate::fakes::{Fakes, script};

const ALL: [&str; 6] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm", "kubeconform"];

fn line(found: Result<Programs, Error>) -> String {
    let line = found.expect_err("nothing to be found").to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

fn with_assets(fakes: &Fakes) -> Environment {
    Environment { assets: Some(fakes.assets()), ..fakes.environment() }
}

#[test]
fn an_existing_cluster_comes_first() {
    let fakes = Fakes::new();
    let kubeconfig = fakes.folder().join("kubeconfig");
    fs::write(&kubeconfig, "{}").expect("a file");
    fakes.asset("etcd", "etcd Version: 3.7.3");
    let environment = Environment { kubeconfig: Some(kubeconfig.clone()), ..with_assets(&fakes) };
    let programs = Programs::find(&environment).expect("a cluster");
    assert_eq!(*programs.source(), Source::Cluster(kubeconfig));
    assert!(!programs.has(Program::Etcd));
}

#[test]
fn a_kubeconfig_that_is_not_there_is_named() {
    let fakes = Fakes::new();
    let kubeconfig = fakes.folder().join("nowhere");
    let said = line(Programs::find(&Environment { kubeconfig: Some(kubeconfig), ..fakes.environment() }));
    assert!(said.contains("CONTROLPLANE_KUBECONFIG") && said.contains("nowhere"), "{said}");
}

#[test]
fn kubectl_of_the_cluster_is_one_that_fits_its_server() {
    let fakes = Fakes::new();
    let kubeconfig = fakes.folder().join("kubeconfig");
    fs::write(&kubeconfig, "{}").expect("a file");
    let environment = Environment { kubeconfig: Some(kubeconfig), ..fakes.environment() };
    fakes.on_path("kubectl", "Client Version: v1.33.0\nServer Version: v1.30.1");
    assert!(!Programs::find(&environment).expect("a cluster").has(Program::Kubectl));
    fakes.on_path("kubectl", "Client Version: v1.31.0\nServer Version: v1.30.1");
    assert!(Programs::find(&environment).expect("a cluster").has(Program::Kubectl));
}

#[test]
fn assets_come_before_the_cache_and_need_no_controller_manager() {
    let fakes = Fakes::new();
    fakes.go("go1.26.8", "");
    fakes.asset("etcd", "etcd Version: 3.7.3");
    fakes.asset("kube-apiserver", "Kubernetes v1.37.2");
    fakes.asset("kubectl", "Client Version: v1.37.2");
    let programs = Programs::find(&with_assets(&fakes)).expect("assets");
    assert_eq!(*programs.source(), Source::Assets(fakes.assets()));
    assert_eq!(programs.path(Program::Etcd).expect("etcd"), fakes.assets().join("etcd"));
    assert_eq!(programs.path(Program::Kubectl).expect("kubectl"), fakes.assets().join("kubectl"));
    assert!(!programs.has(Program::KubeControllerManager));
    let said = programs.path(Program::Helm).expect_err("no helm").to_string();
    assert!(said.starts_with("helm is needed") && said.lines().count() == 1, "{said}");
    assert!(fakes.built().is_empty());
}

#[test]
fn assets_that_are_not_there_or_do_not_run_are_named() {
    let fakes = Fakes::new();
    fakes.asset("etcd", "etcd Version: 3.7.3");
    let said = line(Programs::find(&with_assets(&fakes)));
    assert!(said.contains("KUBEBUILDER_ASSETS") && said.contains("no kube-apiserver"), "{said}");

    let silent = fakes.asset("kube-apiserver", "hello");
    let said = line(Programs::find(&with_assets(&fakes)));
    assert!(said.contains(&silent.display().to_string()) && said.contains("no version"), "{said}");

    script(&silent, "echo v1.37.2; exit 3");
    assert!(line(Programs::find(&with_assets(&fakes))).contains("fails"));

    // Not a program at all.
    fs::remove_file(&silent).expect("the old one");
    fs::write(&silent, "no program").expect("a file");
    assert!(line(Programs::find(&with_assets(&fakes))).contains("does not run"));
}

#[test]
fn kubectl_and_helm_on_path_are_used_when_they_fit() {
    let fakes = Fakes::new();
    fakes.asset("etcd", "etcd Version: 3.7.3");
    fakes.asset("kube-apiserver", "Kubernetes v1.37.2");
    for (kubectl, helm, fit) in [
        ("Client Version: v1.32.4-dispatcher", "v3.22.0+gabc", false),
        ("Client Version: v1.35.0", "v5.0.0", false),
        ("no version", "no version", false),
        ("Client Version: v1.36.9", "v4.0.1+gabc", true),
        ("Client Version: v1.38.0", "v4.3.1", true),
    ] {
        let paths = [fakes.on_path("kubectl", kubectl), fakes.on_path("helm", helm)];
        let programs = Programs::find(&with_assets(&fakes)).expect("assets");
        for (program, path) in [Program::Kubectl, Program::Helm].into_iter().zip(paths) {
            assert_eq!(programs.path(program).ok(), fit.then_some(path.as_path()), "{kubectl}, {helm}");
        }
    }
}

#[test]
fn the_next_on_path_is_used_when_the_first_does_not_fit() {
    let fakes = Fakes::new();
    fakes.asset("etcd", "etcd Version: 3.7.3");
    fakes.asset("kube-apiserver", "Kubernetes v1.37.2");
    fakes.on_path("kubectl", "Client Version: v1.20.0");
    let second = fakes.folder().join("second");
    fs::create_dir(&second).expect("a folder");
    let fit = script(&second.join("kubectl"), "echo 'Client Version: v1.37.0'");
    let mut environment = with_assets(&fakes);
    environment.path = std::env::join_paths([fakes.folder().join("path"), second]).expect("a PATH");
    let programs = Programs::find(&environment).expect("assets");
    assert_eq!(programs.path(Program::Kubectl).expect("kubectl"), fit);
}

#[test]
fn without_go_one_line_says_what_to_install() {
    let fakes = Fakes::new();
    let said = line(Programs::find(&fakes.environment()));
    for word in ["kube-apiserver", "install Go 1.26", "KUBEBUILDER_ASSETS", "CONTROLPLANE_KUBECONFIG"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn an_old_go_is_named_with_the_version_that_is_needed() {
    let fakes = Fakes::new();
    fakes.go("go1.24.1", "");
    let said = line(Programs::find(&fakes.environment()));
    assert!(said.contains("Go 1.24.1") && said.contains("Go 1.26"), "{said}");
}

#[test]
fn without_a_cache_folder_one_line_says_so() {
    let fakes = Fakes::new();
    fakes.go("go1.26.8", "");
    let said = line(Programs::find(&Environment { cache: None, home: None, ..fakes.environment() }));
    assert!(said.contains("XDG_CACHE_HOME") && said.contains("HOME"), "{said}");
}

#[test]
fn without_a_home_go_is_told_where_to_keep_things() {
    let fakes = Fakes::new();
    let note = fakes.folder().join("note");
    fakes.go("go1.26.8", &format!(r#"echo "$GOPATH $GOCACHE" >'{}'"#, note.display()));
    Programs::find(&Environment { home: None, ..fakes.environment() }).expect("a build");
    let told = fs::read_to_string(note).expect("a note");
    if std::env::var_os("GOPATH").is_none() {
        let folders: Vec<_> = told.split_whitespace().collect();
        assert_eq!(folders.len(), 2, "{told}");
        assert!(
            folders.iter().all(|folder| folder.starts_with(&*fakes.folder().to_string_lossy())),
            "{told}"
        );
    }
}

#[test]
fn what_is_built_once_is_found_later_even_without_go() {
    let fakes = Fakes::new();
    fakes.go("go1.26.8", "");
    let programs = Programs::find(&fakes.environment()).expect("a build");
    assert_eq!(fakes.built(), ALL);
    let Source::Cache(folder) = programs.source() else { panic!("not from the cache: {programs:?}") };
    assert_eq!(folder.parent(), Some(fakes.cache().as_path()));
    assert!(folder.to_string_lossy().ends_with("-go1.26.8"), "{folder:?}");
    assert!(
        Program::ALL.iter().all(|program| programs.path(*program).is_ok_and(|path| path.starts_with(folder)))
    );

    let again = Programs::find(&fakes.environment()).expect("the cache");
    assert_eq!(again.source(), programs.source());
    fs::remove_file(fakes.path("go")).expect("no Go");
    let without = Programs::find(&fakes.environment()).expect("the cache");
    assert_eq!(without.source(), programs.source());
    assert_eq!(fakes.built(), ALL);

    fakes.go("go1.27.0", "");
    let newer = Programs::find(&fakes.environment()).expect("another build");
    assert_ne!(newer.source(), programs.source());
    assert_eq!(fakes.built().len(), 12);

    let left: Vec<_> =
        fs::read_dir(fakes.cache()).expect("the cache").flatten().map(|it| it.file_name()).collect();
    assert_eq!(left.len(), 3, "two folders and the lock: {left:?}");
}

#[test]
fn what_is_on_path_and_fits_is_not_built() {
    let fakes = Fakes::new();
    fakes.go("go1.26.8", "");
    let helm = fakes.on_path("helm", "v4.1.0");
    let programs = Programs::find(&fakes.environment()).expect("a build");
    assert_eq!(programs.path(Program::Helm).expect("helm"), helm);
    assert!(!fakes.built().contains(&"helm".to_owned()));
    assert_eq!(fakes.built().len(), 5);
    // Unless it is asked for.
    Programs::build(&fakes.environment()).expect("a build");
    assert_eq!(fakes.built().last().map(String::as_str), Some("helm"));
}

#[test]
fn a_failed_build_is_one_line_and_keeps_what_it_finished() {
    let fakes = Fakes::new();
    fakes.go("go1.26.8", r#"[ "$name" != kubectl ] || { echo "no space left" >&2; exit 7; }"#);
    let said = line(Programs::find(&fakes.environment()));
    assert!(said.contains("building kubectl failed") && said.contains("exit code 7"), "{said}");
    assert_eq!(fakes.built(), &ALL[..3]);
    fakes.go("go1.26.8", "");
    Programs::find(&fakes.environment()).expect("the rest");
    assert_eq!(fakes.built(), ALL);
}

#[test]
fn a_program_that_does_not_run_is_not_kept() {
    let fakes = Fakes::new();
    fakes.go("go1.26.8", r#"[ "$name" != helm ] || { echo 'exit 1' >"$2"; chmod +x "$2"; exit 0; }"#);
    let said = line(Programs::find(&fakes.environment()));
    assert!(said.contains("helm is of no use"), "{said}");
    fakes.go("go1.26.8", "");
    assert!(Programs::find(&fakes.environment()).is_ok());
    assert_eq!(fakes.built().iter().filter(|name| *name == "etcd").count(), 1);
}

#[test]
fn two_builds_at_once_are_one() {
    let fakes = Fakes::new();
    fakes.go("go1.26.8", "sleep 0.2");
    std::thread::scope(|scope| {
        let finds: Vec<_> = (0..4).map(|_| scope.spawn(|| Programs::find(&fakes.environment()))).collect();
        for find in finds {
            find.join().expect("no panic").expect("the programs");
        }
    });
    assert_eq!(fakes.built(), ALL);
}
