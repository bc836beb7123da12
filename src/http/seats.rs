//! Seats: the connections that may be open at the same time, and which of them is evicted for another.
//!
//! A client that opens all connections there are, and never asks, must not keep out those that do. While no seat is free, the
//! client with the most loses the one that has been waiting for a request for the longest time; no client may have more than
//! three quarters.

use super::peer::Client;
use futures_util::task::AtomicWaker;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// All seats of a server.
pub(super) struct Seats {
    most: usize,
    /// Of one client.
    share: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    /// Counts what happens: seats that are taken, and requests that are answered.
    next: u64,
    by_number: BTreeMap<u64, Arc<State>>,
}

struct State {
    client: Client,
    /// A response is under way: such a connection is never evicted.
    answers: AtomicBool,
    /// Since when it waits for a request, as a number of [`Taken::next`].
    since: AtomicU64,
    /// It was evicted.
    is_lost: AtomicBool,
    waker: AtomicWaker,
}

/// The seat of one connection, free again when it is dropped.
pub(super) struct Seat {
    number: u64,
    state: Arc<State>,
    seats: Arc<Seats>,
}

/// What there is for a new connection.
pub(super) enum Offer {
    /// A free seat.
    Free(Seat),
    /// That of another, which is closed.
    Instead(Seat),
    /// None: all are answered right now.
    None,
}

impl Seats {
    pub(super) fn new(most: usize) -> Arc<Seats> {
        Arc::new(Seats { most, share: (most - most / 4).max(1), taken: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a connection of this client.
    pub(super) fn take(self: &Arc<Seats>, client: Client) -> Offer {
        let mut taken = self.lock();
        let own = taken.by_number.values().filter(|seat| seat.client == client).count();
        let is_free = taken.by_number.len() < self.most && own < self.share;
        if !is_free && !taken.make_room(client, own >= self.share) {
            return Offer::None;
        }
        let number = taken.tick();
        let state = State {
            client,
            answers: AtomicBool::new(false),
            since: AtomicU64::new(number),
            is_lost: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        };
        let state = Arc::new(state);
        taken.by_number.insert(number, Arc::clone(&state));
        let seat = Seat { number, state, seats: Arc::clone(self) };
        if is_free { Offer::Free(seat) } else { Offer::Instead(seat) }
    }
}

impl Taken {
    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Evicts a connection for one of `client`: of the client with the most, counting the new one, the one that has
    /// waited for the longest time. `only_own`: of this client's.
    fn make_room(&mut self, client: Client, only_own: bool) -> bool {
        let mut clients: BTreeMap<Client, usize> = BTreeMap::from([(client, 1)]);
        for seat in self.by_number.values() {
            *clients.entry(seat.client).or_default() += 1;
        }
        let waiting = self.by_number.iter().filter(|(_, seat)| !seat.answers.load(Ordering::Relaxed));
        let candidates = waiting.filter(|(_, seat)| !only_own || seat.client == client);
        let chosen = candidates
            .max_by_key(|(_, seat)| (clients.get(&seat.client), std::cmp::Reverse(seat.since.load(Ordering::Relaxed))));
        let Some(number) = chosen.map(|(number, _)| *number) else { return false };
        if let Some(seat) = self.by_number.remove(&number) {
            seat.is_lost.store(true, Ordering::Release);
            seat.waker.wake();
        }
        true
    }
}

impl Seat {
    /// Whether the connection has to end; if not, `waker` is called when it has to.
    pub(super) fn is_lost(&self, waker: &Waker) -> bool {
        self.state.waker.register(waker);
        self.state.is_lost.load(Ordering::Acquire)
    }

    /// Notes that a request begins: it waits from now on.
    pub(super) fn asks(&self) {
        self.state.since.store(self.seats.lock().tick(), Ordering::Relaxed);
    }

    /// Notes that a response begins or has ended.
    pub(super) fn answers(&self, answers: bool) {
        if self.state.answers.swap(answers, Ordering::Relaxed) && !answers {
            self.state.since.store(self.seats.lock().tick(), Ordering::Relaxed);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // One that was evicted has none any more.
        self.seats.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: u32) -> Client {
        Client::User(number)
    }

    fn take(seats: &Arc<Seats>, client: Client) -> Seat {
        match seats.take(client) {
            Offer::Free(seat) | Offer::Instead(seat) => seat,
            Offer::None => panic!("no seat"),
        }
    }

    fn is_lost(seat: &Seat) -> bool {
        seat.is_lost(Waker::noop())
    }

    #[test]
    fn who_has_most_loses_the_oldest_that_waits() {
        let seats = Seats::new(8);
        let greedy: Vec<Seat> = (0..5).map(|_| take(&seats, user(1))).collect();
        let modest: Vec<Seat> = (0..3).map(|_| take(&seats, user(2))).collect();
        greedy[0].answers(true);
        assert!(matches!(seats.take(user(3)), Offer::Instead(_)));
        let lost: Vec<bool> = greedy.iter().chain(&modest).map(is_lost).collect();
        assert_eq!(lost, [false, true, false, false, false, false, false, false]);
    }

    #[test]
    fn a_client_has_three_quarters_at_most() {
        let seats = Seats::new(8);
        let own: Vec<Seat> = (0..6).map(|_| take(&seats, user(1))).collect();
        let other = take(&seats, user(2));
        assert!(matches!(seats.take(user(1)), Offer::Instead(_)));
        assert!(is_lost(&own[0]) && !is_lost(&other));
    }

    #[test]
    fn a_connection_that_was_answered_waits_anew() {
        let seats = Seats::new(4);
        let three: Vec<Seat> = (0..3).map(|_| take(&seats, user(1))).collect();
        three[0].answers(true);
        three[0].answers(false);
        let _new = take(&seats, user(1));
        assert_eq!(three.iter().map(is_lost).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn responses_under_way_are_not_evicted_and_seats_return() {
        let seats = Seats::new(4);
        let three: Vec<Seat> = (0..3).map(|_| take(&seats, user(1))).collect();
        three.iter().for_each(|seat| seat.answers(true));
        assert!(matches!(seats.take(user(1)), Offer::None));
        assert!(matches!(seats.take(user(2)), Offer::Free(_)), "dropped at once");
        drop(three);
        assert!(matches!(seats.take(user(1)), Offer::Free(_)));
    }
}
