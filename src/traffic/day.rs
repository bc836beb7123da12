//! A day without incidents at a site with a few dozen hosts, at 2,000 packets per second on average. Rates are
//! realistic; a shorter hour makes the day shorter, not denser.

use super::models::TrafficModel;
use super::scenario::{Part, Scenario};
use super::schedule::Hours;
use super::setting::Params;

/// Seconds of an hour.
pub const HOUR: f64 = 3_600.0;

/// Private use: little at night, most in the evening.
const PRIVATE: Hours = [
    0.45, 0.30, 0.25, 0.20, 0.20, 0.25, 0.40, 0.70, 1.00, 1.20, 1.25, 1.25, 1.30, 1.25, 1.20, 1.20, 1.25, 1.35, 1.50,
    1.75, 1.90, 1.80, 1.40, 0.85,
];
/// Office use.
const OFFICE: Hours = [
    0.15, 0.15, 0.15, 0.15, 0.15, 0.20, 0.50, 1.20, 2.00, 2.20, 2.20, 2.00, 1.50, 2.00, 2.20, 2.10, 1.80, 1.20, 0.70,
    0.50, 0.40, 0.30, 0.20, 0.15,
];

/// Visitors per second of the shop, over TLS and unencrypted, on average over the day.
const VISITORS: f64 = 6.5;
const CLEAR_VISITORS: f64 = 1.6;
/// Additional visitors of the crowd at noon, as a multiple of these.
const CROWD: f64 = 9.0;

struct Plan {
    hour: f64,
    parts: Vec<Part>,
}

impl Plan {
    /// `model` from one hour of the day to another.
    fn add(&mut self, model: TrafficModel, from: f64, to: f64, change: impl FnOnce(&mut Params)) {
        let mut part = Part::new(model, from * self.hour, to * self.hour);
        change(&mut part.params);
        self.parts.push(part);
    }

    /// All day at `rate` per second on average, varying with `hours`.
    fn varying(&mut self, model: TrafficModel, rate: f64, hours: Hours, change: impl FnOnce(&mut Params)) {
        self.add(model, 0.0, 24.0, |params| {
            (params.rate, params.hours) = (Some(rate), Some(hours));
            change(params);
        });
    }

    /// All day at the same rate.
    fn even(&mut self, model: TrafficModel, rate: f64) {
        self.add(model, 0.0, 24.0, |params| params.rate = Some(rate));
    }

    fn visitors(&mut self) {
        self.varying(TrafficModel::WebServer, VISITORS, PRIVATE, |_| {});
        self.varying(TrafficModel::WebServer, 1.0, PRIVATE, |params| {
            params.target = "2001:db8:10::24/128".parse().ok()
        });
        self.varying(TrafficModel::WebServer, 0.5, PRIVATE, |params| {
            (params.target, params.target_port) = ("203.0.113.44/32".parse().ok(), Some(80));
        });
        self.varying(TrafficModel::HttpPages, CLEAR_VISITORS, PRIVATE, |_| {});
        self.varying(TrafficModel::HttpSplitHeads, 0.3, PRIVATE, |_| {});
        self.varying(TrafficModel::Http3Site, 3.0, PRIVATE, |_| {});
        // A flash crowd at noon: ten times the visitors within a quarter of an hour, until the end of the hour.
        let (shop, pages) = ("203.0.113.24/32".parse().ok(), "203.0.113.33/32".parse().ok());
        let (crowd, clear_crowd) = (CROWD * VISITORS, CROWD * CLEAR_VISITORS);
        self.add(TrafficModel::FlashCrowd, 12.0, 12.2, |params| {
            (params.rate, params.target) = (Some(crowd / 10.0), shop);
        });
        self.add(TrafficModel::WebServer, 12.2, 13.0, |params| {
            (params.rate, params.sources) = (Some(crowd), Some(20_000))
        });
        self.add(TrafficModel::HttpPages, 12.0, 13.0, |params| {
            (params.rate, params.target) = (Some(clear_crowd), pages)
        });
        self.add(TrafficModel::Http3Site, 12.0, 13.0, |params| params.rate = Some(10.0));
    }

    fn machines(&mut self) {
        self.varying(TrafficModel::HttpProxy, 10.0, PRIVATE, |_| {});
        self.even(TrafficModel::HttpProgram, 10.0);
        self.even(TrafficModel::HealthChecks, 2.0);
        self.even(TrafficModel::Keepalives, 8.0);
        self.even(TrafficModel::PingMonitor, 15.0);
        self.even(TrafficModel::NtpServer, 8.0);
        self.even(TrafficModel::NtpClient, 1.0);
        self.even(TrafficModel::CoapSensors, 2.0);
        self.even(TrafficModel::IkeGateway, 0.5);
        self.varying(TrafficModel::DnsResolver, 20.0, PRIVATE, |_| {});
        self.varying(TrafficModel::DnsServer, 20.0, PRIVATE, |_| {});
    }

