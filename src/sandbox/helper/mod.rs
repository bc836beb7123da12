//! The helper: a second process of the same program, started before the first gives up its privileges. It does on request what the
//! first no longer can, and nothing else: see `protocol.rs`.
//!
//! Requests are datagrams on a socket that both have from the start, each with the descriptor of a socket for the reply. What may be
//! run is fixed at the start. A process that is taken over can so repeat what it is configured to do, with other words in the
//! arguments of hooks, and no more.
//!
//! Where there is no helper (tests, and runs without the sandbox), the same functions act in the process itself.

mod client;
mod program;
mod protocol;
mod server;

pub use client::{has_ended, open, packet_socket, resolve, run_hook, run_tool, start};
pub use program::{Ended, HookRun};
pub use protocol::{ToolOutput, ToolRun};
pub use server::{Permissions, ToolRunner, serve};
