//! Every vector that can be drilled makes an incident of its name, at the default limits, that opens and ends: in packet
//! time, without a daemon.

use pegel::base::Timestamp;
use pegel::config::Config;
use pegel::incident::Change;
use pegel::runtime::drill::{Drill, DrillOrder, FASTEST, LONGEST, vectors};

const START: Timestamp = Timestamp::from_parts(1_800_000_000, 50_000_000);

fn order(vector: &str) -> DrillOrder {
    DrillOrder { vector: vector.to_owned(), target: Some("203.0.113.7".parse().unwrap()), seconds: 5, rate: None }
}

#[test]
fn every_drill_makes_an_incident_of_its_vector_that_ends() {
    let config = Config::default();
    let (mut wrong, mut drills) = (Vec::new(), 0);
    for vector in vectors() {
        drills += 1;
        // As long as the slowest of them takes to show.
        let order = DrillOrder { seconds: 12, target: None, ..order(vector.name()) };
        let mut drill = Drill::new(&order, &config, &[], START).unwrap();
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
fn orders_that_cannot_be_played_say_what_can() {
    let config = Config::default();
    let refused = |order: DrillOrder| Drill::new(&order, &config, &[], START).err().unwrap_or_default();
    assert!(refused(order("teardrop")).contains("these can: syn_flood "));
    for address in ["0.0.0.0", "::", "224.0.0.1", "ff02::1"] {
        let order = DrillOrder { target: Some(address.parse().unwrap()), ..order("syn_flood") };
        assert!(refused(order).contains("is no host's address"));
    }
    assert!(refused(order("icmpv6_flood")).contains("another family"));
    assert!(refused(order("mac_not_allowed")).contains("cannot be drilled"));
    assert!(refused(DrillOrder { seconds: LONGEST + 1, ..order("syn_flood") }).contains("3600 seconds"));
    assert!(refused(DrillOrder { rate: Some(FASTEST * 2.0), ..order("syn_flood") }).contains("20000"));
    assert!(refused(DrillOrder { rate: Some(f64::NAN), ..order("syn_flood") }).contains("20000"));
}

#[test]
fn the_target_is_ours_unless_it_is_named() {
    let config = Config::default();
    let unnamed = DrillOrder { target: None, ..order("syn_flood") };
    let target = |networks: &[&str]| {
        let networks: Vec<_> = networks.iter().map(|network| network.parse().unwrap()).collect();
        Drill::new(&unnamed, &config, &networks, START).unwrap().target.to_string()
    };
    assert_eq!(target(&["198.51.100.0/24", "203.0.113.0/24"]), "198.51.100.1");
    assert_eq!(target(&["2001:db8:10::/48"]), "2001:db8:10::");
    assert_eq!(target(&[]), "203.0.113.7");
}
