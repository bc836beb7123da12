//! Station ports: the bridge port at which a station's frames enter, and how often it changes.

use super::bounded::Bounded;
use crate::base::{Mac, Timestamp};
use std::collections::VecDeque;

const STATIONS: usize = 4096;
/// Moves kept per station.
const MOVES: usize = 8;
/// Seconds for which moves are kept.
const MOVE_SECONDS: f64 = 60.0;

/// A station whose frames entered at another port in this tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// The segment, as the number of its first interface.
    pub segment: u16,
    /// MAC address of the station that moved.
    pub mac: Mac,
    /// Interface numbers of the old and of the new port.
    pub from: u16,
    /// Interface number of the new port.
    pub to: u16,
    /// Time of its last frame in this tick that entered at the new port.
    pub at: Timestamp,
    /// Moves within the last minute, this one included, and the time of the first.
    pub moves: u32,
    /// Time of the first of these moves.
    pub first: Timestamp,
}

#[derive(Clone, Debug)]
struct Station {
    port: u16,
    /// Time of the last frame there.
    last: Timestamp,
    moves: VecDeque<Timestamp>,
}

pub(super) struct StationPorts {
    stations: Bounded<(u16, Mac), Station>,
    moves: Vec<Move>,
}

impl StationPorts {
    pub(super) fn new() -> StationPorts {
        StationPorts { stations: Bounded::new(STATIONS), moves: Vec::new() }
    }

    pub(super) fn open(&mut self) {
        self.moves.clear();
    }

    pub(super) fn clear(&mut self) {
        self.stations.clear();
        self.open();
    }

    pub(super) fn evictions(&self) -> u64 {
        self.stations.evictions()
    }

    /// Stations that moved in this tick.
    pub(super) fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// The interface at which a station's frames entered last.
    pub(super) fn of(&self, segment: u16, mac: Mac) -> Option<u16> {
        self.stations.get(&(segment, mac)).map(|station| station.port)
    }

    /// Records frames of a station that entered at a port, the last of them at `now`.
    pub(super) fn record(&mut self, segment: u16, mac: Mac, port: u16, now: Timestamp) {
        let new = || Station { port, last: now, moves: VecDeque::with_capacity(MOVES) };
        let station = self.stations.get_or_insert((segment, mac), now, new);
        if station.port == port {
            station.last = station.last.max(now);
            return;
        }
        if now <= station.last {
            // Reported late: it has been seen elsewhere since.
            return;
        }
        station.last = now;
        while station.moves.front().is_some_and(|at| now.seconds_since(*at) > MOVE_SECONDS) {
            station.moves.pop_front();
        }
        if station.moves.len() >= MOVES {
            station.moves.pop_front();
        }
        station.moves.push_back(now);
        let from = std::mem::replace(&mut station.port, port);
        let moves = station.moves.len() as u32;
        let first = station.moves.front().copied().unwrap_or(now);
        self.moves.push(Move { segment, mac, from, to: port, at: now, moves, first });
    }
}
