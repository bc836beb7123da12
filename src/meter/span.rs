//! The periods over which detectors count.

/// A period that ends with the current tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// 0.1 s.
    Tick,
    /// 0.2 s: the last two ticks, so that a burst across a tick boundary is fully included.
    Burst,
    /// 1 s, sliding tick by tick.
    Second,
    /// 10 s, sliding second by second.
    TenSeconds,
    /// 60 s, sliding by ten seconds. Of a minute only all packets, TCP data and applications are kept.
    Minute,
}

impl Span {
    /// Length in seconds.
    pub const fn seconds(self) -> f64 {
        match self {
            Span::Tick => 0.1,
            Span::Burst => 0.2,
            Span::Second => 1.0,
            Span::TenSeconds => 10.0,
            Span::Minute => 60.0,
        }
    }
}
