//! Keeps the store within its limits, and forgets what is to be forgotten.

use super::database::Database;
use super::error::StoreError;
use super::reader;
use super::rows;
use crate::base::{Addr, Timestamp};
use crate::incident::{CloseReason, Incident};
use rusqlite::params;

/// Incidents that are deleted at a time while the store is too large: each has its evidence to be deleted as well.
const INCIDENTS_AT_A_TIME: i64 = 16;
/// Rows that one step of a deletion takes: a writer never waits long.
const STEP: i64 = 5000;
/// Pages that one step returns to the file system.
const FREE_PAGES: i64 = 2000;
const SECONDS_PER_DAY: f64 = 86_400.0;
/// Days by which the oldest minutes are deleted where the size is exceeded.
const DAYS_AT_A_TIME: i64 = 1;

/// How long what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days of closed incidents, and of notes.
    pub incident_days: u32,
    /// Days of minutes.
    pub minute_days: u32,
    /// Bytes of database and evidence together.
    pub max_bytes: u64,
}

/// What a step of the upkeep deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Minutes of interfaces, hosts and guests.
    pub minutes: u64,
    /// IDs of incidents: their evidence is to be deleted too.
    pub incidents: Vec<String>,
}

/// Stands for an address that was deleted.
const DELETED: &str = "(an address that was deleted)";

/// What was forgotten of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Minutes of the host.
    pub minutes: u64,
    /// Incidents about the host, which were deleted.
    pub incidents: Vec<String>,
    /// Other incidents, from whose lists the address was removed.
    pub mentions: Vec<String>,
}

