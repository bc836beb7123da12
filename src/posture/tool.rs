//! Running other people's tools: no shell, a time limit, a bound on what they may say, and never two of one that hangs.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a tool may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How long one that was killed may take to be gone.
const DYING: Duration = Duration::from_millis(500);
/// Between two looks whether it has ended.
const STEP: Duration = Duration::from_millis(20);
/// Octets of its output that are kept; the rest is read and dropped.
const MOST_OUTPUT: usize = 4 << 20;
/// Where tools are, beside the search path: a service's may be short.
const USUAL: [&str; 5] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/run/current-system/sw/bin"];

/// What a tool that ended said.
pub(super) struct Said {
    pub success: bool,
    pub output: String,
    pub error: String,
}

impl Said {
    /// The first line of its complaint.
    pub fn complaint(&self) -> String {
        let lines = self.error.lines().chain(self.output.lines()).map(str::trim);
        let line = lines.into_iter().find(|line| !line.is_empty()).unwrap_or("it says nothing");
        line.chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

/// What became of a tool that did not answer in time.
enum Hung {
    /// It was killed and is gone: it may be tried again in the next round.
    Gone,
    /// It does not even die (it waits in the kernel): nothing is started before it has.
    Running(Child),
}

/// The tools of this machine.
pub struct Tools {
    directories: Vec<PathBuf>,
    limit: Duration,
    /// By program.
    hung: BTreeMap<String, Hung>,
}

impl Tools {
    /// Along the search path, and where they usually are.
    pub fn of_this_machine() -> Tools {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let absolute = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
        Tools::in_directories(absolute.chain(USUAL.map(PathBuf::from)).collect())
    }

    pub fn in_directories(directories: Vec<PathBuf>) -> Tools {
        Tools { directories, limit: LIMIT, hung: BTreeMap::new() }
    }

    /// A new round of checks begins: what hung may be tried again, if it is gone.
    pub(super) fn begin_round(&mut self) {
        self.hung.retain(|_, hung| match hung {
            Hung::Gone => false,
            Hung::Running(child) => matches!(child.try_wait(), Ok(None)),
        });
    }

    /// Runs a program; `Err` says why nothing can be told.
    pub(super) fn run(&mut self, program: &str, arguments: &[&str]) -> Result<Said, String> {
        match self.hung.get(program) {
            Some(Hung::Gone) => return Err(format!("{program} did not answer just now")),
            Some(Hung::Running(_)) => {
                return Err(format!("{program} hangs since an earlier check and cannot be ended"));
            }
            None => {}
        }
        let mut files = self.directories.iter().map(|directory| directory.join(program));
        let file = files.find(|file| file.is_file()).ok_or_else(|| format!("{program} is not installed here"))?;
        let mut child = Command::new(file)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program} cannot be run: {error}"))?;
        let (mut output, mut error) = (Vec::new(), Vec::new());
        if let Some(status) = listen(&mut child, self.limit, &mut output, &mut error) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            return Ok(Said { success: status.success(), output: text(&output), error: text(&error) });
        }
        // An error means that it has ended meanwhile.
        let _ = child.kill();
        let gone = listen(&mut child, DYING, &mut output, &mut error).is_some();
        self.hung.insert(program.to_owned(), if gone { Hung::Gone } else { Hung::Running(child) });
        Err(format!("{program} did not answer within {} s", self.limit.as_secs_f64()))
    }
}

#[expect(clippy::disallowed_methods, reason = "a tool that hangs is given up; nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}

/// Takes what a child says until it ends; none where it does not within `limit`.
fn listen(child: &mut Child, limit: Duration, output: &mut Vec<u8>, error: &mut Vec<u8>) -> Option<ExitStatus> {
    let began = now();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    loop {
        // Whatever else may hold its pipes: with the child it is over.
        let ended = child.try_wait().ok().flatten();
        let mut quiet = true;
        if take(&mut stdout, output) {
            quiet = false;
        }
        if take(&mut stderr, error) {
            quiet = false;
        }
        if quiet && ended.is_some() {
            return ended;
        }
        if now().saturating_duration_since(began) >= limit {
            return ended;
        }
        if quiet {
            wait(&stdout, &stderr);
        }
    }
}

/// Waits until one of the pipes has something, or a step long.
fn wait(stdout: &Option<impl AsFd>, stderr: &Option<impl AsFd>) {
    let pipes = [stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)];
    let mut pipes: Vec<PollFd<'_>> =
        pipes.into_iter().flatten().map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN)).collect();
    let step = Timespec { tv_sec: 0, tv_nsec: STEP.subsec_nanos().into() };
    // A signal wakes it earlier, which does no harm.
    let _ = poll(&mut pipes, Some(&step));
}

/// Takes what a pipe has just now; true where that was something. A pipe that ended is dropped.
fn take(pipe: &mut Option<impl Read + AsFd>, to: &mut Vec<u8>) -> bool {
    let Some(open) = pipe else { return false };
    let mut ready = [PollFd::new(&*open, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    if !matches!(poll(&mut ready, Some(&at_once)), Ok(1..)) {
        return false;
    }
    let mut buffer = [0; 16384];
    match open.read(&mut buffer) {
        Ok(0) | Err(_) => {
            *pipe = None;
            false
        }
        Ok(length) => {
            let room = MOST_OUTPUT.saturating_sub(to.len());
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
    fn what_a_tool_says_is_taken_with_how_it_ended() {
        let root = Root::new("tool");
        root.script("speaks", "echo \"out $1\"; echo 'oh no' >&2; exit 3");
        root.script("chatters", "head -c 9000000 /dev/zero");
        let mut tools = tools(&root);
        let said = tools.run("speaks", &["a b; exit 0"]).expect("an answer");
        assert_eq!(
            (said.success, said.output.as_str(), said.complaint().as_str()),
            (false, "out a b; exit 0\n", "oh no")
        );
        tools.limit = LIMIT;
        let said = tools.run("chatters", &[]).expect("an answer");
        assert_eq!((said.success, said.output.len()), (true, MOST_OUTPUT));
        assert_eq!(tools.run("is-not-there", &[]).err(), Some("is-not-there is not installed here".to_owned()));
    }

    #[test]
    fn one_that_hangs_is_killed_and_left_alone_for_this_round() {
        let root = Root::new("hangs");
        root.script("hangs", "echo x >> \"$0.runs\"; exec sleep 1000");
        root.script("ends", "sleep 1000 & exit 0");
        let mut tools = tools(&root);
        let runs = || std::fs::read_to_string(root.path().join("hangs.runs")).unwrap_or_default().lines().count();
        assert_eq!(tools.run("hangs", &[]).err(), Some("hangs did not answer within 0.3 s".to_owned()));
        assert_eq!(tools.run("hangs", &[]).err(), Some("hangs did not answer just now".to_owned()));
        assert_eq!(runs(), 1);
        tools.begin_round();
        assert!(tools.run("hangs", &[]).is_err());
        assert_eq!(runs(), 2);
        // What it leaves behind may keep its pipes open: that is nothing to wait for.
        assert!(tools.run("ends", &[]).is_ok_and(|said| said.success));
    }
}
