//! Children that end with this process, whatever ends it.
//!
//! A signal to a parent does not reach its children, and SIGKILL leaves a parent no time to end them. So each
//! program runs under a small shell, its supervisor, that holds the reading end of a pipe. Only this process
//! holds the writing end; when that closes, be it by `drop`, exit, panic or SIGKILL, the kernel tells the
//! supervisor, which kills its process group. One more shell, the sweeper, owns the folder. The writing end of its
//! pipe is held by this process, every supervisor and every program; so it removes the folder when all are gone.
//!
//! Both shells have process groups of their own and ignore the terminal's signals.

use std::{
    ffi::OsStr,
    fs, io,
    io::{BufRead, BufReader, PipeWriter},
    os::{fd::AsFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// `$1`: the folder. Further arguments: a command to run before it is removed.
const SWEEPER: &str = r#"
trap '' HUP INT TERM
PATH=${PATH:+$PATH:}/usr/bin:/bin
folder=$1; shift
mkdir -m 700 -- "$folder" 2>&1 || exit 1
echo ready
exec >/dev/null
cat >/dev/null
[ $# -eq 0 ] || "$@" </dev/null >/dev/null 2>&1
rm -rf -- "$folder"
"#;

/// `$1`: the log file. `$2`: where the program's standard output goes, `log` or `through`. The rest: the program.
/// What the program started and left is ended with it. Standard error is the sweeper's pipe; the program gets it too,
/// as descriptor 3, so that the sweeper waits for it.
const SUPERVISOR: &str = r#"
log=$1 output=$2; shift 2
exec 4<&0
if [ "$output" = log ]; then
  "$@" 3>&2 4<&- </dev/null >>"$log" 2>&1 &
else
  "$@" 3>&2 4<&- </dev/null 2>>"$log" &
fi
program=$!
{ trap '' HUP INT TERM; read -r _ <&4; kill -KILL 0; } >/dev/null &
watch=$!
trap '' HUP INT TERM
if [ "$output" = log ]; then echo "$program"; fi
exec >/dev/null 4<&-
wait "$program"
status=$?
kill -TERM 0
kill -KILL "$watch"
exit "$status"
"#;

/// A private folder, and programs, that vanish with this value or with this process.
#[derive(Debug)]
pub struct Lifeline {
    folder: PathBuf,
    hold: Option<PipeWriter>,
    sweeper: Child,
}

/// Where a program's standard output goes. Its standard error always goes to its log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Into the log file as well.
    Log,
    /// To this process's standard error, past a test's output capture.
    Stderr,
}

/// A program under its supervisor. Dropping it kills the program.
#[derive(Debug)]
pub struct Supervised {
    /// The supervisor's process, which ends with the program's exit code (128 + n for signal n).
    supervisor: Child,
    program: Option<Pid>,
    hold: Option<PipeWriter>,
    ended: Option<ExitStatus>,
}

impl Lifeline {
    /// Makes `folder`, for this user only; its parent must exist. `farewell`, a program with its arguments, is run
    /// once all is ended and before the folder is removed; empty for none.
    ///
    /// # Errors
    /// When `/bin/sh` cannot be started, or the folder cannot be made: it must not exist.
    pub fn new<S: AsRef<OsStr>>(folder: &Path, farewell: &[S]) -> io::Result<Self> {
        let (reader, hold) = io::pipe()?;
        let mut sweeper = shell(SWEEPER)
            .arg(folder)
            .args(farewell)
            .stdin(Stdio::from(reader))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let line = first_line(&mut sweeper)?;
        if line != "ready" {
            sweeper.wait()?;
            return Err(io::Error::other(line));
        }
        Ok(Self { folder: folder.to_owned(), hold: Some(hold), sweeper })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts `program`; its output is appended to the file `log`.
    ///
    /// A program that cannot be executed is no error here: it ends with code 126 or 127 and a line in its log.
    ///
    /// # Errors
    /// When `/bin/sh` cannot be started.
    pub fn spawn(&self, program: &Command, log: &Path, output: Output) -> io::Result<Supervised> {
        let (reader, hold) = io::pipe()?;
        let Some(sweeper) = &self.hold else { return Err(io::Error::other("the lifeline has ended")) };
        let mut command = shell(SUPERVISOR);
        command
            .arg(log)
            .arg(if output == Output::Log { "log" } else { "through" })
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::from(reader))
            .stderr(Stdio::from(sweeper.try_clone()?))
            .stdout(match output {
                Output::Log => Stdio::piped(),
                Output::Stderr => Stdio::from(io::stderr().as_fd().try_clone_to_owned()?),
            });
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut supervisor = command.spawn()?;
        let mut program = None;
        if output == Output::Log {
            program = first_line(&mut supervisor)?.parse().ok().and_then(Pid::from_raw);
        }
        Ok(Supervised { supervisor, program, hold: Some(hold), ended: None })
    }
}

impl Drop for Lifeline {
    /// Waits until the folder is gone. All [`Supervised`] of this value must be dropped before, or this waits for
    /// them to end.
    fn drop(&mut self) {
        self.hold = None;
        let _ = self.sweeper.wait();
    }
}

impl Supervised {
    /// The program's own process; none with [`Output::Stderr`].
    #[must_use]
    pub fn program(&self) -> Option<Pid> {
        self.program
    }

    /// The process group of the program and its supervisor.
    #[must_use]
    pub fn group(&self) -> Option<Pid> {
        i32::try_from(self.supervisor.id()).ok().and_then(Pid::from_raw)
    }

    /// Waits for the program to end.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.supervisor.wait()?;
        self.ended = Some(status);
        Ok(status)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.hold = None;
        if self.ended.is_none() {
            if let Some(group) = self.group() {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.supervisor.wait();
        }
    }
}

/// The last `lines` lines of a log file, of which at most the last 64 KiB are read; empty when there is none.
#[must_use]
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let mut bytes = Vec::new();
    let read = fs::File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(64 * 1024)))?;
        file.read_to_end(&mut bytes)
    });
    if read.is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg("sh").process_group(0);
    command
}

fn first_line(child: &mut Child) -> io::Result<String> {
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    Ok(line.trim_end().to_owned())
}
