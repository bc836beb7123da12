use super::super::quantities::Quantity;
use super::learner::{Baseline, Host};
use super::weekly_profile::{Slot, WeeklyProfile};
use super::*;
use crate::base::{Addr, Direction, Timestamp};
use proptest::prelude::*;

const SAVED: Timestamp = Timestamp::from_parts(1_767_225_600, 0);

/// Every default is 1000 packets/s.
fn limits() -> DefaultLimits {
    DefaultLimits([1000.0; Quantity::COUNT])
}

fn address(number: u32) -> Addr {
    Addr::from_v4_bits(0xcb00_7100 + number)
}

/// So many hosts, each a little more active than the one before.
fn learned(hosts: u32) -> Baseline {
    let mut baseline = Baseline::new(hosts as usize, limits());
    for number in 0..hosts {
        let mut host = Host { activity: number as f32, ..Host::default() };
        for which in [0, Quantity::COUNT + 3] {
            let mut profile = Box::<WeeklyProfile>::default();
            for slot in [0, 72, 167] {
                profile.slots[slot] = Slot { centre: 1000.0, spread: 10.0, minutes: 150.0 };
            }
            host.profiles[which] = Some(profile);
        }
        baseline.hosts.insert(address(number), host);
    }
    baseline
}

fn level(baseline: &Baseline, number: u32) -> Option<f64> {
    baseline.level_at(address(number), Direction::Inbound, Quantity::UnansweredSyns, SAVED)
}

#[test]
fn the_week_begins_on_monday() {
    // 2026-01-01 was a Thursday.
    assert_eq!(hour_of_week(SAVED), 72);
    assert_eq!(hour_of_week(SAVED.plus_seconds(4.0 * 86_400.0)), 0);
}

#[test]
fn what_was_saved_is_read_back() {
    let bytes = learned(5).to_bytes(SAVED);
    let read = Baseline::from_bytes(&bytes, 5, limits()).expect("whole");
    assert_eq!((read.len(), level(&read, 3)), (5, level(&learned(5), 3)));
    assert_eq!(read.to_bytes(SAVED), bytes);
    let fewer = Baseline::from_bytes(&bytes, 2, limits()).expect("whole");
    assert_eq!(fewer.hosts.keys().copied().collect::<Vec<_>>(), [address(3), address(4)], "the most active stay");
}

