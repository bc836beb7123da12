//! The database: written by one thread of the daemon. Others read it through [`Reader`].

use super::batch::Batch;
use super::error::StoreError;
use super::model::{DirectionMinute, IncidentSecond, SubjectMinute};
use super::reader::{self, DATABASE, Reader};
use super::rows;
use super::schema;
use crate::base::Timestamp;
use crate::incident::{Change, CloseReason, Event, Incident};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a write waits for another process, such as `pegel store vacuum`.
const BUSY: Duration = Duration::from_secs(5);
/// Pages of memory for the cache, in KiB.
const CACHE_KIB: i64 = 1024;
/// Pages after which the log is copied into the file.
const CHECKPOINT_PAGES: i64 = 500;
/// Size in bytes to which the log shrinks after that.
const LOG_BYTES: i64 = 4 << 20;
/// Packets of a closed incident that stay in the database, for reports. Its evidence has all.
const PACKETS_OF_REPORT: i64 = 400;

/// A database that can be written.
pub struct Database {
    reader: Reader,
    path: Option<PathBuf>,
    /// Tells this run from others.
    run: u64,
}

impl Database {
    /// Opens the database of a state directory, and creates it where there is none. `run` tells this run from earlier ones.
    ///
    /// # Errors
    /// It cannot be written, or is damaged.
    pub fn open(directory: &Path, run: u64) -> Result<Database, StoreError> {
        let path = directory.join(DATABASE);
        // Not every user of the machine may read who communicates with which host. SQLite gives its other files the same mode.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o640).custom_flags(libc::O_NOFOLLOW);
        options.open(&path)?;
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY)?;
        // A log that is written ahead survives the end of the process at any moment: what was committed is in the kernel's
        // hands. Only a failing machine can lose the last seconds, and it cannot damage the file.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        // In its sandbox, the daemon cannot write into the directories for temporary files. What it sorts is small.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "secure_delete", true)?;
        if schema::version(&connection)? == 0 {
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        schema::migrate(&mut connection)?;
        let database = Database { reader: Reader::of(connection), path: Some(path), run };
        database.check(false)?;
        Ok(database)
    }

    /// A database that ends with the process.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn in_memory() -> Result<Database, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut connection)?;
        Ok(Database { reader: Reader::of(connection), path: None, run: 0 })
    }

    /// Reads it.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.reader.connection
    }

    /// The file; `None` of one in memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Checks the structure of the file, and with `everything` each entry of each index too.
    ///
    /// # Errors
    /// What is damaged.
    pub fn check(&self, everything: bool) -> Result<(), StoreError> {
        reader::check(&self.reader.connection, everything)
    }

    /// Writes a batch as a whole, or nothing of it.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let run = self.run;
        let transaction = self.reader.connection.transaction()?;
        for event in &batch.events {
            write_event(&transaction, event)?;
        }
        for incident in &batch.progress {
            // Of batches that waited, it may be older than the end of the incident.
            if !is_closed(&transaction, &incident.id)? {
                write_incident(&transaction, incident, None)?;
            }
        }
        write_traffic(&transaction, batch, run)?;
        delete_packets_of_merged(&transaction, batch)?;
        for minute in &batch.subjects {
            write_subject(&transaction, minute)?;
        }
        if let Some(last) = batch.subjects.last() {
            transaction.execute("DELETE FROM last_minute", ())?;
            let minute = rows::minutes(last.minute);
            transaction
                .execute("INSERT INTO last_minute VALUES (?1, ?2)", params![batch.run.unwrap_or(run) as i64, minute])?;
        }
        for note in &batch.notes {
            let mut insert = transaction.prepare_cached("INSERT INTO note VALUES (?1, ?2, ?3)")?;
            insert.execute(params![rows::millis(note.at), note.kind, note.text])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Drills that were open when Pegel stopped: they do not go on.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn interrupted_drills(&self) -> Result<Vec<Incident>, StoreError> {
        const SQL: &str = "SELECT json FROM incident WHERE drill = 1 AND closed IS NULL";
        reader::incidents_by(&self.reader.connection, SQL, ())
    }

    /// Incidents that were open when Pegel stopped, however it stopped; drills are not among them.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn interrupted(&self) -> Result<Vec<Incident>, StoreError> {
        const SQL: &str = "SELECT json FROM incident WHERE drill = 0 AND sealed IS NULL \
                           AND (closed IS NULL OR reason = 'shutdown') ORDER BY opened, id";
        reader::incidents_by(&self.reader.connection, SQL, ())
    }

    /// The incidents that closed last, oldest first, at most `most`; without drills and those that were merged or go on.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn last_closed(&self, most: usize) -> Result<Vec<Incident>, StoreError> {
        const SQL: &str = "SELECT json FROM incident WHERE closed IS NOT NULL AND drill = 0 AND reason NOT IN ('merged', 'shutdown') ORDER BY closed DESC, id DESC LIMIT ?1";
        let mut found = reader::incidents_by(&self.reader.connection, SQL, [most.min(i64::MAX as usize) as i64])?;
        found.reverse();
        Ok(found)
    }

    /// The run that last wrote a minute of hosts and guests, and that minute.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn last_minute(&self) -> Result<Option<(u64, Timestamp)>, StoreError> {
        let found: Option<(i64, i64)> = self
            .reader
            .connection
            .query_row("SELECT run, minute FROM last_minute", (), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(found.map(|(run, minute)| (run as u64, rows::from_seconds(minute.saturating_mul(60)))))
    }

    /// IDs of closed incidents whose evidence is still to be written, in order of their end.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn unsealed(&self) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "SELECT id FROM incident WHERE closed IS NOT NULL AND sealed IS NULL AND drill = 0 \
                           AND reason NOT IN ('merged', 'shutdown') ORDER BY closed, id";
        let mut select = self.reader.connection.prepare_cached(SQL)?;
        let ids = select.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(ids)
    }

    /// The evidence of an incident was written, with this checksum. Most of its packets leave the database.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn mark_sealed(&mut self, id: &str, sums_sha256: &str) -> Result<(), StoreError> {
        const THIN: &str = "DELETE FROM packet WHERE rowid IN (\
                            SELECT p.rowid FROM (SELECT rowid, row_number() OVER (ORDER BY time) AS place, count(*) OVER () AS all_of \
                            FROM packet WHERE incident = ?1) AS p WHERE p.place % ((p.all_of + ?2 - 1) / ?2) != 0)";
        let transaction = self.reader.connection.transaction()?;
        let number: i64 = transaction.query_row("SELECT number FROM incident WHERE id = ?1", [id], |row| row.get(0))?;
        transaction.execute("UPDATE incident SET sealed = ?2 WHERE number = ?1", params![number, sums_sha256])?;
        transaction.execute(THIN, params![number, PACKETS_OF_REPORT])?;
        transaction.commit()?;
        Ok(())
    }
}

