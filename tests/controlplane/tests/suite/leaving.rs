//! Nothing is left behind, whatever ends the process that started a control plane or a build.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use controlplane::{ControlPlane, Part};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::{
    PLANE,
    fakes::Fakes,
    starts_for,
    watching::{processes_of, until},
};

/// A control plane in a process of its own.
struct Victim {
    process: Child,
    folder: PathBuf,
}

impl Victim {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_controlplane"))
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the program");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let kubeconfig = line.trim().strip_prefix("export KUBECONFIG=").expect("the kubeconfig");
        let folder = Path::new(kubeconfig).parent().expect("its folder").to_owned();
        // Three programs with a supervisor and a watch each, and the sweeper.
        assert!(processes_of(&folder).len() >= 7, "{:#?}", processes_of(&folder));
        Self { process, folder }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn gone(&self) -> bool {
        gone(&self.folder)
    }
}

fn gone(folder: &Path) -> bool {
    !folder.exists() && processes_of(folder).is_empty()
}

#[tokio::test]
async fn killed() {
    if !starts_for("killed") {
        return;
    }
    let mut victim = Victim::start();
    kill_process(victim.pid(), Signal::KILL).expect("the victim");
    victim.process.wait().expect("its end");
    until("nothing is left", async || victim.gone()).await;
}

#[tokio::test]
async fn killed_with_a_frozen_part() {
    if !starts_for("killed_with_a_frozen_part") {
        return;
    }
    let mut victim = Victim::start();
    let etcd = processes_of(&victim.folder)
        .into_iter()
        .find(|line| line.contains("/etcd ") && !line.contains("sh -c"))
        .expect("etcd");
    let etcd = etcd.split_whitespace().next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    kill_process(etcd.expect("its process"), Signal::STOP).expect("etcd");
    kill_process(victim.pid(), Signal::KILL).expect("the victim");
    victim.process.wait().expect("its end");
    until("nothing is left", async || victim.gone()).await;
}

#[tokio::test]
async fn interrupted_as_by_a_terminal() {
    if !starts_for("interrupted_as_by_a_terminal") {
        return;
    }
    for signal in [Signal::INT, Signal::TERM] {
        let mut victim = Victim::start();
        kill_process_group(victim.pid(), signal).expect("the victim");
        assert!(victim.process.wait().expect("its end").success());
        // At once, since it cleans up before it ends.
        assert!(victim.gone(), "{:#?}", processes_of(&victim.folder));
    }
}

#[tokio::test]
async fn interrupted_while_it_starts() {
    if !starts_for("interrupted_while_it_starts") {
        return;
    }
    let mut process = Command::new(env!("CARGO_BIN_EXE_controlplane"))
        .stdout(Stdio::null())
        .env("TMPDIR", std::env::temp_dir())
        .spawn()
        .expect("the program");
    let prefix = std::env::temp_dir().join("controlplane-");
    let parent = process.id();
    // Its supervisors are its children.
    let ours = || {
        let output = Command::new("ps").args(["-axww", "-o", "ppid=,args="]).output().expect("ps runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| {
            line.trim_start().starts_with(&format!("{parent} ")) && line.contains("kube-apiserver.log")
        });
        let folder = line?.split_whitespace().find(|word| word.starts_with(&*prefix.to_string_lossy()))?;
        Some(Path::new(folder).parent()?.parent()?.to_owned())
    };
    let mut folder = None;
    until("the API server is started", async || {
        folder = ours();
        folder.is_some()
    })
    .await;
    let folder = folder.expect("a folder");
    kill_process(Pid::from_child(&process), Signal::KILL).expect("the program");
    process.wait().expect("its end");
    until("nothing is left", async || gone(&folder)).await;
}

