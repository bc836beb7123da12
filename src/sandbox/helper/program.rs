//! Runs hooks: programs of the operator, with a limit for their time and for what they write, and an end for everything that they
//! start.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, set_child_subreaper, waitpid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often to check whether a program has exited.
const POLL: Duration = Duration::from_millis(10);
/// Octets of its standard error that are passed on; the rest is read and discarded, so that the log is not filled.
const MAX_STDERR: usize = 16 << 10;
/// How long what a hook has left behind may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(1);
/// Marks the processes of one run, whatever group or session they have moved to.
const MARK: &str = "PEGEL_HOOK_RUN";

/// One run of a hook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HookRun {
    /// The hook's name.
    pub name: String,
    /// Arguments after the configured ones.
    pub arguments: Vec<String>,
    /// Environment variables beside PATH, HOME, LANG and TZ.
    pub environment: Vec<(String, String)>,
    /// Seconds after which it is killed.
    pub limit_seconds: u32,
}

/// How a hook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its status as wait(2) reports it; `None`: it was killed at its limit.
    pub status: Option<i32>,
}

impl Ended {
    /// Its exit status; `None`: it was killed at its limit.
    pub fn exit(self) -> Option<ExitStatus> {
        self.status.map(ExitStatus::from_raw)
    }
}

/// Runs `command` to its end, and ends what it leaves behind.
pub(super) fn run(command: &[String], run: &HookRun, input: File) -> io::Result<Ended> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    // What loses its parent becomes a child of this process, so that it is found among its descendants, and is reaped.
    let _ = set_child_subreaper(Some(rustix::process::getpid()));
    let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("the hook has no program"))?;
    let mark = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
    let inherited = ["PATH", "HOME", "LANG", "TZ"].map(|name| (name, std::env::var_os(name)));
    let mut child = Command::new(program)
        .args(arguments)
        .args(&run.arguments)
        .env_clear()
        .envs(inherited.into_iter().filter_map(|(name, value)| Some((name, value?))))
        .envs(run.environment.iter().map(|(name, value)| (name, value)))
        .env(MARK, &mark)
        // A file in memory: unlike with a pipe, the program need not read it.
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if let Some(errors) = child.stderr.take() {
        let name = run.name.clone();
        // It ends when the last process with this pipe does; all are ended below.
        let _ = std::thread::Builder::new().name("hook-errors".to_owned()).spawn(move || pass_on(errors, &name));
    }
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let status = wait(&mut child, Duration::from_secs(run.limit_seconds.into()))?;
    if status.is_none() {
        if let Some(group) = group {
            // Fails only if all its processes have just exited.
            let _ = kill_process_group(group, Signal::KILL);
        }
        child.wait()?;
    }
    end_others(group, &mark);
    Ok(Ended { status: status.map(ExitStatusExt::into_raw) })
}

#[expect(clippy::disallowed_methods, reason = "only limits how long a program may run")]
fn now() -> Instant {
    Instant::now()
}

/// Waits for the program to exit; `None` at the time limit.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let start = now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if now().saturating_duration_since(start) >= limit {
            return Ok(None);
        }
        std::thread::park_timeout(POLL);
    }
}

/// Passes the beginning of a program's standard error on, line by line, and reads the rest.
fn pass_on(mut errors: ChildStderr, hook: &str) {
    let (mut buffer, mut passed) = ([0; 4096], 0);
    while let Ok(length @ 1..) = errors.read(&mut buffer) {
        let room = MAX_STDERR.saturating_sub(passed);
        // Where standard error is closed, it is lost.
        let _ = io::stderr().write_all(buffer.get(..length.min(room)).unwrap_or_default());
        passed += length.min(room);
        if length > room && room > 0 {
            let _ = writeln!(io::stderr(), "\npegel: hook {hook}: the rest of its standard error is discarded");
        }
    }
}

