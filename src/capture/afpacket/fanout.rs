//! Several sockets that share the frames of one interface (PACKET_FANOUT, packet(7)).
//!
//! The kernel deals frames out by a hash of addresses, protocol and ports that is the same for both directions of a
//! flow: a connection, its answers included, is seen whole by one worker. What has neither (ARP) goes to one and the
//! same worker, later fragments by their addresses. A worker whose ring is full passes frames on to the next
//! (roll-over), so that one heavy flow uses all rings before anything is lost; such frames are seen by another worker
//! than the rest of their flow.

use super::socket::PacketSocket;
use rustix::io::Errno;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How frames are dealt out, best first.
const WAYS: [Way; 2] = [
    Way { flags: libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_ROLLOVER, name: "by flow" },
    Way { flags: libc::PACKET_FANOUT_LB, name: "in turns" },
];

#[derive(Clone, Copy)]
struct Way {
    flags: u32,
    name: &'static str,
}

/// A group that exists: some socket of ours is in it.
struct Group {
    number: u16,
    way: Way,
    members: usize,
}

/// What the sockets of one interface know of their group. The kernel's group lives as long as a socket is in it.
#[derive(Clone, Default)]
pub struct Fanout {
    group: Arc<Mutex<Option<Group>>>,
}

/// A socket's place in the group, to be kept as long as the socket is.
pub(super) struct Membership {
    fanout: Fanout,
}

impl Fanout {
    fn lock(&self) -> MutexGuard<'_, Option<Group>> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings a bound socket into the group, which is made where there is none. `index` is the interface's number.
    pub(super) fn join(&self, socket: &PacketSocket, index: u32) -> Result<Membership, Errno> {
        let mut group = self.lock();
        match &mut *group {
            Some(group) => {
                socket.join(group.number, group.way.flags)?;
                group.members += 1;
            }
            None => *group = Some(found(socket, index)?),
        }
        Ok(Membership { fanout: self.clone() })
    }

    /// How frames are dealt out, where there is a group.
    pub fn way(&self) -> Option<&'static str> {
        self.lock().as_ref().map(|group| group.way.name)
    }
}

/// Makes a group of one, in the best way that the kernel knows.
fn found(socket: &PacketSocket, index: u32) -> Result<Group, Errno> {
    let mut refused = Errno::INVAL;
    for way in WAYS {
        // The kernel gives a number that nobody has (Linux 4.12) …
        if socket.join(0, way.flags | libc::PACKET_FANOUT_FLAG_UNIQUEID).is_ok() {
            return Ok(Group { number: socket.group()?, way, members: 1 });
        }
        // … or one is made from what tells us from others.
        let number = (std::process::id() ^ index.rotate_left(8)) as u16;
        match socket.join(number, way.flags) {
            Ok(()) => return Ok(Group { number, way, members: 1 }),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut group = self.fanout.lock();
        // Once the last socket has left, the number is anybody's.
        if let Some(known) = &mut *group {
            known.members = known.members.saturating_sub(1);
            if known.members == 0 {
                *group = None;
            }
        }
    }
}
