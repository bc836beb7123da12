//! Precedence between detectors, as data. Some packets fit two detectors: the SYNs of a flood with random flags are
//! unanswered SYNs as well. One of the two *claims* such packets, and the others' specs say that they yield to the claim
//! ([`DetectorSpec::yields_to`](super::DetectorSpec)). Neither knows the other.

use std::cell::Cell;

/// A shape of traffic that one detector claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Several TCP flag patterns flood at the same time: reported as `tcp_flood`, not by pattern.
    FlagMixture,
    /// SYN-ACKs from few service ports: real servers that answer spoofed SYNs. Invented ones come from any port.
    ReflectedSynAcks,
    /// Data and RSTs of middleboxes that answer a spoofed request.
    MiddleboxReplies,
    /// UDP reflected by a service that is not in the table of amplifiers.
    ReflectedUdp,
    /// SIP requests: most of the host's UDP.
    SipRequests,
    /// Later fragments of large replies of amplifiers.
    AmplifierFragments,
    /// Later fragments of large replies of other reflectors.
    ReflectedFragments,
}

impl Claim {
    /// Every claim, in the order of declaration: a claim is at the index `claim as usize`.
    pub const ALL: [Claim; 7] = [
        Claim::FlagMixture,
        Claim::ReflectedSynAcks,
        Claim::MiddleboxReplies,
        Claim::ReflectedUdp,
        Claim::SipRequests,
        Claim::AmplifierFragments,
        Claim::ReflectedFragments,
    ];
}

/// Which claims apply to one host in one tick: each is decided once, when it is first asked for.
#[derive(Default)]
pub(super) struct ClaimCache([Cell<Option<bool>>; Claim::ALL.len()]);

impl ClaimCache {
    pub(crate) fn get_or_init(&self, claim: Claim, decide: impl FnOnce() -> bool) -> bool {
        // Every claim has an index below the array's length.
        let Some(cell) = self.0.get(claim as usize) else { return decide() };
        let applies = cell.get().unwrap_or_else(decide);
        cell.set(Some(applies));
        applies
    }
}