    fn offices(&mut self) {
        self.varying(TrafficModel::MailIn, 1.0, OFFICE, |_| {});
        self.varying(TrafficModel::MailOut, 0.4, OFFICE, |_| {});
        self.varying(TrafficModel::Imap, 0.8, OFFICE, |_| {});
        self.varying(TrafficModel::Browser, 0.02, OFFICE, |_| {});
        self.varying(TrafficModel::OpenvpnGateway, 12.0, OFFICE, |_| {});
        self.varying(TrafficModel::SipTrunk, 0.5, OFFICE, |_| {});
        self.add(TrafficModel::Voip, 8.0, 17.5, |params| params.sources = Some(3));
        self.add(TrafficModel::TurnServer, 9.5, 11.0, |params| params.rate = Some(60.0));
        self.add(TrafficModel::Wireguard, 7.5, 18.0, |params| params.mbit = Some(0.5));
        self.add(TrafficModel::GreTunnel, 0.0, 24.0, |params| params.mbit = Some(0.2));
        self.add(TrafficModel::EspTunnel, 0.0, 24.0, |params| params.mbit = Some(0.2));
        self.add(TrafficModel::TftpBoot, 7.0, 7.1, |params| params.rate = Some(200.0));
    }

    fn evening(&mut self) {
        self.add(TrafficModel::GameServer, 18.0, 23.5, |params| params.sources = Some(6));
        self.varying(TrafficModel::GameQueries, 1.0, PRIVATE, |_| {});
        self.add(TrafficModel::QuicDownload, 19.0, 23.0, |params| params.mbit = Some(2.0));
        self.add(TrafficModel::Download, 17.0, 17.3, |params| params.mbit = Some(20.0));
        self.add(TrafficModel::MulticastIptv, 20.0, 22.0, |params| params.rate = Some(100.0));
        self.varying(TrafficModel::DhtNode, 3.0, PRIVATE, |_| {});
        self.add(TrafficModel::ServerBrowser, 20.0, 20.1, |params| params.rate = Some(50.0));
    }

    fn neighbours(&mut self) {
        self.even(TrafficModel::MdnsSsdpChatter, 1.0);
        self.even(TrafficModel::RoutingChatter, 2.0);
        self.even(TrafficModel::Discovery, 0.05);
        self.even(TrafficModel::ArpRouter, 1.0);
        self.even(TrafficModel::BfdEcho, 2.0);
    }

    /// Bulk transfers: backups at night, and speed tests.
    fn bulk(&mut self) {
        // 1 Gbit/s.
        self.add(TrafficModel::NfsFragments, 2.0, 2.0 + 1.0 / 40.0, |params| params.rate = Some(14_500.0));
        self.add(TrafficModel::Upload, 3.0, 3.0 + 1.0 / 20.0, |params| params.mbit = Some(400.0));
        for hour in [10.5, 16.25, 21.5] {
            self.add(TrafficModel::SpeedTest, hour, hour + 1.0 / 60.0, |params| params.mbit = Some(300.0));
        }
    }

    /// Every hour on the hour, all hosts fetch updates and resolve names for it.
    fn cron(&mut self) {
        for hour in 0..24u8 {
            let (from, to) = (f64::from(hour), f64::from(hour) + 1.0 / 12.0);
            self.add(TrafficModel::WebServer, from, to, |params| {
                params.direction = Some(crate::base::Direction::Outbound);
                params.rate = Some(10.0);
            });
            self.add(TrafficModel::DnsResolver, from, to, |params| params.rate = Some(60.0));
        }
    }

    /// A deployment at three: all clients of the shop, of the mailboxes and of the proxied servers reconnect.
    fn deploy(&mut self) {
        let span = (15.0 - 1.0 / 40.0, 15.0 + 1.0 / 40.0);
        // Browsers with an open page send a message twice a minute: most were silent in the seconds before.
        self.add(TrafficModel::Restart, span.0, span.1, |params| params.rate = Some(70.0));
        self.add(TrafficModel::Restart, span.0, span.1, |params| {
            (params.rate, params.sources) = (Some(15.0), Some(400));
            (params.target, params.target_port) = ("203.0.113.43/32".parse().ok(), Some(993));
        });
        self.add(TrafficModel::MassReset, 15.0, span.1, |params| params.rate = Some(30.0));
    }

    /// Background radiation: scanners, password guessing, and backscatter of attacks elsewhere.
    fn radiation(&mut self) {
        let network = "203.0.113.0/24".parse().ok();
        self.add(TrafficModel::HostSweep, 0.0, 24.0, |params| (params.rate, params.sources) = (Some(3.0), Some(400)));
        self.add(TrafficModel::UdpFlood, 0.0, 24.0, |params| {
            (params.rate, params.sources, params.payload, params.target) = (Some(1.0), Some(200), Some(48), network);
        });
        self.add(TrafficModel::Backscatter, 0.0, 24.0, |params| (params.rate, params.sources) = (Some(1.0), Some(20)));
        for hour in [1.5, 9.25, 22.0] {
            self.add(TrafficModel::PortScan, hour, hour + 1.0 / 20.0, |params| params.rate = Some(100.0));
        }
        self.add(TrafficModel::HostSweep, 4.5, 4.5 + 1.0 / 60.0, |params| params.rate = Some(200.0));
        self.add(TrafficModel::BruteForce, 5.0, 5.5, |params| {
            (params.rate, params.target) = (Some(5.0), "203.0.113.45/32".parse().ok());
        });
        self.add(TrafficModel::Backscatter, 13.5, 13.6, |params| params.rate = Some(40.0));
    }
}

/// A day from midnight to midnight whose hours have `hour` seconds ([`HOUR`] in reality).
pub fn day(hour: f64) -> Scenario {
    let mut plan = Plan { hour, parts: Vec::new() };
    plan.visitors();
    plan.machines();
    plan.offices();
    plan.evening();
    plan.neighbours();
    plan.bulk();
    plan.cron();
    plan.deploy();
    plan.radiation();
    Scenario::new(24, plan.parts)
}
