//! Packets of a host by the application protocol of their payload.

use super::bits::ones;
use super::scale::Scale;
use crate::packet::App;

/// Both directions of one host over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppCounts {
    /// Bits of the applications that may have counts: of most hosts none.
    used: u32,
    /// Received, and sent.
    packets: [[u32; 2]; App::COUNT],
}

const _: () = assert!(App::COUNT <= u32::BITS as usize);

impl AppCounts {
    /// Adds packets; those without a known application are not counted.
    #[inline]
    pub fn count(&mut self, app: App, packets: u32, sent: bool) {
        if let Some(counts) = self.packets.get_mut(app.index())
            && let Some(count) = counts.get_mut(usize::from(sent))
        {
            *count = count.saturating_add(packets);
            self.used |= 1 << app.index();
        }
    }

    /// Bits of the applications that may have counts.
    #[inline]
    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// Packets of one application, sent or received.
    pub fn of(&self, app: App, sent: bool) -> u64 {
        let counts = self.packets.get(app.index()).copied().unwrap_or_default();
        counts.get(usize::from(sent)).copied().unwrap_or(0).into()
    }

    /// Adds all counts of another.
    pub fn add(&mut self, other: &AppCounts) {
        self.join(other, u32::wrapping_add);
    }

    /// Subtracts counts that were added before.
    pub(super) fn subtract(&mut self, other: &AppCounts) {
        self.join(other, u32::wrapping_sub);
    }

    /// Makes all counts zero.
    pub(super) fn clear(&mut self) {
        if self.used != 0 {
            *self = AppCounts::default();
        }
    }

    pub fn scale_up(&mut self, scale: Scale) {
        self.packets.iter_mut().flatten().for_each(|count| *count = scale.of_small(*count));
    }

    fn join(&mut self, other: &AppCounts, join: impl Fn(u32, u32) -> u32) {
        self.used |= other.used;
        for app in ones(other.used) {
            if let (Some(mine), Some(theirs)) = (self.packets.get_mut(app), other.packets.get(app)) {
                mine.iter_mut().zip(theirs).for_each(|(mine, &theirs)| *mine = join(*mine, theirs));
            }
        }
    }
}
