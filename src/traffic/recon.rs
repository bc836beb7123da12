//! Reconnaissance and side effects of attacks elsewhere: ARP scans, password guessing, backscatter.

use super::frames::{ACK, Body, Plan, RST, SYN, Tcp, TcpOptions, Way};
use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use super::tcp::{Connection, End};
use crate::base::{Addr, Mac};

type Built = (Box<dyn Model>, Pacing);

/// ARP requests of one station. `write` appends the octets of a request, given the sender and a random number that
/// determines the requested address.
struct Arp {
    write: fn(&mut Vec<u8>, Mac, u64),
}

impl Model for Arp {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let body = Body::Link(Mac::BROADCAST, self.write);
        schedule.send(now, Plan::new(Way::Outward, Addr::UNSPECIFIED, Addr::from_v6_bits(1), body));
    }
}

const SCANNER: Mac = Mac([0x52, 0x54, 0, 0, 0, 0x66]);

/// A scan like that of `arp-scan` or `nmap -sn` on the local segment: random addresses from all of the network.
pub(crate) fn arp_scan(setting: &mut Setting) -> Built {
    setting.macs.inside = setting.macs.inside.or(Some(SCANNER));
    (Box::new(Arp { write: |out, mac, draw| arp_request(out, mac, draw as u8) }), Pacing::Rate(setting.rate))
}

/// A router that repeatedly refreshes its ARP entries of thirty neighbours.
pub(crate) fn arp_router(setting: &mut Setting) -> Built {
    setting.macs.inside = setting.macs.inside.or(Some(Mac([2, 0, 0, 0, 0, 1])));
    (Box::new(Arp { write: |out, mac, draw| arp_request(out, mac, draw as u8 % 30) }), Pacing::Rate(setting.rate))
}

/// ARP request (RFC 826) of 203.0.113.66 for 203.0.113.`number`.
fn arp_request(out: &mut Vec<u8>, mac: Mac, number: u8) {
    out.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    out.extend(mac.0);
    out.extend([203, 0, 113, 66]);
    out.extend([0; 6]);
    out.extend([203, 0, 113, number]);
}

/// Password guessing like that of hydra or ncrack: connections with a few small messages each. `Setting::rate` is in
/// connections per second.
struct Guesser {
    setting: Setting,
}

pub(crate) fn brute_force(setting: &Setting) -> Built {
    (Box::new(Guesser { setting: setting.clone() }), Pacing::Rate(setting.rate))
}

impl Model for Guesser {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let client = (self.setting.sources.pick(&mut schedule.rng), schedule.rng.port());
        let server = (self.setting.target(), self.setting.port);
        let mut connection = Connection::new(self.setting.way, client, server, schedule);
        let mut time = connection.open(now, schedule);
        // Sizes in octets of the banners, key exchange and refusal of SSH (RFC 4253).
        for (from, octets) in
            [(End::Server, 40), (End::Client, 24), (End::Client, 800), (End::Server, 1_000), (End::Server, 80)]
        {
            time = connection.message(time, from, Payload::Random, octets, 0, schedule);
        }
        connection.close(time + 2_000_000, End::Client, schedule);
    }
}

/// SYN-ACKs and RSTs from hosts elsewhere that are being flooded with SYNs whose spoofed sources are our addresses.
struct Backscatter {
    setting: Setting,
}

pub(crate) fn backscatter(setting: &Setting) -> Built {
    (Box::new(Backscatter { setting: setting.clone() }), Pacing::Rate(setting.rate))
}

impl Model for Backscatter {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let Setting { sources, targets, way, port, .. } = &self.setting;
        let rng = &mut schedule.rng;
        let refused = rng.below(4) == 0;
        let tcp = Tcp {
            source_port: *port,
            target_port: rng.between(1024, 65_535) as u16,
            sequence: rng.next_u32(),
            acknowledged: rng.next_u32(),
            flags: if refused { RST | ACK } else { SYN | ACK },
            window: if refused { 0 } else { 64_240 },
            options: if refused { TcpOptions::None } else { TcpOptions::Mss(1460) },
        };
        let plan = Plan::new(*way, sources.pick(rng), targets.pick(rng), Body::Tcp(tcp));
        schedule.send(now, plan);
    }
}
