//! A day at a site with a few dozen hosts, at 2,000 packets a second on average, on which nothing is wrong: what must
//! raise nothing. Rates are those of life; a shorter hour makes the day shorter, not denser.

use super::agenda::Hours;
use super::models::TrafficModel;
use super::scenario::{Part, Scenario};
use super::setting::Params;

/// Seconds of an hour.
pub const HOUR: f64 = 3_600.0;

/// People: few at night, most in the evening.
const PEOPLE: Hours = [
    0.45, 0.30, 0.25, 0.20, 0.20, 0.25, 0.40, 0.70, 1.00, 1.20, 1.25, 1.25, 1.30, 1.25, 1.20, 1.20, 1.25, 1.35, 1.50,
    1.75, 1.90, 1.80, 1.40, 0.85,
];
/// Offices.
const WORK: Hours = [
    0.15, 0.15, 0.15, 0.15, 0.15, 0.20, 0.50, 1.20, 2.00, 2.20, 2.20, 2.00, 1.50, 2.00, 2.20, 2.10, 1.80, 1.20, 0.70,
    0.50, 0.40, 0.30, 0.20, 0.15,
];

/// Visitors a second of the shop, over TLS and in the clear, on average over the day.
const VISITORS: f64 = 6.5;
const CLEAR_VISITORS: f64 = 1.6;
/// What the crowd at noon is more than these.
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

    /// All day at a mean of `rate` a second, more at busy hours.
    fn tidal(&mut self, model: TrafficModel, rate: f64, hours: Hours, change: impl FnOnce(&mut Params)) {
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
        self.tidal(TrafficModel::WebServer, VISITORS, PEOPLE, |_| {});
        self.tidal(TrafficModel::WebServer, 1.0, PEOPLE, |params| params.target = "2001:db8:10::24/128".parse().ok());
        self.tidal(TrafficModel::WebServer, 0.5, PEOPLE, |params| {
            (params.target, params.target_port) = ("203.0.113.44/32".parse().ok(), Some(80));
        });
        self.tidal(TrafficModel::HttpPages, CLEAR_VISITORS, PEOPLE, |_| {});
        self.tidal(TrafficModel::HttpSplitHeads, 0.3, PEOPLE, |_| {});
        self.tidal(TrafficModel::Http3Site, 3.0, PEOPLE, |_| {});
        // Word gets round at noon: within a quarter of an hour there are ten times the visitors, and for the rest of it.
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

    fn programs(&mut self) {
        self.tidal(TrafficModel::HttpProxy, 10.0, PEOPLE, |_| {});
        self.even(TrafficModel::HttpProgram, 10.0);
        self.even(TrafficModel::HealthChecks, 2.0);
        self.even(TrafficModel::Keepalives, 8.0);
        self.even(TrafficModel::PingMonitor, 15.0);
        self.even(TrafficModel::NtpServer, 8.0);
        self.even(TrafficModel::NtpClient, 1.0);
        self.even(TrafficModel::CoapSensors, 2.0);
        self.even(TrafficModel::IkeGateway, 0.5);
        self.tidal(TrafficModel::DnsResolver, 20.0, PEOPLE, |_| {});
        self.tidal(TrafficModel::DnsServer, 20.0, PEOPLE, |_| {});
    }

    fn offices(&mut self) {
        self.tidal(TrafficModel::MailIn, 1.0, WORK, |_| {});
        self.tidal(TrafficModel::MailOut, 0.4, WORK, |_| {});
        self.tidal(TrafficModel::Imap, 0.8, WORK, |_| {});
        self.tidal(TrafficModel::Browser, 0.02, WORK, |_| {});
        self.tidal(TrafficModel::OpenvpnGateway, 12.0, WORK, |_| {});
        self.tidal(TrafficModel::SipTrunk, 0.5, WORK, |_| {});
        self.add(TrafficModel::Voip, 8.0, 17.5, |params| params.sources = Some(3));
        self.add(TrafficModel::TurnServer, 9.5, 11.0, |params| params.rate = Some(60.0));
        self.add(TrafficModel::Wireguard, 7.5, 18.0, |params| params.mbit = Some(0.5));
        self.add(TrafficModel::GreTunnel, 0.0, 24.0, |params| params.mbit = Some(0.2));
        self.add(TrafficModel::EspTunnel, 0.0, 24.0, |params| params.mbit = Some(0.2));
        self.add(TrafficModel::TftpBoot, 7.0, 7.1, |params| params.rate = Some(200.0));
    }

    fn evening(&mut self) {
        self.add(TrafficModel::GameServer, 18.0, 23.5, |params| params.sources = Some(6));
        self.tidal(TrafficModel::GameQueries, 1.0, PEOPLE, |_| {});
        self.add(TrafficModel::QuicDownload, 19.0, 23.0, |params| params.mbit = Some(2.0));
        self.add(TrafficModel::Download, 17.0, 17.3, |params| params.mbit = Some(20.0));
        self.add(TrafficModel::MulticastIptv, 20.0, 22.0, |params| params.rate = Some(100.0));
        self.tidal(TrafficModel::DhtNode, 3.0, PEOPLE, |_| {});
        self.add(TrafficModel::ServerBrowser, 20.0, 20.1, |params| params.rate = Some(50.0));
    }

    fn neighbours(&mut self) {
        self.even(TrafficModel::MdnsSsdpChatter, 1.0);
        self.even(TrafficModel::RoutingChatter, 2.0);
        self.even(TrafficModel::Discovery, 0.05);
        self.even(TrafficModel::ArpRouter, 1.0);
        self.even(TrafficModel::BfdEcho, 2.0);
    }

    /// What fills lines: backups at night, and measurements of how fast one is.
    fn bulk(&mut self) {
        // 1 Gbit/s.
        self.add(TrafficModel::NfsFragments, 2.0, 2.0 + 1.0 / 40.0, |params| params.rate = Some(14_500.0));
        self.add(TrafficModel::Upload, 3.0, 3.0 + 1.0 / 20.0, |params| params.mbit = Some(400.0));
        for hour in [10.5, 16.25, 21.5] {
            self.add(TrafficModel::SpeedTest, hour, hour + 1.0 / 60.0, |params| params.mbit = Some(300.0));
        }
    }

    /// On the hour all hosts fetch what is new, and ask for it.
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

    /// New versions at three: every connection of the shop, of the mailboxes and behind the proxies is made anew.
    fn deploy(&mut self) {
        let span = (15.0 - 1.0 / 40.0, 15.0 + 1.0 / 40.0);
        // Browsers with a page open say so twice a minute: most were not heard of in the seconds before.
        self.add(TrafficModel::Restart, span.0, span.1, |params| params.rate = Some(70.0));
        self.add(TrafficModel::Restart, span.0, span.1, |params| {
            (params.rate, params.sources) = (Some(15.0), Some(400));
            (params.target, params.target_port) = ("203.0.113.43/32".parse().ok(), Some(993));
        });
        self.add(TrafficModel::MassReset, 15.0, span.1, |params| params.rate = Some(30.0));
    }

    /// What reaches every address: scanners, guesses at passwords, and echoes of attacks on others.
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

/// Midnight to midnight, with hours of so many seconds ([`HOUR`] in life).
pub fn day(hour: f64) -> Scenario {
    let mut plan = Plan { hour, parts: Vec::new() };
    plan.visitors();
    plan.programs();
    plan.offices();
    plan.evening();
    plan.neighbours();
    plan.bulk();
    plan.cron();
    plan.deploy();
    plan.radiation();
    Scenario::new(24, plan.parts)
}
