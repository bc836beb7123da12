//! The gate before the detectors is exact: see `detect/gate.rs`. Every scenario audits it as well, as does whatever else is
//! played by `play`.

mod play;
mod tools;

use pegel::base::Severity;
use pegel::capture::pcap_file::PcapFile;
use pegel::config::Config;
use pegel::incident::Incident;
use pegel::runtime::replay::Replay;
use pegel::traffic::{Params, Part, Scenario, TrafficModel};
use play::play;

fn config(text: &str) -> Config {
    Config::parse(text, "test").expect("a configuration")
}

/// A flood below the default limit, against a host that has a lower one.
#[test]
fn limits_of_groups_lower_the_floors() {
    let group = "networks = [\"203.0.113.0/24\"]\n[[group]]\nname = \"quiet\"\nnetworks = [\"203.0.113.7/32\"]\n\
                 [group.inbound.udp_flood]\npackets_per_second = 40\n[group.inbound.syn_flood]\npackets_per_second = 20\n";
    for model in [TrafficModel::SynFlood, TrafficModel::UdpFlood] {
        let mut part = Part::new(model, 1.0, 6.0);
        part.params = Params { rate: Some(60.0), ..Params::default() };
        let scenario = Scenario::new(1, vec![part]);
        let found = |config: &Config| play(config, &[], scenario.source()).len();
        assert_eq!(found(&config("networks = [\"203.0.113.0/24\"]")), 0, "{}", model.name());
        assert_eq!(found(&config(group)), 1, "{}", model.name());
    }
}

#[test]
fn a_limit_on_all_traffic_opens_the_gate_for_it() {
    let mut part = Part::new(TrafficModel::BenchConversations, 0.0, 4.0);
    part.params = Params { rate: Some(5_000.0), sources: Some(40), ..Params::default() };
    let scenario = Scenario::new(1, vec![part]);
    let alarms =
        |incidents: Vec<Incident>| incidents.iter().filter(|incident| incident.severity > Severity::Info).count();
    let found = |text: &str| alarms(play(&config(text), &[], scenario.source()));
    assert_eq!(found("networks = [\"172.16.0.0/12\", \"2001:db8:10::/48\"]"), 0);
    assert!(
        found("networks = [\"172.16.0.0/12\", \"2001:db8:10::/48\"]\n[detect.total]\npackets_per_second = 500") > 0
    );
    assert!(
        found("networks = [\"172.16.0.0/12\", \"2001:db8:10::/48\"]\n[detect.total]\nbits_per_second = 3000000") > 0
    );
}

#[test]
fn nothing_is_prevented_on_real_captures() {
    let files = tools::shared_captures();
    if files.is_empty() {
        eprintln!("skipped: no captures in ../shared");
        return;
    }
    let mut packets = 0;
    for file in &files {
        let mut replay = Replay::new(&Config::default());
        replay.audit_gate();
        // A damaged file is analysed up to the damage.
        if let Ok(mut source) = PcapFile::open(file) {
            let _ = replay.run(&mut source, |_, _, _| {});
        }
        replay.finish();
        packets += replay.engine().totals().frames.packets;
        assert_eq!(replay.prevented(), 0, "{}", file.display());
    }
    eprintln!("{packets} packets in {} captures", files.len());
    assert!(packets > 0);
}
