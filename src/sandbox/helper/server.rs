//! The helper's side: waits for requests until the process has ended.

use super::program::{self, HookRun};
use super::protocol::{Reply, Request, ToolOutput, ToolRun, receive, send};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Requests that are worked on at the same time: 16 hooks with 16 processes each, and what is quick.
const MAX_AT_ONCE: usize = 300;
/// How often to check at the end whether the last hooks have ended.
const POLL: Duration = Duration::from_millis(50);

/// What the helper may do, fixed at the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Permissions {
    /// Program and configured arguments of each hook, by its name.
    pub hooks: BTreeMap<String, Vec<String>>,
    /// Files and directories of the inventory, with what is below them, that it opens for reading.
    pub readable: Vec<PathBuf>,
}

/// Runs the tools of posture checks, and refuses all others.
pub type ToolRunner = fn(&ToolRun) -> Result<ToolOutput, String>;

/// Serves requests on `socket` until the other end is closed and the last hook has ended.
///
/// # Errors
/// The socket fails, or the first message is not from this version of the program.
pub fn serve(socket: BorrowedFd<'_>, tools: ToolRunner) -> io::Result<()> {
    // As process lists show it; the program itself is only a link.
    let _ = rustix::thread::set_name(c"pegel-helper");
    let Some((permissions, _)) = receive::<Permissions>(socket)? else { return Ok(()) };
    let permissions = Arc::new(permissions);
    let working = Arc::new(AtomicUsize::new(0));
    loop {
        let (request, descriptors) = match receive::<Request>(socket) {
            Ok(Some(message)) => message,
            Ok(None) => break,
            // Of a process that was taken over: it gets no answer.
            Err(error) if error.kind() == io::ErrorKind::InvalidData || error.raw_os_error().is_none() => continue,
            Err(error) => return Err(error),
        };
        let mut descriptors = descriptors.into_iter();
        let Some(reply_to) = descriptors.next().map(UnixStream::from) else { continue };
        let input = descriptors.next().map(File::from);
        if working.fetch_add(1, Ordering::AcqRel) >= MAX_AT_ONCE {
            working.fetch_sub(1, Ordering::AcqRel);
            answer(reply_to, &Reply::Failed(None, "the helper has too many requests".to_owned()), None);
            continue;
        }
        let (permissions, at_work) = (Arc::clone(&permissions), Arc::clone(&working));
        let work = move || {
            let (reply, socket) = act(request, input, &permissions, tools);
            answer(reply_to, &reply, socket.as_ref().map(OwnedFd::as_fd));
            at_work.fetch_sub(1, Ordering::AcqRel);
        };
        if std::thread::Builder::new().name("request".to_owned()).spawn(work).is_err() {
            // Without an answer, the peer sees its socket closed.
            working.fetch_sub(1, Ordering::AcqRel);
        }
    }
    while working.load(Ordering::Acquire) > 0 {
        std::thread::park_timeout(POLL);
    }
    Ok(())
}

/// Hooks inherit none: a service is started with the capability to capture.
fn pass_on_no_capability() -> io::Result<()> {
    let sets = capabilities(None)?;
    set_capabilities(None, CapabilitySets { inheritable: CapabilitySet::empty(), ..sets })?;
    // Kernels before 4.3 have no such set.
    let _ = clear_ambient_capability_set();
    Ok(())
}

fn act(
    request: Request,
    input: Option<File>,
    permissions: &Permissions,
    tools: ToolRunner,
) -> (Reply, Option<OwnedFd>) {
    match request {
        Request::PacketSocket { cooked } => match packet_socket(cooked) {
            Ok(socket) => (Reply::PacketSocket, Some(socket)),
            Err(error) => (Reply::failed(&error), None),
        },
        Request::Resolve { host, port } => {
            (resolve(&host, port).map_or_else(|error| Reply::failed(&error), Reply::Addresses), None)
        }
        Request::Open { path } => match open(&path, permissions) {
            Ok(file) => (Reply::Opened, Some(file)),
            Err(error) => (Reply::failed(&error), None),
        },
        Request::Hook(run) => {
            let ended = hook(&run, input, permissions);
            (ended.map_or_else(|error| Reply::failed(&error), Reply::Hook), None)
        }
        Request::Tool(run) => (Reply::Tool(tools(&run)), None),
    }
}

/// Opens for reading what is at or below a permitted path, wherever links there lead: who may write there decides what guests are.
fn open(path: &Path, permissions: &Permissions) -> io::Result<OwnedFd> {
    let is_plain = path.is_absolute() && path.components().all(|part| part != Component::ParentDir);
    if !is_plain || !permissions.readable.iter().any(|root| path.starts_with(root)) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // A FIFO must not block.
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?)
}

fn hook(run: &HookRun, input: Option<File>, permissions: &Permissions) -> io::Result<program::Ended> {
    let unknown = || io::Error::other(format!("the helper knows no hook {:?}", run.name));
    let command = permissions.hooks.get(&run.name).ok_or_else(unknown)?;
    // Others, such as LD_PRELOAD, decide what a program does.
    if run.environment.iter().any(|(name, _)| !name.starts_with("PEGEL_")) {
        return Err(io::Error::other("a hook's variables begin with PEGEL_"));
    }
    // This thread's alone. Tools get them: nft needs CAP_NET_ADMIN where the unit grants it.
    pass_on_no_capability()?;
    let input = input.ok_or_else(|| io::Error::other("the request has no input for the hook"))?;
    program::run(command, run, input)
}

/// A packet socket that receives nothing until it is bound to a protocol.
pub(super) fn packet_socket(cooked: bool) -> io::Result<OwnedFd> {
    let kind = if cooked { SocketType::DGRAM } else { SocketType::RAW };
    Ok(socket_with(AddressFamily::PACKET, kind, SocketFlags::CLOEXEC, None)?)
}

pub(super) fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// The reply is as long as it is; the socket goes with its first octet.
fn answer(mut to: UnixStream, reply: &Reply, socket: Option<BorrowedFd<'_>>) {
    // Where the peer has given up waiting, there is no one to tell.
    let _ = match socket {
        Some(socket) => send(to.as_fd(), reply, &[socket]),
        None => serde_json::to_vec(reply).map_err(io::Error::from).and_then(|text| to.write_all(&text)),
    };
}
