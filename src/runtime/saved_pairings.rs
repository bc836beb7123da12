//! The pairings of stations and addresses over restarts: those that earlier runs saw, and imported ones.

use super::engine::Engine;
use crate::base::Timestamp;
use crate::metrics::{Metrics, StateOperation};
use crate::store::{KnownPairings, PAIRINGS, StateDir, StateError, pairings_to_bytes};
use std::time::SystemTime;

/// What is known of the files of pairings.
#[derive(Default)]
pub(super) struct SavedPairings {
    /// Pairings of interfaces that are not captured now, kept for when they are.
    elsewhere: Vec<KnownPairings>,
    /// Modification time and length of the file of imported pairings at the last reading.
    imported_stamp: Option<(SystemTime, u64)>,
}

impl SavedPairings {
    /// Gives the engine what earlier runs saw. A file that cannot be used is renamed.
    pub(super) fn load(&mut self, state: &StateDir, engine: &mut Engine, metrics: &Metrics, now: Timestamp) {
        match state.pairings() {
            Ok(known) => {
                let count: usize = known.iter().map(|known| known.pairings.len()).sum();
                if count > 0 {
                    tracing::info!("loaded {count} pairings of stations and addresses");
                }
                self.elsewhere = known.into_iter().filter(|known| !engine.add_pairings(known, now)).collect();
            }
            Err(error) => {
                metrics.state_failure(StateOperation::Load);
                tracing::warn!("{}: {error}; stations are learned anew", state.path().display());
                if matches!(error, StateError::Content(_)) {
                    match state.set_aside(PAIRINGS, now.nanos() / 1_000_000_000) {
                        Ok(aside) => tracing::warn!("the unusable file was renamed to {}", aside.display()),
                        Err(error) => tracing::warn!("the unusable file could not be renamed: {error}"),
                    }
                }
            }
        }
        self.read_imported(state, engine, metrics, now);
    }

    /// Gives the engine the imported pairings, if the file changed since the last call.
    pub(super) fn read_imported(&mut self, state: &StateDir, engine: &mut Engine, metrics: &Metrics, now: Timestamp) {
        let stamp = state.imported_stamp();
        if stamp == self.imported_stamp {
            return;
        }
        self.imported_stamp = stamp;
        match state.imported_pairings() {
            Ok(imported) => {
                for known in &imported {
                    let (count, interface) = (known.pairings.len(), &known.interface);
                    if engine.add_pairings(known, now) {
                        tracing::info!(interface, "{count} imported pairings are known");
                    } else {
                        tracing::warn!(interface, "{count} imported pairings are of an interface that is not captured");
                    }
                }
            }
            Err(error) => {
                metrics.state_failure(StateOperation::Load);
                tracing::warn!("imported pairings are not used: {}: {error}", state.path().display());
            }
        }
    }

    /// The content of the file, as of `now`.
    pub(super) fn to_bytes(&self, engine: &Engine, now: Timestamp) -> Vec<u8> {
        let mut known = engine.pairings(now);
        known.extend(self.elsewhere.iter().cloned());
        pairings_to_bytes(&known)
    }
}

#[cfg(test)]
mod tests {
    use super::super::site::site;
    use super::*;
    use crate::base::{Addr, Mac, Networks, Pairing};
    use crate::config::Config;
    use crate::inventory::Inventory;
    use crate::meter::Hasher;
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp::from_parts(1_767_225_600, 0);

    fn engine(interfaces: &[&str]) -> Engine {
        let config = Config::default();
        let site = site(&config, Arc::new(Networks::default()), Arc::new(Inventory::default()));
        let mut engine = Engine::new(&config, site, Hasher::fixed());
        engine.interfaces = interfaces.iter().map(|&name| name.to_owned()).collect();
        engine
    }

    fn known(interface: &str, observed_seconds: Option<u64>) -> KnownPairings {
        let address = Some(Addr::from_v4_bits(0xcb00_7107));
        let pairing = Pairing { mac: Mac([2, 0, 0, 0, 0, 1]), address, since: Timestamp::ZERO, last: NOW };
        KnownPairings { interface: interface.to_owned(), vlan: 0, observed_seconds, pairings: vec![pairing] }
    }

    fn directory(name: &str) -> StateDir {
        let path = std::env::temp_dir().join(format!("pegel-pairings-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        StateDir::open(&path).unwrap()
    }

    #[test]
    fn pairings_of_all_interfaces_outlive_a_restart() {
        let state = directory("restart");
        let metrics = Metrics::new(&["eth0".to_owned()], &[]).unwrap();
        let saved = [known("eth0", Some(300)), known("eth9", Some(900))];
        state.write(PAIRINGS, &pairings_to_bytes(&saved)).unwrap();
        state.import_pairings(vec![known("eth1", None)]).unwrap();
        let mut engine = engine(&["eth0", "eth1"]);
        let mut pairings = SavedPairings::default();
        pairings.load(&state, &mut engine, &metrics, NOW);
        // The topology becomes known.
        engine.lan_change();
        let later = NOW.plus_seconds(60.0);
        state.write(PAIRINGS, &pairings.to_bytes(&engine, later)).unwrap();
        let found = state.pairings().unwrap();
        let of = |known: &KnownPairings| (known.interface.clone(), known.observed_seconds, known.pairings.len());
        // Besides the pairing, the station.
        assert_eq!(
            found.iter().map(of).collect::<Vec<_>>(),
            [("eth0".into(), Some(360), 2), ("eth1".into(), None, 2), ("eth9".into(), Some(900), 1)]
        );
        std::fs::remove_dir_all(state.path()).unwrap();
    }

    #[test]
    fn pairings_of_a_port_are_those_of_its_bridge() {
        let state = directory("bridge");
        let metrics = Metrics::new(&["tap100i0".to_owned()], &[]).unwrap();
        state.import_pairings(vec![known("tap101i0", None)]).unwrap();
        let port = |name: &str| format!("[[interface]]\nname = \"{name}\"\nbridge = \"vmbr0\"\n");
        let text = port("tap100i0") + &port("tap101i0");
        let config = Config::parse(&text, "test").unwrap();
        let site = site(&config, Arc::new(Networks::default()), Arc::new(Inventory::default()));
        let mut engine = Engine::new(&config, site, Hasher::fixed());
        engine.interfaces = vec!["tap100i0".to_owned(), "tap101i0".to_owned()];
        SavedPairings::default().load(&state, &mut engine, &metrics, NOW);
        engine.lan_change();
        // The LAN has the number of its first interface.
        let places: Vec<String> = engine.pairings(NOW).into_iter().map(|known| known.interface).collect();
        assert_eq!(places, ["tap100i0"]);
        std::fs::remove_dir_all(state.path()).unwrap();
    }

    #[test]
    fn a_corrupt_file_is_renamed_and_imports_are_read_when_they_change() {
        let state = directory("corrupt");
        let metrics = Metrics::new(&["eth0".to_owned()], &[]).unwrap();
        state.write(PAIRINGS, b"{").unwrap();
        let mut engine = engine(&["eth0"]);
        let mut pairings = SavedPairings::default();
        pairings.load(&state, &mut engine, &metrics, NOW);
        assert!(state.read(PAIRINGS).unwrap().is_none(), "renamed");
        assert!(engine.pairings(NOW).is_empty());
        state.import_pairings(vec![known("eth0", None)]).unwrap();
        pairings.read_imported(&state, &mut engine, &metrics, NOW);
        assert_eq!(engine.pairings(NOW).len(), 1);
        std::fs::remove_dir_all(state.path()).unwrap();
    }
}