/// Runs itself in a process of its own, in which it panics.
#[tokio::test]
async fn a_panicking_test_shows_the_logs() {
    if !starts_for("a_panicking_test_shows_the_logs") {
        return;
    }
    const INSIDE: &str = "CONTROLPLANE_TEST_PANICS";
    if std::env::var_os(INSIDE).is_some() {
        let plane = PLANE.get().await.expect("a control plane");
        println!("folder={}", plane.folder().display());
        assert!(plane.process(Part::Etcd).is_none(), "this is the panic");
    }
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "leaving::a_panicking_test_shows_the_logs", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("this test");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("this is the panic"), "{said}");
    for part in [Part::Etcd, Part::ApiServer] {
        assert!(said.contains(&format!("the last lines of {part}'s log")), "{said}");
    }
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let folder = printed.lines().find_map(|line| line.split_once("folder=")).expect("the folder").1;
    let folder = Path::new(folder);
    until("nothing is left", async || gone(folder)).await;
}

#[tokio::test]
async fn a_panic_of_the_owner_leaves_nothing_at_once() {
    if !starts_for("a_panic_of_the_owner_leaves_nothing_at_once") {
        return;
    }
    let plane = ControlPlane::builder().start().await.expect("a control plane");
    let folder = plane.folder().to_owned();
    let panicked = std::thread::spawn(move || {
        let _plane = plane;
        panic!("as a test may");
    });
    panicked.join().expect_err("a panic");
    assert!(gone(&folder), "{:#?}", processes_of(&folder));
}

#[tokio::test]
async fn a_build_that_is_killed() {
    let fakes = Fakes::new();
    let sleeper = fakes.folder().join("sleeper");
    fakes.go("go1.26.8", &format!("echo $$ >'{}'; exec sleep 1000", sleeper.display()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_controlplane"));
    fakes.apply(&mut command);
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program");
    let pid = async || fs::read_to_string(&sleeper).ok().and_then(|text| text.trim().parse::<i32>().ok());
    until("Go runs", async || pid().await.is_some()).await;
    let pid = pid().await.expect("its process").to_string();
    kill_process(Pid::from_child(&process), Signal::KILL).expect("the program");
    process.wait().expect("its end");
    until("Go has ended", async || {
        let output = Command::new("ps").args(["-o", "stat=", "-p", &pid]).output().expect("ps runs");
        let state = String::from_utf8_lossy(&output.stdout).into_owned();
        state.trim().is_empty() || state.starts_with('Z')
    })
    .await;
    until("only the lock and the empty folder are left", async || {
        let entries = fs::read_dir(fakes.cache()).expect("the cache").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("building-")).count() == 0
    })
    .await;
    let lock = File::open(fakes.cache().join("lock")).expect("the lock");
    lock.try_lock().expect("a free lock");
}

#[tokio::test]
async fn who_waits_says_for_whom_and_a_failed_start_is_one_line_below_the_logs() {
    let fakes = Fakes::new();
    fakes.go("go1.26.8", "");
    fs::create_dir_all(fakes.cache()).expect("the cache");
    let lock = File::create(fakes.cache().join("lock")).expect("the lock");
    lock.lock().expect("a free lock");
    fs::write(fakes.cache().join("lock"), "process 4711\n").expect("the lock");
    let mut command = Command::new(env!("CARGO_BIN_EXE_controlplane"));
    fakes.apply(&mut command);
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program");
    let mut output = BufReader::new(process.stderr.take().expect("its output"));
    let mut said = String::new();
    output.read_line(&mut said).expect("a line");
    assert!(said.starts_with("waiting for process 4711, which builds"), "{said}");
    assert!(fakes.built().is_empty());
    drop(lock);
    // The fake etcd prints a version and ends.
    output.read_to_string(&mut said).expect("lines");
    assert_eq!(process.wait().expect("its end").code(), Some(1));
    assert!(said.contains("building kube-apiserver (2 of 6"), "{said}");
    assert!(said.contains("the last lines of etcd's log ---\nv1.37.2"), "{said}");
    let last = said.lines().last().expect("a line");
    assert!(last.starts_with("controlplane: etcd ended with exit status: 0 before it was ready"), "{last}");
}
