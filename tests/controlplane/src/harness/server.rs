//! One program of a control plane: its process, its health, its log.

use std::{
    path::PathBuf,
    process::{Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use kube::Config;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};

use super::{Error, Part, kubeconfig};
use crate::lifeline::{Lifeline, Output, Supervised, tail};

/// Between two questions whether a server is ready.
const PAUSE: Duration = Duration::from_millis(50);

/// How to ask a server whether it is ready.
#[derive(Debug, Clone)]
pub(super) enum Health {
    /// Plain HTTP, on this port of loopback.
    Http { port: u16, path: &'static str },
    /// With this client.
    Https { config: Box<Config>, path: &'static str },
}

/// A program that can be started again and again, with the same data and the same port.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) part: Part,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) log: PathBuf,
    pub(super) health: Health,
    running: Mutex<Option<Arc<Running>>>,
}

/// A started process. Dropping the last handle kills it.
#[derive(Debug)]
struct Running {
    program: Option<Pid>,
    group: Option<Pid>,
    ended: watch::Receiver<Option<ExitStatus>>,
    waiter: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn new(
        part: Part,
        program: PathBuf,
        arguments: Vec<String>,
        log: PathBuf,
        health: Health,
    ) -> Self {
        Self { part, program, arguments, log, health, running: Mutex::new(None) }
    }

    /// Starts the process, unless it runs. It need not be ready afterwards.
    pub(super) fn spawn(&self, lifeline: &Lifeline) -> Result<(), Error> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref().is_some_and(|running| running.ended.borrow().is_none()) {
            return Ok(());
        }
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        let child = lifeline
            .spawn(&command, &self.log, Output::Log)
            .map_err(Error::io(format!("start {}", self.part)))?;
        *running = Some(Arc::new(Running::new(child)));
        Ok(())
    }

    /// Waits until the server says that it is ready.
    pub(super) async fn ready(&self, deadline: Duration) -> Result<(), Error> {
        let ended = self.end();
        let ready = async {
            // One client for all questions, since each costs a few milliseconds of certificates.
            let client = match &self.health {
                Health::Http { .. } => None,
                Health::Https { config, .. } => Some(kubeconfig::client((**config).clone())?),
            };
            while !self.healthy(client.as_ref()).await {
                sleep(PAUSE).await;
            }
            Ok(())
        };
        tokio::select! {
            ended = ended => Err(ended),
            ready = timeout(deadline, ready) => match ready {
                Ok(ready) => ready,
                Err(_) => Err(Error::NotReady { part: self.part, deadline }),
            }
        }
    }

    /// Waits until the process has ended, which nobody told it to, and tells how.
    pub(super) async fn end(&self) -> Error {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(running) = running else { return Error::NotRunning(self.part) };
        running.end().await;
        let status = *running.ended.borrow();
        let status = status.map_or_else(|| "an unknown status".to_owned(), |status| status.to_string());
        Error::Ended { part: self.part, status }
    }

    async fn healthy(&self, client: Option<&kube::Client>) -> bool {
        let ask = async {
            match (&self.health, client) {
                (Health::Http { port, path }, _) => http_ok(*port, path).await,
                (Health::Https { path, .. }, Some(client)) => {
                    let request = http::Request::get(*path).body(Vec::new());
                    match request {
                        Ok(request) => client.request_text(request).await.is_ok_and(|text| text == "ok"),
                        Err(_) => false,
                    }
                }
                (Health::Https { .. }, None) => false,
            }
        };
        timeout(Duration::from_secs(2), ask).await.unwrap_or(false)
    }

    /// SIGTERM, and waits for the end. A frozen one is thawed, since it would not hear.
    pub(super) async fn stop(&self, deadline: Duration) -> Result<(), Error> {
        let running = self.running()?;
        running.signal(Signal::TERM);
        running.signal(Signal::CONT);
        match timeout(deadline, running.end()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::NotStopped { part: self.part, deadline }),
        }
    }

    /// SIGKILL, and waits for the end.
    pub(super) async fn kill(&self) -> Result<(), Error> {
        let running = self.running()?;
        running.signal(Signal::KILL);
        running.end().await;
        Ok(())
    }

    /// Sends a signal to the program.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.running()?.signal(signal);
        Ok(())
    }

    /// The program's process, when it runs.
    pub(super) fn process(&self) -> Option<Pid> {
        self.running().ok()?.program
    }

    /// The end of its log, of all its starts.
    pub(super) fn log_tail(&self, lines: usize) -> String {
        tail(&self.log, lines)
    }

    fn running(&self) -> Result<Arc<Running>, Error> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running
            .as_ref()
            .filter(|running| running.ended.borrow().is_none())
            .cloned()
            .ok_or(Error::NotRunning(self.part))
    }
}

impl Running {
    fn new(mut child: Supervised) -> Self {
        let (sender, ended) = watch::channel(None);
        let (program, group) = (child.program(), child.group());
        // A thread and not a task: the runtime that starts the process may end before it.
        let waiter = std::thread::spawn(move || {
            let status = child.wait().unwrap_or_default();
            sender.send_replace(Some(status));
        });
        Self { program, group, ended, waiter: Some(waiter) }
    }

    fn signal(&self, signal: Signal) {
        if let (Some(program), None) = (self.program, *self.ended.borrow()) {
            let _ = kill_process(program, signal);
        }
    }

    async fn end(&self) {
        let _ = self.ended.clone().wait_for(Option::is_some).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let (Some(group), None) = (self.group, *self.ended.borrow()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        if let Some(waiter) = self.waiter.take() {
            let _ = waiter.join();
        }
    }
}

/// Whether `GET path` is answered with 200.
async fn http_ok(port: u16, path: &str) -> bool {
    let answer = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    answer.await.is_ok_and(|answer| answer.split(|byte| *byte == b' ').nth(1) == Some(b"200"))
}