impl Database {
    /// Bytes of the database in use.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        let of = |pragma: &str| -> rusqlite::Result<i64> {
            self.reader().connection.query_row(&format!("PRAGMA {pragma}"), (), |row| row.get(0))
        };
        Ok((of("page_count")? - of("freelist_count")?).max(0) as u64 * of("page_size")?.max(0) as u64)
    }

    /// Bytes of the file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn file_bytes(&self) -> Result<u64, StoreError> {
        self.reader().counts().map(|counts| counts.bytes)
    }

    /// Deletes what is too old, or too much: with `evidence_bytes` of evidence, the oldest minutes first, then the oldest closed
    /// incidents. One step; call it again while it deletes something.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn retain(
        &mut self,
        retention: &Retention,
        evidence_bytes: u64,
        now: Timestamp,
    ) -> Result<Deleted, StoreError> {
        let mut deleted = Deleted::default();
        let before = |days: u32| now.minus_seconds(f64::from(days) * SECONDS_PER_DAY);
        let oldest_minute = rows::minutes(before(retention.minute_days));
        deleted.minutes += self.delete_minutes(oldest_minute)?;
        let old = rows::millis(before(retention.incident_days));
        self.connection().execute("DELETE FROM note WHERE at < ?1", [old])?;
        deleted.incidents = self.delete_incidents("closed < ?1", old, STEP)?;
        if deleted == Deleted::default() && self.bytes()?.saturating_add(evidence_bytes) > retention.max_bytes {
            let first: Option<i64> =
                self.connection().query_row("SELECT min(minute) FROM subject_minute", (), |row| row.get(0))?;
            match first {
                // The last day stays: something must be known of now.
                Some(first) if first < rows::minutes(before(1)) => {
                    deleted.minutes += self.delete_subjects(first + DAYS_AT_A_TIME * 1440)?;
                }
                _ => {
                    deleted.incidents = self.delete_incidents("closed < ?1", rows::millis(now), INCIDENTS_AT_A_TIME)?
                }
            }
        }
        self.connection().execute_batch(&format!("PRAGMA incremental_vacuum({FREE_PAGES})"))?;
        Ok(deleted)
    }

    fn delete_minutes(&mut self, before: i64) -> Result<u64, StoreError> {
        const INTERFACES: &str = "DELETE FROM interface_minute WHERE minute < ?1";
        let interfaces = self.connection().execute(INTERFACES, [before])?;
        Ok(interfaces as u64 + self.delete_subjects(before)?)
    }

    fn delete_subjects(&mut self, before: i64) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM subject_minute WHERE (kind, subject, minute) IN \
                           (SELECT kind, subject, minute FROM subject_minute WHERE minute < ?1 ORDER BY minute LIMIT ?2)";
        Ok(self.connection().execute(SQL, params![before, STEP])? as u64)
    }

    fn delete_incidents(&mut self, condition: &str, value: i64, most: i64) -> Result<Vec<String>, StoreError> {
        let sql = format!(
            "DELETE FROM incident WHERE number IN (SELECT number FROM incident WHERE closed IS NOT NULL AND {condition} \
             ORDER BY closed LIMIT ?2) RETURNING id"
        );
        let mut delete = self.connection().prepare_cached(&sql)?;
        let ids = delete.query_map(params![value, most], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(ids)
    }

    /// Writes an incident as closed that was open when an earlier run ended, and that this one does not go on with.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn close(&mut self, incident: &Incident) -> Result<(), StoreError> {
        let json = serde_json::to_string(incident).unwrap_or_default();
        let reason = incident.close_reason.map(CloseReason::name);
        let closed = incident.closed_at.map(rows::millis);
        self.connection().execute(
            "UPDATE incident SET closed = ?2, reason = ?3, json = ?4 WHERE id = ?1",
            params![incident.id, closed, reason, json],
        )?;
        Ok(())
    }

    /// Deletes everything about an address: its minutes, incidents about it, packets of it, and its mention in other incidents.
    /// Evidence is not touched.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn forget(&mut self, address: Addr) -> Result<Forgotten, StoreError> {
        let text = address.to_string();
        let transaction = self.connection().transaction()?;
        let minutes = transaction.execute("DELETE FROM subject_minute WHERE kind = 0 AND subject = ?1", [&text])?;
        let mut forgotten = Forgotten { minutes: minutes as u64, ..Forgotten::default() };
        {
            let mut delete = transaction.prepare("DELETE FROM incident WHERE address = ?1 RETURNING id")?;
            forgotten.incidents = delete.query_map([&text], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let like = format!("%{text}%");
            const MENTION: &str = "SELECT json FROM incident WHERE json LIKE ?1 OR mitigations LIKE ?1";
            let mut update = transaction.prepare("UPDATE incident SET json = ?2, mitigations = NULL WHERE id = ?1")?;
            let mut delete = transaction.prepare("DELETE FROM incident WHERE id = ?1")?;
            for mut incident in reader::incidents_by(&transaction, MENTION, [&like])? {
                remove(&mut incident, address);
                let json = serde_json::to_string(&incident).unwrap_or_default();
                // Sentences, names, the network that it is a part of: in each of them it is a whole word or another address.
                let json = without(&json, &text).unwrap_or(json);
                if serde_json::from_str::<Incident>(&json).is_ok() {
                    update.execute(params![incident.id, json])?;
                    forgotten.mentions.push(incident.id);
                } else {
                    // It is about this address alone, as a network of one.
                    delete.execute([&incident.id])?;
                    forgotten.incidents.push(incident.id);
                }
            }
            let mut select = transaction.prepare("SELECT rowid, text FROM note WHERE text LIKE ?1")?;
            let notes: Vec<(i64, String)> =
                select.query_map([&like], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            for (row, note) in notes {
                let note = without(&note, &text).unwrap_or(note);
                transaction.execute("UPDATE note SET text = ?2 WHERE rowid = ?1", params![row, note])?;
            }
            // Packets of others stay, those with the octets of the address in a header's place do not.
            let octets: Vec<u8> = match address.ip() {
                std::net::IpAddr::V4(address) => address.octets().to_vec(),
                std::net::IpAddr::V6(address) => address.octets().to_vec(),
            };
            transaction.execute("DELETE FROM packet WHERE instr(data, ?1) > 0", [octets])?;
        }
        transaction.commit()?;
        Ok(forgotten)
    }

    /// Rewrites the file without the space of what was deleted.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn vacuum(&mut self) -> Result<(), StoreError> {
        self.connection().execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }
}

/// Removes an address from the lists of an incident.
fn remove(incident: &mut Incident, address: Addr) {
    for peers in [Some(&mut incident.sources), incident.victims.as_mut()].into_iter().flatten() {
        peers.top.retain(|peer| peer.address != address);
    }
}

/// A text without an address; `None` where it is not in it. Addresses that begin or end with it are others.
fn without(sentence: &str, address: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    let (mut left, mut rest, mut found) = (String::new(), sentence, false);
    while let Some((before, after)) = rest.split_once(address) {
        left.push_str(before);
        // A full stop or colon may end the sentence.
        let goes_on = after.trim_start_matches(['.', ':']).starts_with(is_part) && after.starts_with(is_part);
        if left.ends_with(is_part) || goes_on {
            left.push_str(address);
        } else {
            left.push_str(DELETED);
            found = true;
        }
        rest = after;
    }
    left.push_str(rest);
    found.then_some(left)
}