fn is_closed(transaction: &Transaction<'_>, id: &str) -> Result<bool, StoreError> {
    let mut select = transaction.prepare_cached("SELECT closed IS NOT NULL FROM incident WHERE id = ?1")?;
    Ok(select.query_row([id], |row| row.get(0)).optional()?.unwrap_or(false))
}

/// The incidents that they are part of have their packets.
fn delete_packets_of_merged(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM packet WHERE incident = (SELECT number FROM incident WHERE id = ?1)";
    let mut delete = transaction.prepare_cached(SQL)?;
    for event in batch.events.iter().filter(|event| event.change == Change::Closed && event.incident.is_merged()) {
        delete.execute([&event.incident.id])?;
    }
    Ok(())
}

fn write_event(transaction: &Transaction<'_>, event: &Event) -> Result<(), StoreError> {
    let incident = &*event.incident;
    let mitigations = serde_json::to_string(&incident.mitigations()).unwrap_or_default();
    let number = write_incident(transaction, incident, Some(&mitigations))?;
    let at = match event.change {
        Change::Opened => incident.opened_at,
        Change::Closed => incident.closed_at.unwrap_or(incident.updated_at),
        _ => incident.updated_at,
    };
    let mut insert = transaction.prepare_cached("INSERT INTO change VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let (severity, vector) = (incident.severity as i64, incident.vector.name());
    insert.execute(params![number, rows::millis(at), event.change.name(), severity, vector])?;
    Ok(())
}

/// Writes the state of an incident; returns its number. Without `mitigations`, those written before stay.
fn write_incident(
    transaction: &Transaction<'_>,
    incident: &Incident,
    mitigations: Option<&str>,
) -> Result<i64, StoreError> {
    const UPSERT: &str = "INSERT INTO incident (id, opened, updated, closed, reason, severity, vector, direction, target_kind, \
                          target, address, guest, interface, drill, json, mitigations) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
                          ON CONFLICT (id) DO UPDATE SET updated = ?3, closed = ?4, reason = ?5, severity = ?6, vector = ?7, \
                          direction = ?8, guest = ?12, json = ?15, mitigations = coalesce(?16, mitigations) \
                          RETURNING number";
    let target = &incident.target;
    let mut upsert = transaction.prepare_cached(UPSERT)?;
    let number: i64 = upsert.query_row(
        params![
            incident.id,
            rows::millis(incident.opened_at),
            rows::millis(incident.updated_at),
            incident.closed_at.map(rows::millis),
            incident.close_reason.map(CloseReason::name),
            incident.severity as i64,
            incident.vector.name(),
            incident.direction.name(),
            target.kind,
            target.label(),
            target.address.map(|address| address.to_string()),
            target.guest,
            target.interface,
            incident.drill,
            serde_json::to_string(incident).unwrap_or_default(),
            mitigations,
        ],
        |row| row.get(0),
    )?;
    let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO incident_vector VALUES (?1, ?2)")?;
    for vector in &incident.vectors {
        insert.execute(params![number, vector.name()])?;
    }
    Ok(number)
}

/// Seconds and packets of incidents, and minutes of interfaces.
fn write_traffic(transaction: &Transaction<'_>, batch: &Batch, run: u64) -> Result<(), StoreError> {
    for (id, second) in &batch.seconds {
        write_second(transaction, id, second)?;
    }
    const PACKET: &str = "INSERT INTO packet SELECT number, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM incident WHERE id = ?1";
    let mut insert = transaction.prepare_cached(PACKET)?;
    for (id, interface, packet) in &batch.packets {
        insert.execute(params![
            id,
            packet.time.nanos() as i64,
            &**interface,
            packet.link.number(),
            rows::direction_to_number(packet.direction),
            packet.wire_len,
            packet.class.name(),
            packet.is_attack,
            &*packet.data,
        ])?;
    }
    const MINUTE: &str = "INSERT OR REPLACE INTO interface_minute VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut insert = transaction.prepare_cached(MINUTE)?;
    for minute in &batch.interfaces {
        insert.execute(params![
            minute.minute as i64,
            minute.interface,
            run as i64,
            minute.packets as i64,
            minute.bytes as i64,
            minute.dropped as i64,
            minute.sampled,
            minute.seconds as i64,
        ])?;
    }
    Ok(())
}

/// A second that is there already was begun before a restart.
fn write_second(transaction: &Transaction<'_>, id: &str, second: &IncidentSecond) -> Result<(), StoreError> {
    const EARLIER: &str = "SELECT vectors, packets, bytes FROM second \
                           WHERE incident = (SELECT number FROM incident WHERE id = ?1) AND second = ?2";
    let at = rows::seconds(second.at);
    let mut whole = second.clone();
    let mut select = transaction.prepare_cached(EARLIER)?;
    let earlier: Option<(String, Option<i64>, Option<i64>)> =
        select.query_row(params![id, at], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    if let Some((vectors, packets, bytes)) = earlier {
        whole.add(&rows::vectors(&vectors), rows::count(packets, bytes));
    }
    const INSERT: &str = "INSERT OR REPLACE INTO second SELECT number, ?2, ?6, ?3, ?4, ?5 FROM incident WHERE id = ?1";
    let mut insert = transaction.prepare_cached(INSERT)?;
    let (packets, bytes) =
        (whole.target.map(|count| count.packets as i64), whole.target.map(|count| count.bytes as i64));
    insert.execute(params![id, at, rows::vectors_to_text(&whole.vectors), packets, bytes, whole.length])?;
    Ok(())
}

/// A minute that is there already was that of an earlier run: this one adds to it.
fn write_subject(transaction: &Transaction<'_>, minute: &SubjectMinute) -> Result<(), StoreError> {
    const EARLIER: &str = "SELECT received, sent FROM subject_minute WHERE kind = ?1 AND subject = ?2 AND minute = ?3";
    let (kind, at) = (minute.kind as i64, rows::minutes(minute.minute));
    let mut select = transaction.prepare_cached(EARLIER)?;
    let earlier: Option<(String, String)> =
        select.query_row(params![kind, minute.subject, at], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let whole = |earlier: Option<&String>, later: &DirectionMinute| match earlier {
        Some(earlier) => rows::minute_to_text(&rows::minute(earlier).with(later)),
        None => rows::minute_to_text(later),
    };
    let (received, sent) = (earlier.as_ref().map(|(text, _)| text), earlier.as_ref().map(|(_, text)| text));
    let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO subject_minute VALUES (?1, ?2, ?3, ?4, ?5)")?;
    insert.execute(params![kind, minute.subject, at, whole(received, &minute.received), whole(sent, &minute.sent)])?;
    Ok(())
}
