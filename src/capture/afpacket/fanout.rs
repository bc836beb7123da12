//! Several sockets sharing the frames of one interface (PACKET_FANOUT, packet(7)).
//!
//! The kernel distributes frames by a hash of addresses, protocol and ports that is the same for both directions of a
//! flow, so that one worker receives a connection in both directions. Frames without addresses or ports (ARP) all go to
//! the same worker; later fragments are distributed by their addresses. When the ring of a worker is full, its frames
//! go to the next worker (rollover), so that one heavy flow fills all rings before anything is lost. The frames that
//! roll over are then processed by a different worker from the rest of their flow.

use super::socket::PacketSocket;
use rustix::io::Errno;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Modes of distribution, in order of preference.
const MODES: [Mode; 2] = [
    Mode { flags: libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_ROLLOVER, name: "by flow" },
    Mode { flags: libc::PACKET_FANOUT_LB, name: "round robin" },
];

#[derive(Clone, Copy)]
struct Mode {
    flags: u32,
    name: &'static str,
}

/// An existing group with at least one of our sockets.
struct Group {
    number: u16,
    mode: Mode,
    members: usize,
}

/// The fanout group of one interface, shared by its sockets. The kernel keeps the group as long as a socket is in it.
#[derive(Clone, Default)]
pub struct Fanout {
    group: Arc<Mutex<Option<Group>>>,
}

/// The membership of a socket in the group. It must live as long as the socket.
pub(super) struct Membership {
    fanout: Fanout,
}

impl Fanout {
    fn lock(&self) -> MutexGuard<'_, Option<Group>> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a bound socket to the group, which is created if there is none. `index` is the kernel's interface index.
    pub(super) fn join(&self, socket: &PacketSocket, index: u32) -> Result<Membership, Errno> {
        let mut group = self.lock();
        match &mut *group {
            Some(group) => {
                socket.join(group.number, group.mode.flags)?;
                group.members += 1;
            }
            None => *group = Some(create_group(socket, index)?),
        }
        Ok(Membership { fanout: self.clone() })
    }

    /// How the kernel distributes frames (`by flow` or `round robin`), if the group exists.
    pub fn mode(&self) -> Option<&'static str> {
        self.lock().as_ref().map(|group| group.mode.name)
    }
}

/// Creates a group with this socket, in the best mode that the kernel supports.
fn create_group(socket: &PacketSocket, index: u32) -> Result<Group, Errno> {
    let mut last_error = Errno::INVAL;
    for mode in MODES {
        // The kernel assigns an unused number (Linux 4.12) …
        if socket.join(0, mode.flags | libc::PACKET_FANOUT_FLAG_UNIQUEID).is_ok() {
            return Ok(Group { number: socket.group()?, mode, members: 1 });
        }
        // … or one is derived from the process and the interface.
        let number = (std::process::id() ^ index.rotate_left(8)) as u16;
        match socket.join(number, mode.flags) {
            Ok(()) => return Ok(Group { number, mode, members: 1 }),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut group = self.fanout.lock();
        // Once the last socket has left, other processes may use the number.
        if let Some(known) = &mut *group {
            known.members = known.members.saturating_sub(1);
            if known.members == 0 {
                *group = None;
            }
        }
    }
}
