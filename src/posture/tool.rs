//! Runs external tools: without a shell, with a time limit and a limit on their output, and never a second instance of
//! a tool that hangs.

use crate::sandbox::helper::{self, ToolOutput, ToolRun};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Time limit of a tool.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// How long a killed tool may take to exit.
const KILL_TIME: Duration = Duration::from_millis(500);
/// Interval between checks whether the tool has exited.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Maximum bytes of output kept; the rest is read and discarded.
const MAX_OUTPUT: usize = 4 << 20;
/// Directories searched in addition to the search path, which may be short in a service.
const STANDARD_DIRECTORIES: [&str; 5] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/run/current-system/sw/bin"];

/// The first line of a tool's error output or, if that is empty, of its output.
pub(super) fn first_line(result: &ToolOutput) -> String {
    let lines = result.error.lines().chain(result.output.lines()).map(str::trim);
    let line = lines.into_iter().find(|line| !line.is_empty()).unwrap_or("no error message");
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// State of a tool that exceeded the time limit.
enum TimedOut {
    /// It was killed and has exited: it may be retried in the next round.
    Killed,
    /// It was killed but has not exited (it is blocked in the kernel): it is not started again before it exits.
    Running(Child),
}

/// Runs the tools of this machine.
pub struct Tools {
    directories: Vec<PathBuf>,
    limit: Duration,
    /// Tools that exceeded the time limit, by program.
    timed_out: BTreeMap<String, TimedOut>,
    /// Errors of this round from the helper, by program: one that hangs is not waited for again.
    failed: BTreeMap<String, String>,
}

impl Tools {
    /// Looks for tools in the search path and in the standard directories.
    pub fn of_this_machine() -> Tools {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let absolute = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
        Tools::in_directories(absolute.chain(STANDARD_DIRECTORIES.map(PathBuf::from)).collect())
    }

    /// Looks for tools in these directories.
    pub(super) fn in_directories(directories: Vec<PathBuf>) -> Tools {
        Tools { directories, limit: TIME_LIMIT, timed_out: BTreeMap::new(), failed: BTreeMap::new() }
    }

    /// Begins a round of checks: tools that exceeded the time limit may be retried if they have exited.
    pub(super) fn begin_round(&mut self) {
        self.failed.clear();
        self.timed_out.retain(|_, timed_out| match timed_out {
            TimedOut::Killed => false,
            TimedOut::Running(child) => matches!(child.try_wait(), Ok(None)),
        });
    }

    /// Runs a program. `Err` says why there is no result.
    pub(super) fn run(&mut self, program: &str, arguments: &[&str]) -> Result<ToolOutput, String> {
        let request =
            ToolRun { program: program.to_owned(), arguments: arguments.iter().map(ToString::to_string).collect() };
        if let Some(error) = self.failed.get(program) {
            return Err(error.clone());
        }
        let Some(result) = helper::run_tool(&request) else { return self.run_here(program, arguments) };
        if let Err(error) = &result {
            self.failed.insert(program.to_owned(), error.clone());
        }
        result
    }

    /// Runs a program in this process.
    pub(super) fn run_here(&mut self, program: &str, arguments: &[&str]) -> Result<ToolOutput, String> {
        match self.timed_out.get(program) {
            Some(TimedOut::Killed) => {
                return Err(format!("{program} did not respond to an earlier check of this round"));
            }
            Some(TimedOut::Running(_)) => {
                return Err(format!("{program} has hung since an earlier check and cannot be killed"));
            }
            None => {}
        }
        let mut files = self.directories.iter().map(|directory| directory.join(program));
        let file = files.find(|file| file.is_file()).ok_or_else(|| format!("{program} is not installed"))?;
        let mut child = Command::new(file)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{program} cannot be run: {error}"))?;
        let (mut output, mut error) = (Vec::new(), Vec::new());
        if let Some(status) = wait_for_exit(&mut child, self.limit, &mut output, &mut error) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            return Ok(ToolOutput { success: status.success(), output: text(&output), error: text(&error) });
        }
        // With what it has started. An error means that it has exited in the meantime.
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let has_exited = wait_for_exit(&mut child, KILL_TIME, &mut output, &mut error).is_some();
        self.timed_out.insert(program.to_owned(), if has_exited { TimedOut::Killed } else { TimedOut::Running(child) });
        Err(format!("{program} did not respond within {} s", self.limit.as_secs_f64()))
    }
}