#[test]
fn what_is_damaged_or_foreign_is_refused() {
    let read = |bytes: &[u8]| Baseline::from_bytes(bytes, 5, limits()).map(|baseline| baseline.len());
    let good = learned(2).to_bytes(SAVED);
    for length in 8..good.len() {
        assert_eq!(read(&good[..length]), Err(FormatError::Checksum), "cut off at {length}");
    }
    assert_eq!(read(b"PEGEL"), Err(FormatError::NotABaseline));
    let mut other = good.clone();
    other[7] = 9;
    assert_eq!(read(&other), Err(FormatError::Version(9)));
    let mut flipped = good.clone();
    flipped[40] ^= 1;
    assert_eq!(read(&flipped), Err(FormatError::Checksum));
    let with = |content: &[u8]| {
        let mut bytes = content.to_vec();
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        read(&bytes)
    };
    let content = &good[..good.len() - 4];
    assert_eq!(with(&[content, &[0]].concat()), Err(FormatError::Content), "something behind the last host");
    let mut infinite = content.to_vec();
    let activity = 8 + 8 + 4 + 16;
    infinite[activity..activity + 4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert_eq!(with(&infinite), Err(FormatError::Content));
}

#[test]
fn what_is_old_is_wider_and_unsure_and_goes_in_the_end() {
    let after = |days: f64| {
        let mut baseline = Baseline::from_bytes(&learned(1).to_bytes(SAVED), 1, limits()).expect("whole");
        baseline.age(SAVED.plus_seconds(days * 86_400.0));
        level(&baseline, 0)
    };
    let fresh = after(0.0).expect("known");
    assert_eq!(after(0.5), Some(fresh));
    assert!(after(3.0).expect("known") > fresh);
    assert_eq!(after(50.0), None, "of 150 minutes too few are left");
    let mut baseline = Baseline::from_bytes(&learned(1).to_bytes(SAVED), 1, limits()).expect("whole");
    baseline.age(SAVED.plus_seconds(61.0 * 86_400.0));
    assert!(baseline.is_empty());
}

#[test]
fn a_host_with_an_incident_teaches_nothing_for_that_minute_and_the_one_before() {
    let mut host = Host::default();
    let seen = |host: &Host| host.profiles[0].as_deref().map_or(0.0, |profile| profile.slots[72].minutes);
    let minute = |number: u64| super::learner::minute_of(SAVED) + number;
    let pass = |host: &mut Host, number: u64, spoiled: bool| {
        host.sums[0][0] = 6000.0;
        if spoiled {
            host.discard_minute();
        }
        host.end_minute(Some(minute(number)), 60.0, &limits());
        seen(host)
    };
    assert_eq!(pass(&mut host, 0, false), 0.0, "it waits for how the next one ends");
    assert_eq!(pass(&mut host, 1, false), 1.0);
    assert_eq!(pass(&mut host, 2, true), 1.0, "minute 1 was the last before the incident");
    assert_eq!(pass(&mut host, 3, true), 1.0);
    assert_eq!(pass(&mut host, 4, false), 1.0);
    assert_eq!(pass(&mut host, 5, false), 2.0);
}

#[test]
fn the_least_active_give_way_to_far_busier_ones_only() {
    let mut baseline = learned(3);
    baseline.hosts.values_mut().for_each(|host| host.activity += 100.0);
    assert!(baseline.entry(address(9), 500).is_none());
    assert_eq!(baseline.evictions(), 0);
    assert!(baseline.entry(address(9), 5000).is_some());
    assert_eq!((baseline.len(), baseline.evictions()), (3, 1));
    assert!(!baseline.hosts.contains_key(&address(0)));
}

proptest! {
    #[test]
    fn any_bytes_are_a_baseline_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Baseline::from_bytes(&bytes, 3, limits());
    }

    /// Behind a good head and checksum, so that the reader itself is reached.
    #[test]
    fn any_content_is_a_baseline_or_an_error(content in proptest::collection::vec(any::<u8>(), 0..400), hosts in 0u32..4) {
        let mut bytes = b"PEGELBL\x02".to_vec();
        bytes.extend(SAVED.nanos().to_le_bytes());
        bytes.extend(hosts.to_le_bytes());
        bytes.extend(content);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        let _ = Baseline::from_bytes(&bytes, 3, limits());
    }
}

/// An attacker who knows the limit in force: what it is after N days, as a multiple of the default. `share` of the limit
/// is sent in `seconds` of each minute.
fn walked_up(days: u64, share: f32, seconds: f32) -> f32 {
    let mut host = Host::default();
    let start = super::learner::minute_of(SAVED);
    for minute in start..start + days * 1440 {
        let hour = hour_of_week(Timestamp::from_parts(minute * 60, 0));
        host.look_up(hour, &limits());
        let in_force = host.levels[0][0].max(1000.0);
        host.sums[0][0] = in_force * share * seconds;
        host.end_minute(Some(minute), 60.0, &limits());
    }
    host.levels[0][0].max(1000.0) / 1000.0
}

#[test]
fn an_attacker_below_the_limit_needs_more_than_a_month_to_walk_it_up() {
    assert!(walked_up(1, 0.95, 60.0) <= 2.0);
    assert!(walked_up(30, 0.95, 60.0) < 5.0);
    assert!(walked_up(60, 0.95, 60.0) <= 5.0);
    assert_eq!(walked_up(31, 0.95, 1.0), 1.0, "a second a minute teaches nothing");
}

#[test]
fn a_file_of_the_former_version_is_read() {
    // Its host has neither a first minute nor allowances.
    let mut bytes = b"PEGELBL\x01".to_vec();
    bytes.extend(SAVED.nanos().to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(address(1).bits().to_le_bytes());
    bytes.extend(5f32.to_le_bytes());
    bytes.extend([1, 0, 1, 72]);
    for value in [1000f32, 10.0, 150.0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    let read = Baseline::from_bytes(&bytes, 5, limits()).expect("whole");
    assert_eq!(level(&read, 1), level(&learned(2), 1));
}
