//! One conversation in eight octets, and the clock that it is dated by.

/// Steps of the clock after which a TCP connection is forgotten: ten minutes. [`Pairs`](super::pairs::Pairs) knows the hosts
/// of those that idle longer.
pub(super) const TCP_LIFE: u8 = 188;
/// Steps after which any other conversation is: two minutes, the least for which NATs keep UDP (RFC 4787 REQ-5).
pub(super) const LIFE: u8 = 38;
/// Steps after which an incomplete handshake is: 64 s, in which clients send their SYN six times (RFC 6298 §5.5).
const HALF_OPEN_LIFE: u8 = 20;
/// Ticks of a step of the clock that conversations are dated by: 3.2 s.
pub(super) const STEP_BITS: u32 = 5;
/// Steps before the clock starts again; zero means never.
const CLOCK: u64 = 255;

/// Reading of the clock at a tick: 1 to 255.
pub(super) fn clock(tick: u64) -> u8 {
    // At most 255.
    ((tick >> STEP_BITS) % CLOCK + 1) as u8
}

/// A conversation: fingerprint (15 bits), owner (7), when each end was last heard (8 each), phase (3), the end that opened it
/// (1), progress (2), unsolicited packets that may still be excused (3), TCP (1), and a number (16).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(pub(super) u64);

pub(super) const FINGERPRINT: u64 = (1 << 15) - 1;
const OWNER_SHIFT: u32 = 15;
const OWNER: u64 = 0x7f;
const HEARD_SHIFT: u32 = 22;
const PHASE_SHIFT: u32 = 38;
const UPPER_OPENED: u64 = 1 << 41;
const PROGRESS_SHIFT: u32 = 42;
const PENDING_SHIFT: u32 = 44;
pub(super) const IS_TCP: u64 = 1 << 47;
const NUMBER_SHIFT: u32 = 48;
const MOST_PENDING: u8 = 7;

/// Phases of a TCP connection, and of other conversations.
pub(super) mod phase {
    /// Joined in the middle. Of other protocols: all.
    pub(in crate::meter::conversations) const OPEN: u8 = 0;
    /// A SYN was seen; the number is its tick.
    pub(in crate::meter::conversations) const SYN: u8 = 1;
    /// A SYN-ACK was seen; the number is its sequence number.
    pub(in crate::meter::conversations) const SYN_ACK: u8 = 2;
    /// The client acknowledged it, and sent no data yet.
    pub(in crate::meter::conversations) const COMPLETE: u8 = 3;
    /// The client sent data.
    pub(in crate::meter::conversations) const USED: u8 = 4;
    /// One direction only: the SYN, and more of its sender; the number is that of the last packet.
    pub(in crate::meter::conversations) const SYN_FOLLOWED: u8 = 5;
    /// The same after a SYN-ACK.
    pub(in crate::meter::conversations) const SYN_ACK_FOLLOWED: u8 = 6;
    /// One direction only, and its own packets show that it is real.
    pub(in crate::meter::conversations) const STEADY: u8 = 7;
}

impl Entry {
    pub(super) fn new(fingerprint: u64, phase: u8, number: u16) -> Entry {
        Entry(fingerprint | u64::from(phase) << PHASE_SHIFT | u64::from(number) << NUMBER_SHIFT)
    }

    /// Bits of the hash of the host that it belongs to.
    pub(super) fn owner(self) -> u64 {
        self.0 >> OWNER_SHIFT & OWNER
    }

    pub(super) fn set_owner(&mut self, hash: u64) {
        self.0 = self.0 & !(OWNER << OWNER_SHIFT) | (hash >> 8 & OWNER) << OWNER_SHIFT;
    }

    pub(super) fn restore_owner(&mut self, owner: u64) {
        self.set_owner(owner << 8);
    }

    #[inline]
    pub(super) fn heard(self, upper: bool) -> u8 {
        (self.0 >> (HEARD_SHIFT + if upper { 8 } else { 0 })) as u8
    }

