//! Requests: a sample of each tick with the requested names, so that an incident can name the site or the zone.
//!
//! The number of requests is counted elsewhere, exactly; reading a name costs too much to do it for each. A worker
//! keeps at most [`REQUESTS`] a tick, each with the number of requests since the previous one as its weight: all of
//! them while there are few, then every second, fourth, … So no more than a few times [`REQUESTS`] names are read in a
//! tick, and made-up names of a flood replace each other.

use super::hash::Hasher;
use super::samples::{Weighed, halve, next_stride, skip_count};
use super::scale::Scale;
use crate::base::{Addr, TICKS_PER_SECOND};
use crate::packet::{App, Packet, RequestInfo, name};

/// Requests kept per tick by a worker, and by the merger for all workers.
pub const REQUESTS: usize = 256;

/// One request, which stands for `weight` of its tick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// Address of the client.
    pub source: Addr,
    /// Address of the server.
    pub target: Addr,
    /// Kind of the request, recognised from its payload.
    pub app: App,
    /// Requests that this one stands for.
    pub weight: u32,
    /// The requested name, and hashes of the requested item.
    pub asked: RequestInfo,
}

impl Weighed for Request {
    fn weight_mut(&mut self) -> &mut u32 {
        &mut self.weight
    }
}

/// A uniform sample in bounded memory.
struct Sample {
    items: Vec<Request>,
    stride: u32,
}

impl Sample {
    fn new() -> Sample {
        // Touched in full, like everything else.
        let mut items = vec![Request::default(); REQUESTS];
        items.clear();
        Sample { items, stride: 1 }
    }

    fn halve(&mut self, random: u64) {
        let left = halve(&mut self.items, random);
        self.items.truncate(left);
        self.stride = next_stride(self.stride);
    }
}

/// One worker's sample of the current tick.
pub(super) struct Requests {
    sample: Sample,
    hasher: Hasher,
    skip: u32,
    since: u32,
    seen: u64,
}

impl Requests {
    pub(super) fn new(hasher: Hasher) -> Requests {
        Requests { sample: Sample::new(), hasher, skip: 0, since: 0, seen: 0 }
    }

    /// Must be called for every request, with the frame that contains it.
    #[inline]
    pub(super) fn offer(&mut self, packet: &Packet, frame: &[u8]) {
        self.seen += 1;
        self.since = self.since.saturating_add(1);
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.keep(packet, frame);
        }
    }

    fn keep(&mut self, packet: &Packet, frame: &[u8]) {
        // A periodic sender must not synchronise with the stride.
        let random = self.hasher.word(self.seen ^ u64::from(packet.source_port) << 48);
        if self.sample.items.len() >= REQUESTS {
            self.sample.halve(random);
        }
        let payload = frame.get(usize::from(packet.payload_at)..).unwrap_or_default();
        // Ethernet pads short frames.
        let payload = payload.get(..usize::from(packet.payload_len)).unwrap_or(payload);
        let asked = name::read(packet.app, payload);
        let (source, target) = (packet.source, packet.destination);
        self.sample.items.push(Request { source, target, app: packet.app, weight: self.since, asked });
        self.since = 0;
        self.skip = skip_count(self.sample.stride, random);
    }

    /// Swaps the tick's sample into `into` (its content is discarded) and starts the next; returns how many requests
    /// are not in the sample.
    pub(super) fn finish_tick(&mut self, into: &mut Vec<Request>) -> u64 {
        into.clear();
        std::mem::swap(into, &mut self.sample.items);
        self.sample.stride = 1;
        (self.skip, self.since) = (0, 0);
        std::mem::take(&mut self.seen).saturating_sub(into.len() as u64)
    }
}

/// The sampled requests of the last ten ticks.
pub(super) struct RecentRequests([Sample; TICKS_PER_SECOND]);

impl Default for RecentRequests {
    fn default() -> Self {
        RecentRequests(std::array::from_fn(|_| Sample::new()))
    }
}

