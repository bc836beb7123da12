//! The process's side: one function per request.

use super::program::{Ended, HookRun};
use super::protocol::{Reply, Request, ToolOutput, ToolRun, receive_some, send};
use super::server::Permissions;
use super::{program, server};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The socket to the helper, if there is one. Privileges belong to the process, and so does this.
static HELPER: OnceLock<OwnedFd> = OnceLock::new();

/// Longest wait for what takes no time.
const SOON: Duration = Duration::from_secs(5);
/// Longer than the helper waits for a tool that hangs.
const TOOL: Duration = Duration::from_secs(20);
/// How much longer than its limit the end of a hook may take: it is killed, and what it has started.
const AFTER_LIMIT: Duration = Duration::from_secs(10);
/// Longest reply: the output of a tool, escaped.
const MAX_REPLY: usize = 32 << 20;

/// Starts the helper, as this program with the argument `helper`, and tells it what it may do.
///
/// # Errors
/// The process cannot be started.
pub fn start(permissions: &Permissions) -> io::Result<()> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    // A group of its own: an interrupt from the terminal must not end it before this process has stopped. It ends with this process.
    Command::new("/proc/self/exe")
        .arg0("pegel")
        .arg("helper")
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()?;
    send(ours.as_fd(), permissions, &[])?;
    HELPER.set(ours).map_err(|_| io::Error::other("there is a helper already"))
}

/// Opens a packet socket that is not bound yet (packet(7)); `cooked`: without link headers.
///
/// # Errors
/// Those of socket(2): without CAP_NET_RAW it is refused.
pub fn packet_socket(cooked: bool) -> io::Result<OwnedFd> {
    let Some(helper) = HELPER.get() else { return server::packet_socket(cooked) };
    match ask(helper, &Request::PacketSocket { cooked }, None, SOON)? {
        (Reply::PacketSocket, Some(socket)) => Ok(socket),
        other => Err(unexpected(other.0)),
    }
}

/// Opens a file or directory of the inventory for reading: where the sandbox or the user of the process may not.
///
/// # Errors
/// Those of open(2); without a helper, that it is not permitted.
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    let helper = HELPER.get().ok_or(io::ErrorKind::PermissionDenied)?;
    match ask(helper, &Request::Open { path: path.to_owned() }, None, SOON)? {
        (Reply::Opened, Some(file)) => Ok(file),
        other => Err(unexpected(other.0)),
    }
}

/// Whether there was a helper, and it has ended: then nothing that needs it works any more.
pub fn has_ended() -> bool {
    let Some(helper) = HELPER.get() else { return false };
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut polled = [PollFd::from_borrowed_fd(helper.as_fd(), PollFlags::empty())];
    matches!(poll(&mut polled, Some(&now)), Ok(1..)) && polled.iter().any(|end| end.revents().contains(PollFlags::HUP))
}

/// The addresses of a host, which may be written as one; of IPv6 also in brackets, as in a URL.
///
/// # Errors
/// There is no such host, or no name server answers within `limit`.
pub fn resolve(host: &str, port: u16, limit: Duration) -> io::Result<Vec<SocketAddr>> {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let Some(helper) = HELPER.get() else { return server::resolve(host, port) };
    match ask(helper, &Request::Resolve { host: host.to_owned(), port }, None, limit)?.0 {
        Reply::Addresses(addresses) => Ok(addresses),
        other => Err(unexpected(other)),
    }
}

/// Runs a hook to its end. `command` is its program with the configured arguments; the helper uses those that it knows by the
/// hook's name.
///
/// # Errors
/// The program cannot be run.
pub fn run_hook(command: &[String], run: &HookRun, input: File) -> io::Result<Ended> {
    let Some(helper) = HELPER.get() else { return program::run(command, run, input) };
    let limit = Duration::from_secs(run.limit_seconds.into()) + AFTER_LIMIT;
    match ask(helper, &Request::Hook(run.clone()), Some(input.as_fd()), limit)?.0 {
        Reply::Hook(ended) => Ok(ended),
        other => Err(unexpected(other)),
    }
}

/// Runs a tool of the posture checks through the helper; `None` where there is no helper. `Err` says why there is no result.
pub fn run_tool(run: &ToolRun) -> Option<Result<ToolOutput, String>> {
    let helper = HELPER.get()?;
    Some(match ask(helper, &Request::Tool(run.clone()), None, TOOL) {
        Ok((Reply::Tool(result), _)) => result,
        Ok((other, _)) => Err(unexpected(other).to_string()),
        Err(error) => Err(error.to_string()),
    })
}

fn ask(
    helper: &OwnedFd,
    request: &Request,
    input: Option<BorrowedFd<'_>>,
    limit: Duration,
) -> io::Result<(Reply, Option<OwnedFd>)> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let descriptors: Vec<BorrowedFd<'_>> = std::iter::once(theirs.as_fd()).chain(input).collect();
    send(helper.as_fd(), request, &descriptors).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionRefused => gone(),
        _ => error,
    })?;
    // So that the end of the helper ends the reply.
    drop(theirs);
    let (mut text, mut socket) = (Vec::new(), None);
    let mut part = vec![0; 64 << 10];
    loop {
        wait(ours.as_fd(), limit)?;
        let (length, descriptors, _) = receive_some(ours.as_fd(), &mut part)?;
        socket = socket.or(descriptors.into_iter().next());
        if length == 0 {
            break;
        }
        if text.len() + length > MAX_REPLY {
            return Err(io::Error::other("the reply of the helper is too long"));
        }
        text.write_all(part.get(..length).unwrap_or_default())?;
    }
    if text.is_empty() {
        return Err(gone());
    }
    match serde_json::from_slice(&text)? {
        Reply::Failed(Some(number), _) => Err(io::Error::from_raw_os_error(number)),
        Reply::Failed(None, message) => Err(io::Error::other(message)),
        reply => Ok((reply, socket)),
    }
}

/// Waits until there is something to read.
fn wait(socket: BorrowedFd<'_>, limit: Duration) -> io::Result<()> {
    let limit =
        Timespec { tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: limit.subsec_nanos().into() };
    loop {
        match poll(&mut [PollFd::from_borrowed_fd(socket, PollFlags::IN)], Some(&limit)) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the helper process does not answer")),
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the helper process has ended; restart Pegel")
}

fn unexpected(reply: Reply) -> io::Error {
    io::Error::other(format!("unexpected reply of the helper process: {reply:?}"))
}
