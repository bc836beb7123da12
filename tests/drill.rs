//! Every vector that can be drilled opens one incident of that vector at the default limits, which closes again. Packet
//! time, without a daemon.

use pegel::base::Timestamp;
use pegel::config::Config;
use pegel::incident::Change;
use pegel::runtime::drill::{Drill, DrillRequest, MAX_RATE, MAX_SECONDS, vectors};

const START: Timestamp = Timestamp::from_parts(1_800_000_000, 50_000_000);

fn request(vector: &str) -> DrillRequest {
    DrillRequest { vector: vector.to_owned(), target: Some("203.0.113.7".parse().unwrap()), seconds: 5, rate: None }
}

#[test]
fn every_drill_opens_and_closes_an_incident_of_its_vector() {
    let config = Config::default();
    let (mut wrong, mut drills) = (Vec::new(), 0);
    for vector in vectors() {
        drills += 1;
        // Slow attacks take the longest to detect.
        let request = DrillRequest { seconds: 12, target: None, ..request(vector.name()) };
        let mut drill = Drill::new(&request, &config, &[], START).unwrap();
        let mut events = Vec::new();
        for step in 1..=2000 {
            events.extend(drill.advance(START.plus_seconds(f64::from(step) * 0.01)));
        }
        let opened = events.iter().filter(|event| event.change == Change::Opened).count();
        let last = events.last().map(|event| (event.change, event.incident.vectors.clone()));
        if opened != 1 || last.as_ref().is_none_or(|(change, of)| *change != Change::Closed || !of.contains(&vector)) {
            wrong.push(format!("{vector}: opened {opened}, last {last:?}"));
        }
        assert!(events.iter().all(|event| event.incident.drill && event.incident.id.starts_with("drill-")));
    }
    assert!(drills > 40, "only {drills}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn refusals_name_what_is_valid() {
    let config = Config::default();
    let refused = |request: DrillRequest| Drill::new(&request, &config, &[], START).err().unwrap_or_default();
    assert!(refused(request("teardrop")).contains("these can: syn_flood "));
    for address in ["0.0.0.0", "::", "224.0.0.1", "ff02::1"] {
        let to_address = DrillRequest { target: Some(address.parse().unwrap()), ..request("syn_flood") };
        assert!(refused(to_address).contains("is not a host address"));
    }
    assert!(refused(request("icmpv6_flood")).contains("address family"));
    assert!(refused(request("mac_not_allowed")).contains("cannot be drilled"));
    assert!(refused(DrillRequest { seconds: MAX_SECONDS + 1, ..request("syn_flood") }).contains("3600 seconds"));
    assert!(refused(DrillRequest { rate: Some(MAX_RATE * 2.0), ..request("syn_flood") }).contains("20000"));
    assert!(refused(DrillRequest { rate: Some(f64::NAN), ..request("syn_flood") }).contains("20000"));
}

#[test]
fn the_default_target_is_in_our_networks() {
    let config = Config::default();
    let unnamed = DrillRequest { target: None, ..request("syn_flood") };
    let target = |networks: &[&str]| {
        let networks: Vec<_> = networks.iter().map(|network| network.parse().unwrap()).collect();
        Drill::new(&unnamed, &config, &networks, START).unwrap().target.to_string()
    };
    assert_eq!(target(&["198.51.100.0/24", "203.0.113.0/24"]), "198.51.100.1");
    assert_eq!(target(&["2001:db8:10::/48"]), "2001:db8:10::");
    assert_eq!(target(&[]), "203.0.113.7");
}