/// Ends the processes that a run has left: its group, and those that have left the group, by their mark.
fn end_others(group: Option<Pid>, mark: &str) {
    let start = now();
    let mut signal = Signal::TERM;
    let mut seen = BTreeSet::new();
    loop {
        let marked = marked(mark);
        seen.extend(marked.iter().map(|process| process.as_raw_nonzero().get()));
        for process in &marked {
            let _ = kill_process(*process, signal);
        }
        reap(group, &seen);
        let in_group = group.is_some_and(|group| kill_process_group(group, signal).is_ok());
        if !in_group && marked.is_empty() {
            return;
        }
        if now().saturating_duration_since(start) >= GRACE {
            if signal == Signal::KILL {
                // Blocked in the kernel: it ends when that lets it.
                return;
            }
            signal = Signal::KILL;
        }
        std::thread::park_timeout(POLL);
    }
}

/// Children of a process, and of this one those that have lost their parent (proc(5)).
fn children(process: u32) -> Vec<i32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let of_thread = |path: PathBuf| std::fs::read_to_string(path.join("children")).unwrap_or_default();
    let lists = threads.flatten().map(|thread| of_thread(thread.path()));
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|number| number.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Descendants of this process with this mark in their environment.
fn marked(mark: &str) -> Vec<Pid> {
    let entry = format!("{MARK}={mark}");
    let mut all = children(std::process::id());
    let mut at = 0;
    while let Some(&process) = all.get(at) {
        all.extend(children(process.unsigned_abs()));
        at += 1;
    }
    let has_mark = |number: &i32| {
        let environment = std::fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
        environment.split(|&octet| octet == 0).any(|variable| variable == entry.as_bytes())
    };
    all.into_iter().filter(has_mark).filter_map(Pid::from_raw).collect()
}

/// Waits for what has exited of a run: its group, and those that had its mark. Other children have threads that wait for them.
fn reap(group: Option<Pid>, seen: &BTreeSet<i32>) {
    for child in children(std::process::id()) {
        let Some(pid) = Pid::from_raw(child) else { continue };
        let is_of_run = seen.contains(&child) || group.is_some() && rustix::process::getpgid(Some(pid)).ok() == group;
        if is_of_run {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn script(name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("pegel-program-{name}-{}", std::process::id()));
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
        path
    }

    fn run_script(path: &Path, limit_seconds: u32) -> Ended {
        let hook = HookRun { name: "x".to_owned(), arguments: Vec::new(), environment: Vec::new(), limit_seconds };
        let input = File::open("/dev/null").expect("a file");
        run(&[path.display().to_string()], &hook, input).expect("it runs")
    }

    /// Whether the process whose number is in a file exists and is no zombie.
    fn lives(file: &Path) -> bool {
        let number = std::fs::read_to_string(file).expect("the number").trim().to_owned();
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        !(stat.is_empty() || stat.contains(") Z "))
    }

    #[test]
    fn what_a_hook_leaves_behind_is_ended() {
        let file = std::env::temp_dir().join(format!("pegel-program-left-{}", std::process::id()));
        let numbers = [file.with_extension("1"), file.with_extension("2")];
        let [first, second] = &numbers;
        // One in its group, and one that has moved to a session of its own.
        let text = format!(
            "sleep 1000 & echo $! > {}; setsid sh -c 'echo $$ > {}; exec sleep 1000' & while ! [ -s {} ]; do sleep 0.01; done",
            first.display(),
            second.display(),
            second.display()
        );
        let path = script("leaves", &text);
        assert_eq!(run_script(&path, 30).status, Some(0));
        assert!(!numbers.iter().any(|file| lives(file)));
        for file in numbers.iter().chain([&path]) {
            std::fs::remove_file(file).expect("removed");
        }
    }

    #[test]
    fn a_hook_that_does_not_end_is_killed_and_one_that_shouts_does_not_block() {
        let hangs = script("hangs", "exec sleep 1000");
        assert_eq!(run_script(&hangs, 1).status, None);
        let shouts = script("shouts", "head -c 300000 /dev/zero >&2; exit 3");
        assert_eq!(run_script(&shouts, 30).exit().and_then(|status| status.code()), Some(3));
        for file in [hangs, shouts] {
            std::fs::remove_file(file).expect("removed");
        }
    }
}
