//! Messages between the process and its helper: JSON, with descriptors beside it (unix(7), `SCM_RIGHTS`).

use super::program::{Ended, HookRun};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// Longest request in octets: the largest is a hook's, whose words are names and figures. A datagram must fit the socket's buffer.
const MAX_REQUEST: usize = 128 << 10;
/// Most descriptors of a message: the socket for the reply, and a hook's input.
const MAX_DESCRIPTORS: usize = 2;

/// What the helper can be asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// A packet socket that is not bound yet, without link headers if `cooked`.
    PacketSocket { cooked: bool },
    /// The addresses of a host.
    Resolve { host: String, port: u16 },
    /// A file or directory of the inventory, opened for reading.
    Open { path: PathBuf },
    /// To run a configured hook; its standard input is the second descriptor.
    Hook(HookRun),
    /// To run a tool of the posture checks.
    Tool(ToolRun),
}

/// A tool to run. The helper knows which it may.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolRun {
    /// Its name, which is looked up in the search path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// The result of a tool that exited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// Whether its exit status is 0.
    pub success: bool,
    /// Its standard output, at most a few MiB.
    pub output: String,
    /// Its standard error.
    pub error: String,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The socket is the descriptor.
    PacketSocket,
    /// The file is the descriptor.
    Opened,
    Addresses(Vec<SocketAddr>),
    Hook(Ended),
    Tool(Result<ToolOutput, String>),
    /// An error of the operating system by its number if it has one, and as text.
    Failed(Option<i32>, String),
}

impl Reply {
    pub(super) fn failed(error: &io::Error) -> Reply {
        Reply::Failed(error.raw_os_error(), error.to_string())
    }
}

/// Sends a message with descriptors.
pub(super) fn send<T: Serialize>(
    socket: BorrowedFd<'_>,
    message: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    if text.len() > MAX_REQUEST {
        return Err(io::Error::other("the request to the helper is too long"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    // A helper that does not read must not block a capture worker.
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    retry(|| sendmsg(socket, &[IoSlice::new(&text)], &mut beside, flags)).map(|_| ())
}

/// Receives a message with its descriptors; `None` at the end.
pub(super) fn receive<T: DeserializeOwned>(socket: BorrowedFd<'_>) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut text = vec![0; MAX_REQUEST];
    let (length, descriptors, is_cut) = receive_some(socket, &mut text)?;
    if length == 0 {
        return Ok(None);
    }
    if is_cut {
        return Err(io::Error::other("the message is too long"));
    }
    let message = serde_json::from_slice(text.get(..length).unwrap_or_default())?;
    Ok(Some((message, descriptors)))
}

/// Receives one datagram, or what there is of a stream: its length, its descriptors, and whether some was cut off.
pub(super) fn receive_some(socket: BorrowedFd<'_>, text: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>, bool)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received = retry(|| recvmsg(socket, &mut [IoSliceMut::new(text)], &mut beside, RecvFlags::CMSG_CLOEXEC))?;
    let descriptors = beside.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok((received.bytes, descriptors.flatten().collect(), received.flags.contains(ReturnFlags::TRUNC)))
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            outcome => return Ok(outcome?),
        }
    }
}
