//! Packets of a host by the application protocol of their payload.

use super::scale::Scale;
use crate::packet::App;

/// Both directions of one host over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppCounts {
    received: [u32; App::COUNT],
    sent: [u32; App::COUNT],
}

impl AppCounts {
    /// Adds packets; those without a known application are not counted.
    #[inline]
    pub fn count(&mut self, app: App, packets: u32, sent: bool) {
        let side = if sent { &mut self.sent } else { &mut self.received };
        if let Some(count) = side.get_mut(app.index()) {
            *count = count.saturating_add(packets);
        }
    }

    /// Packets of one application, sent or received.
    pub fn of(&self, app: App, sent: bool) -> u64 {
        let side = if sent { &self.sent } else { &self.received };
        side.get(app.index()).copied().unwrap_or(0).into()
    }

    /// Adds all counts of another.
    pub fn add(&mut self, other: &AppCounts) {
        self.join(other, u32::wrapping_add);
    }

    /// Subtracts counts that were added before.
    pub(super) fn subtract(&mut self, other: &AppCounts) {
        self.join(other, u32::wrapping_sub);
    }

    pub fn scale_up(&mut self, scale: Scale) {
        self.received.iter_mut().chain(&mut self.sent).for_each(|count| *count = scale.of_small(*count));
    }

    fn join(&mut self, other: &AppCounts, join: impl Fn(u32, u32) -> u32) {
        let (mine, theirs) = (self.received.iter_mut().chain(&mut self.sent), other.received.iter().chain(&other.sent));
        mine.zip(theirs).for_each(|(mine, &theirs)| *mine = join(*mine, theirs));
    }
}