#[expect(clippy::disallowed_methods, reason = "only limits how long a tool may run")]
fn now() -> Instant {
    Instant::now()
}

/// Collects the output of a child until it exits; `None` if it does not exit within `limit`.
fn wait_for_exit(child: &mut Child, limit: Duration, output: &mut Vec<u8>, error: &mut Vec<u8>) -> Option<ExitStatus> {
    let start = now();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    loop {
        // The end of the child counts, even if other processes still hold its pipes.
        let exited = child.try_wait().ok().flatten();
        let mut idle = true;
        if read_available(&mut stdout, output) {
            idle = false;
        }
        if read_available(&mut stderr, error) {
            idle = false;
        }
        if idle && exited.is_some() {
            return exited;
        }
        if now().saturating_duration_since(start) >= limit {
            return exited;
        }
        if idle {
            wait_for_output(&stdout, &stderr);
        }
    }
}

/// Waits until one of the pipes has data, at most for the poll interval.
fn wait_for_output(stdout: &Option<impl AsFd>, stderr: &Option<impl AsFd>) {
    let pipes = [stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)];
    let mut pipes: Vec<PollFd<'_>> =
        pipes.into_iter().flatten().map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN)).collect();
    let step = Timespec { tv_sec: 0, tv_nsec: POLL_INTERVAL.subsec_nanos().into() };
    // A signal ends the wait early, which is harmless.
    let _ = poll(&mut pipes, Some(&step));
}

/// Reads what a pipe has available; returns whether there was anything. A pipe at its end is closed.
fn read_available(pipe: &mut Option<impl Read + AsFd>, to: &mut Vec<u8>) -> bool {
    let Some(open) = pipe else { return false };
    let mut ready = [PollFd::new(&*open, PollFlags::IN)];
    let no_wait = Timespec { tv_sec: 0, tv_nsec: 0 };
    if !matches!(poll(&mut ready, Some(&no_wait)), Ok(1..)) {
        return false;
    }
    let mut buffer = [0; 16384];
    match open.read(&mut buffer) {
        Ok(0) | Err(_) => {
            *pipe = None;
            false
        }
        Ok(length) => {
            let room = MAX_OUTPUT.saturating_sub(to.len());
            to.extend_from_slice(buffer.get(..length.min(room)).unwrap_or_default());
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::watch::tests::Root;

    fn tools(root: &Root) -> Tools {
        Tools { limit: Duration::from_millis(300), ..Tools::in_directories(vec![root.path().to_owned()]) }
    }

    #[test]
    fn output_and_exit_status_are_returned() {
        let root = Root::new("tool");
        root.script("speaks", "echo \"out $1\"; echo 'oh no' >&2; exit 3");
        root.script("chatters", "head -c 9000000 /dev/zero");
        let mut tools = tools(&root);
        let result = tools.run("speaks", &["a b; exit 0"]).expect("an answer");
        assert_eq!(
            (result.success, result.output.as_str(), first_line(&result).as_str()),
            (false, "out a b; exit 0\n", "oh no")
        );
        tools.limit = TIME_LIMIT;
        let result = tools.run("chatters", &[]).expect("an answer");
        assert_eq!((result.success, result.output.len()), (true, MAX_OUTPUT));
        assert_eq!(tools.run("is-not-there", &[]).err(), Some("is-not-there is not installed".to_owned()));
    }

    #[test]
    fn a_tool_that_hangs_is_killed_and_not_retried_in_this_round() {
        let root = Root::new("hangs");
        root.script("hangs", "echo x >> \"$0.runs\"; exec sleep 1000");
        root.script("ends", "sleep 1000 & exit 0");
        let mut tools = tools(&root);
        let runs = || std::fs::read_to_string(root.path().join("hangs.runs")).unwrap_or_default().lines().count();
        assert_eq!(tools.run("hangs", &[]).err(), Some("hangs did not respond within 0.3 s".to_owned()));
        assert_eq!(
            tools.run("hangs", &[]).err(),
            Some("hangs did not respond to an earlier check of this round".to_owned())
        );
        assert_eq!(runs(), 1);
        tools.begin_round();
        assert!(tools.run("hangs", &[]).is_err());
        assert_eq!(runs(), 2);
        // A process that it leaves behind may keep its pipes open, which must not block.
        assert!(tools.run("ends", &[]).is_ok_and(|result| result.success));
    }
}