    #[inline]
    pub(super) fn set_heard(&mut self, upper: bool, now: u8) {
        let shift = HEARD_SHIFT + if upper { 8 } else { 0 };
        self.0 = self.0 & !(0xff << shift) | u64::from(now) << shift;
    }

    /// Whether both ends were heard at `now` already, and this is a conversation in which nothing more can happen: no
    /// handshake under way, and nothing to be excused or counted. Most packets find one.
    #[inline]
    pub(super) fn is_settled(self, now: u8) -> bool {
        const MASK: u64 = 0xffff << HEARD_SHIFT | 3 << PHASE_SHIFT | (MOST_PENDING as u64) << PENDING_SHIFT;
        let both = u64::from(now) * 0x0101;
        // The phases that are multiples of four: open and used.
        self.0 & MASK == both << HEARD_SHIFT && self.progress() != 1
    }

    #[inline]
    pub(super) fn phase(self) -> u8 {
        (self.0 >> PHASE_SHIFT) as u8 & 7
    }

    #[inline]
    pub(super) fn set_phase(&mut self, phase: u8) {
        self.0 = self.0 & !(7 << PHASE_SHIFT) | u64::from(phase) << PHASE_SHIFT;
    }

    #[inline]
    pub(super) fn opened_by(self, upper: bool) -> bool {
        (self.0 & UPPER_OPENED != 0) == upper
    }

    pub(super) fn set_opener(&mut self, upper: bool) {
        self.0 = self.0 & !UPPER_OPENED | if upper { UPPER_OPENED } else { 0 };
    }

    #[inline]
    pub(super) fn progress(self) -> u8 {
        (self.0 >> PROGRESS_SHIFT) as u8 & 3
    }

    pub(super) fn set_progress(&mut self, progress: u8) {
        self.0 = self.0 & !(3 << PROGRESS_SHIFT) | u64::from(progress.min(3)) << PROGRESS_SHIFT;
    }

    #[inline]
    pub(super) fn pending(self) -> u8 {
        (self.0 >> PENDING_SHIFT) as u8 & MOST_PENDING
    }

    pub(super) fn set_pending(&mut self, pending: u8) {
        self.0 = self.0 & !(7 << PENDING_SHIFT) | u64::from(pending.min(MOST_PENDING)) << PENDING_SHIFT;
    }

    #[inline]
    pub(super) fn number(self) -> u16 {
        (self.0 >> NUMBER_SHIFT) as u16
    }

    #[inline]
    pub(super) fn set_number(&mut self, number: u16) {
        self.0 = self.0 & !(0xffff << NUMBER_SHIFT) | u64::from(number) << NUMBER_SHIFT;
    }

    /// Steps after which it is forgotten.
    pub(super) fn life(self) -> u8 {
        match self.0 & IS_TCP != 0 {
            true if matches!(self.phase(), phase::SYN | phase::SYN_ACK) => HALF_OPEN_LIFE,
            true => TCP_LIFE,
            false => LIFE,
        }
    }

    /// Steps since either end was heard.
    pub(super) fn idle(self, now: u8) -> u8 {
        let of = |heard: u8| if heard == 0 { u8::MAX } else { steps(heard, now) };
        of(self.heard(false)).min(of(self.heard(true)))
    }

    pub(super) fn is_forgotten(self, now: u8) -> bool {
        self.idle(now) > self.life()
    }
}

/// Steps from one reading of the clock to a later one.
#[inline]
fn steps(from: u8, to: u8) -> u8 {
    // Readings are 1 to 255.
    if to >= from { to - from } else { to.wrapping_add(u8::MAX).wrapping_sub(from) }
}

#[inline]
pub(super) fn is_recent(heard: u8, now: u8, life: u8) -> bool {
    heard != 0 && steps(heard, now) <= life
}
