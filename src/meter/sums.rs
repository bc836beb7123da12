//! Sums: all traffic of a tick by class, as counted by a worker.

use super::counts::Count;
use super::report::Totals;
use crate::packet::{Anomaly, Class, Packet};

/// All traffic of a tick by class, in four rows: transit, to us, from us, both. A row has room for 32 classes.
pub(super) struct Sums([Count; 4 << CLASS_BITS]);

const CLASS_BITS: usize = 5;
const _: () = assert!(Class::COUNT <= 1 << CLASS_BITS);

impl Default for Sums {
    fn default() -> Self {
        Sums([Count::default(); 4 << CLASS_BITS])
    }
}

impl Sums {
    #[inline]
    pub(super) fn add(&mut self, packet: &Packet, to_us: bool, from_us: bool) {
        let row = usize::from(to_us) | usize::from(from_us) << 1;
        if let Some(count) = self.0.get_mut(row << CLASS_BITS | packet.class.index()) {
            count.add(packet.segments, packet.wire_len);
        }
    }

    pub(super) fn totals(&self, anomalies: [u64; Anomaly::COUNT]) -> Totals {
        let mut totals = Totals { anomalies, ..Totals::default() };
        for (row, counts) in self.0.chunks(1 << CLASS_BITS).enumerate() {
            for (class, &count) in counts.iter().enumerate() {
                totals.frames.merge(count);
                if row == 0 {
                    totals.transit.merge(count);
                }
                if row & 1 != 0
                    && let Some(received) = totals.received.get_mut(class)
                {
                    received.merge(count);
                }
                if row & 2 != 0
                    && let Some(transmitted) = totals.transmitted.get_mut(class)
                {
                    transmitted.merge(count);
                }
            }
        }
        totals
    }
}