impl RecentRequests {
    /// Starts a tick, empty.
    pub(super) fn open(&mut self, tick: u64) {
        if let Some(sample) = self.0.get_mut((tick % TICKS_PER_SECOND as u64) as usize) {
            sample.items.clear();
        }
    }

    pub(super) fn reset(&mut self) {
        self.0.iter_mut().for_each(|sample| sample.items.clear());
    }

    /// Adds a worker's sample of tick `tick`; returns how many requests were dropped from the sample.
    pub(super) fn absorb(&mut self, tick: u64, requests: &[Request]) -> u64 {
        let Some(sample) = self.0.get_mut((tick % TICKS_PER_SECOND as u64) as usize) else { return 0 };
        let mut lost = 0;
        for request in requests {
            if sample.items.len() >= REQUESTS {
                // The workers have sampled randomly already: any number will do.
                sample.halve(request.asked.item);
                lost += (REQUESTS / 2) as u64;
            }
            sample.items.push(*request);
        }
        lost
    }

    /// Requests of the last `ticks` ticks up to `tick`, newest tick first.
    pub(super) fn last(&self, tick: u64, ticks: usize) -> impl Iterator<Item = &Request> {
        (0..ticks.min(TICKS_PER_SECOND) as u64)
            .filter_map(move |back| self.0.get((tick.wrapping_sub(back) % TICKS_PER_SECOND as u64) as usize))
            .flat_map(|sample| &sample.items)
    }
}

/// Scales the weights of captured requests to the traffic that they stand for.
pub(super) fn scale_up(requests: &mut [Request], scale: Scale) {
    requests.iter_mut().for_each(|request| request.weight = scale.of_small(request.weight));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(name: &str) -> Vec<u8> {
        let mut data = vec![22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3];
        data.extend([0; 32]);
        data.extend([0, 0, 2, 0x13, 1, 1, 0]);
        let length = name.len() as u16;
        data.extend((length + 9).to_be_bytes());
        data.extend([0, 0]);
        data.extend((length + 5).to_be_bytes());
        data.extend((length + 3).to_be_bytes());
        data.push(0);
        data.extend(length.to_be_bytes());
        data.extend(name.bytes());
        data
    }

    #[test]
    fn a_hundred_thousand_names_need_the_memory_of_few() {
        let mut requests = Requests::new(Hasher::fixed());
        let mut report = Vec::with_capacity(REQUESTS);
        for n in 0..100_000u32 {
            let frame = hello(&format!("n{n}.example"));
            let source = Addr::from_v4_bits(n);
            let payload_len = frame.len() as u16;
            let packet = Packet { app: App::TlsClientHello, source, payload_len, source_port: 9, ..Packet::default() };
            requests.offer(&packet, &frame);
        }
        let capacity = requests.sample.items.capacity();
        let lost = requests.finish_tick(&mut report);
        assert_eq!((capacity, report.capacity()), (REQUESTS, REQUESTS));
        assert_eq!(lost, 100_000 - report.len() as u64);
        // The weights cover all requests but the few since the last kept one.
        let weight: u32 = report.iter().map(|request| request.weight).sum();
        assert!((95_000..=100_000).contains(&weight) && report.len() >= REQUESTS / 2, "{weight}");
        assert!(report.iter().all(|request| request.asked.name.to_string().ends_with(".example")));
        // Sampled from the whole tick, not from its beginning.
        let late = report.iter().filter(|request| request.source.bits() as u32 >= 50_000).count();
        assert!(late.abs_diff(report.len() / 2) < report.len() / 4, "{late} of {}", report.len());

        let mut recent = RecentRequests::default();
        recent.open(7);
        for _ in 0..5 {
            recent.absorb(7, &report);
        }
        assert!(recent.last(7, 10).count() <= REQUESTS);
        assert_eq!(recent.last(7, 1).map(|request| request.weight).sum::<u32>(), 5 * weight);
        recent.open(17);
        assert_eq!(recent.last(17, 10).count(), 0);
    }
}
