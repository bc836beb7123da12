//! Maintenance windows announced at run time: `maintenance.json`, written by the command line and read by the daemon. A
//! file instead of a socket, so that windows can be announced before the daemon runs, without another listener.

use super::dir::StateDir;
use super::error::StateError;
use crate::incident::{MaintenanceWindow, Schedule};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::time::SystemTime;

const NAME: &str = "maintenance.json";
const LOCK: &str = "maintenance.lock";
/// Most windows at the same time: more are probably the error of a script.
pub const MOST_MAINTENANCE: usize = 1000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    why: String,
    scope: String,
    /// RFC 3339.
    from: String,
    until: String,
}

fn entry(maintenance: &MaintenanceWindow) -> Option<Entry> {
    let Schedule::Once { from, until } = maintenance.schedule else { return None };
    let (id, why, scope) = (maintenance.id.clone(), maintenance.why.clone(), maintenance.scope.to_string());
    Some(Entry { id, why, scope, from: from.to_string(), until: until.to_string() })
}

fn parse(bytes: &[u8]) -> Result<Vec<MaintenanceWindow>, StateError> {
    let content = |message: String| StateError::Content(format!("{NAME}: {message}"));
    let entries: Vec<Entry> = serde_json::from_slice(bytes).map_err(|error| content(error.to_string()))?;
    if entries.len() > MOST_MAINTENANCE {
        return Err(content(format!("{} maintenance windows, at most {MOST_MAINTENANCE}", entries.len())));
    }
    let maintenance = |entry: Entry| {
        let scope = entry.scope.parse().map_err(|message| content(format!("scope {:?} {message}", entry.scope)))?;
        let time = |text: &str| text.parse().map_err(|message| content(format!("{text:?} {message}")));
        let schedule = Schedule::Once { from: time(&entry.from)?, until: time(&entry.until)? };
        Ok(MaintenanceWindow { id: entry.id, why: entry.why, scope, schedule })
    };
    entries.into_iter().map(maintenance).collect()
}

impl StateDir {
    /// The announced windows.
    pub fn maintenance(&self) -> Result<Vec<MaintenanceWindow>, StateError> {
        self.read(NAME)?.map_or(Ok(Vec::new()), |bytes| parse(&bytes))
    }

    /// Modification time and size: whether the file changed, without reading it. `None` if it does not exist.
    pub fn windows_stamp(&self) -> Option<(SystemTime, u64)> {
        let metadata = std::fs::metadata(self.file(NAME)).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Changes the list under an exclusive lock.
    pub fn edit_maintenance<T>(&self, edit: impl FnOnce(&mut Vec<MaintenanceWindow>) -> T) -> Result<T, StateError> {
        // Never created or truncated through a link.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW);
        let lock = options.open(self.file(LOCK))?;
        lock.lock()?;
        let mut maintenance = self.maintenance()?;
        let outcome = edit(&mut maintenance);
        let entries: Vec<Entry> = maintenance.iter().filter_map(entry).collect();
        let mut bytes = serde_json::to_vec_pretty(&entries).map_err(|error| StateError::Content(error.to_string()))?;
        bytes.push(b'\n');
        self.write(NAME, &bytes)?;
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::store::tests::directory;
    use proptest::prelude::*;

    fn entry(id: &str) -> MaintenanceWindow {
        MaintenanceWindow {
            id: id.to_owned(),
            why: "kernel \"update\"".to_owned(),
            scope: "203.0.113.7".parse().unwrap(),
            schedule: Schedule::Once {
                from: Timestamp::from_parts(1_767_225_600, 0),
                until: Timestamp::from_parts(1_767_229_200, 0),
            },
        }
    }

    #[test]
    fn windows_round_trip_and_change_the_stamp() {
        let path = directory("windows");
        let state = StateDir::open(&path).unwrap();
        assert!(state.maintenance().unwrap().is_empty() && state.windows_stamp().is_none());
        state.edit_maintenance(|maintenance| maintenance.push(entry("w1"))).unwrap();
        assert_eq!(state.maintenance().unwrap(), [entry("w1")]);
        assert!(state.windows_stamp().is_some());
        std::fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn concurrent_writers_lose_nothing() {
        let path = directory("writers");
        let state = StateDir::open(&path).unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let state = &state;
                scope.spawn(move || {
                    state.edit_maintenance(|maintenance| maintenance.push(entry(&format!("w{n}")))).unwrap()
                });
            }
        });
        assert_eq!(state.maintenance().unwrap().len(), 8);
        std::fs::remove_dir_all(&path).unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_are_windows_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
