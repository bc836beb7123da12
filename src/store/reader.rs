//! Reads the store while the daemon writes it, or without a daemon.

use super::captured::Captured;
use super::error::StoreError;
use super::filter::{Cursor, Filter};
use super::model::{
    IncidentSecond, KeptPacket, PeriodCoverage, StoredChange, StoredIncident, SubjectKind, SubjectMinute,
};
use super::{rows, schema};
use crate::base::{Severity, Timestamp, Vector};
use crate::capture::LinkType;
use crate::incident::Incident;
use crate::packet::Class;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Params, params};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Name of the file in the state directory.
pub const DATABASE: &str = "store.sqlite";
/// How long a reader waits for a writer.
const BUSY: Duration = Duration::from_secs(5);
const SECONDS_PER_MINUTE: u64 = 60;

fn minute_after(time: Timestamp) -> i64 {
    time.nanos().div_ceil(60_000_000_000) as i64
}

/// Something that happened to Pegel, as it was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNote {
    /// When.
    pub at: Timestamp,
    /// Of which kind.
    pub kind: String,
    /// A sentence.
    pub text: String,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Incidents, drills and merged ones included.
    pub incidents: u64,
    /// Those that are open.
    pub open: u64,
    /// Minutes of interfaces.
    pub interface_minutes: u64,
    /// Minutes of hosts and guests.
    pub subject_minutes: u64,
    /// Packets that are not, or not only, in evidence.
    pub packets: u64,
    /// Size of the database.
    pub bytes: u64,
}

/// An incident in short.
#[derive(Clone, Debug, PartialEq)]
pub struct BriefIncident {
    /// Its ID.
    pub id: String,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it was closed; `None` while it is open.
    pub closed: Option<Timestamp>,
    /// The highest so far.
    pub severity: Severity,
    /// Name of the main vector.
    pub vector: String,
    /// Label of the target.
    pub target: String,
}

/// A page of incidents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The latest first.
    pub incidents: Vec<Incident>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// Incidents of the page that cannot be read, such as those of a newer program.
    pub unreadable: u64,
}

/// Reads a database.
pub struct Reader {
    pub(super) connection: Connection,
}

impl Reader {
    /// Opens the database of a state directory for reading.
    ///
    /// # Errors
    /// There is none, it is of a newer program, or it cannot be read.
    pub fn open(directory: &Path) -> Result<Reader, StoreError> {
        let path = directory.join(DATABASE);
        if !path.try_exists()? {
            return Err(StoreError::Missing);
        }
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY)?;
        let (connection, version) = match schema::version(&connection) {
            Ok(version) => (connection, version),
            // On a read-only disk there is no room for what readers and writers share. Without a log there is no writer either.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) && !has_log(&path) => {
                let connection = Connection::open_with_flags(immutable(&path), flags | OpenFlags::SQLITE_OPEN_URI)?;
                let version = schema::version(&connection)?;
                (connection, version)
            }
            Err(error) => return Err(error.into()),
        };
        if version != schema::VERSION {
            let text =
                format!("its schema is version {version}, this program knows {}; restart the daemon", schema::VERSION);
            return Err(StoreError::Newer(text));
        }
        Ok(Reader { connection })
    }

    /// Reads a database that this process writes.
    pub(super) fn of(connection: Connection) -> Reader {
        Reader { connection }
    }

    /// Checks the file.
    ///
    /// # Errors
    /// What is damaged.
    pub fn check(&self) -> Result<(), StoreError> {
        check(&self.connection, true)
    }

    /// What there is.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let count = |sql: &str| -> rusqlite::Result<u64> {
            self.connection.query_row(sql, (), |row| row.get::<_, i64>(0)).map(|count| count.max(0) as u64)
        };
        Ok(Counts {
            incidents: count("SELECT count(*) FROM incident")?,
            open: count("SELECT count(*) FROM incident WHERE closed IS NULL")?,
            interface_minutes: count("SELECT count(*) FROM interface_minute")?,
            subject_minutes: count("SELECT count(*) FROM subject_minute")?,
            packets: count("SELECT count(*) FROM packet")?,
            bytes: count("PRAGMA page_count")?.saturating_mul(count("PRAGMA page_size")?),
        })
    }

    /// A page of incidents.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn incidents(&self, filter: &Filter) -> Result<Page, StoreError> {
        // Each of the three ways to name a target has an index.
        const OF_TARGET: &str = "number IN (SELECT number FROM incident WHERE target = ?3 \
            UNION ALL SELECT number FROM incident WHERE address = ?3 \
            UNION ALL SELECT number FROM incident WHERE json_extract(json, '$.target.mac') = ?3)";
        const SQL: &str = "SELECT json, opened, id FROM incident WHERE OF_TARGET \
            AND (?1 IS NULL OR closed IS NULL OR closed >= ?1) AND (?2 IS NULL OR opened < ?2) \
            AND (?4 IS NULL OR guest = ?4 OR guest LIKE ?5 ESCAPE '\\') \
            AND (?6 IS NULL OR number IN (SELECT incident FROM incident_vector WHERE vector = ?6)) \
            AND (?7 IS NULL OR severity >= ?7) AND (?8 IS NULL OR (closed IS NULL) = ?8) AND (?9 OR drill = 0) \
            AND (?10 IS NULL OR (opened, id) < (?10, ?11)) AND (?13 IS NULL OR interface = ?13) \
            AND coalesce(reason, '') != 'merged' ORDER BY opened DESC, id DESC LIMIT ?12";
        let wanted = filter.page();
        let guest = filter.guest.as_ref().map(|guest| format!("{} (%", escaped(guest)));
        let target = filter.target.as_ref().map(|target| canonical(target));
        let of_target = if target.is_some() { OF_TARGET } else { "?3 IS NULL" };
        let mut select = self.connection.prepare_cached(&SQL.replacen("OF_TARGET", of_target, 1))?;
        let before = filter.before.as_ref();
        let mut found = select.query(params![
            filter.from.map(rows::millis),
            filter.to.map(rows::millis),
            target,
            filter.guest,
            guest,
            filter.vector.map(Vector::name),
            filter.severity.map(|severity| severity as i64),
            filter.open,
            filter.drills,
            before.map(|cursor| cursor.opened),
            before.map(|cursor| &cursor.id),
            wanted as i64 + 1,
            filter.interface,
        ])?;
        let (mut page, mut last) = (Page::default(), None);
        while let Some(row) = found.next()? {
            if page.incidents.len() + page.unreadable as usize == wanted {
                page.next = last;
                break;
            }
            match incident(&row.get::<_, String>(0)?) {
                Ok(incident) => page.incidents.push(incident),
                Err(_) => page.unreadable += 1,
            }
            last = Some(Cursor { opened: row.get(1)?, id: row.get(2)? });
        }
        Ok(page)
    }

    /// All incidents of a filter, whatever its limit.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn all_incidents(&self, filter: &Filter) -> Result<Vec<Incident>, StoreError> {
        let mut filter = Filter { limit: 0, ..filter.clone() };
        let mut all = Vec::new();
        loop {
            let page = self.incidents(&filter)?;
            all.extend(page.incidents);
            filter.before = page.next;
            if filter.before.is_none() {
                return Ok(all);
            }
        }
    }

    /// Incidents that were open after `from`, without drills and merged ones: the latest `most` of them, in short. Takes little memory
    /// for each.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn brief_incidents(&self, from: Timestamp, most: usize) -> Result<Vec<BriefIncident>, StoreError> {
        const SQL: &str = "SELECT id, opened, closed, severity, vector, target FROM incident WHERE \
            (closed IS NULL OR closed >= ?1) AND drill = 0 AND coalesce(reason, '') != 'merged' \
            ORDER BY opened DESC LIMIT ?2";
        let mut select = self.connection.prepare_cached(SQL)?;
        let mut found = select.query(params![rows::millis(from), most as i64])?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            let severity = usize::try_from(row.get::<_, i64>(3)?).ok().and_then(|index| Severity::ALL.get(index));
            all.push(BriefIncident {
                id: row.get(0)?,
                opened: rows::from_millis(row.get(1)?),
                closed: row.get::<_, Option<i64>>(2)?.map(rows::from_millis),
                severity: severity.copied().unwrap_or(Severity::Info),
                vector: row.get(4)?,
                target: row.get(5)?,
            });
        }
        Ok(all)
    }

    /// An incident with its suggested filters and routes, without its traffic; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn summary(&self, id: &str) -> Result<Option<(Incident, Vec<serde_json::Value>)>, StoreError> {
        Ok(self.numbered(id)?.map(|(_, incident, mitigations)| (incident, mitigations)))
    }

    fn numbered(&self, id: &str) -> Result<Option<(i64, Incident, Vec<serde_json::Value>)>, StoreError> {
        let found: Option<(i64, String, Option<String>)> = self
            .connection
            .query_row("SELECT number, json, mitigations FROM incident WHERE id = ?1", [id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((number, json, mitigations)) = found else { return Ok(None) };
        let mitigations = mitigations.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Some((number, incident(&json)?, mitigations)))
    }

    /// An incident with everything that is known of it; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn incident(&self, id: &str) -> Result<Option<StoredIncident>, StoreError> {
        let Some((number, incident, mitigations)) = self.numbered(id)? else { return Ok(None) };
        let mut select = self
            .connection
            .prepare_cached("SELECT at, change, severity, vector FROM change WHERE incident = ?1 ORDER BY at, rowid")?;
        let changes = select.query_map([number], |row| {
            let severity: i64 = row.get(2)?;
            let vector: String = row.get(3)?;
            Ok(StoredChange {
                at: rows::from_millis(row.get(0)?),
                change: row.get(1)?,
                severity: Severity::ALL.get(severity.max(0) as usize).copied().unwrap_or(Severity::Info),
                vector: Vector::from_name(&vector).unwrap_or(incident.vector),
            })
        })?;
        let changes = changes.collect::<Result<_, _>>()?;
        let mut select = self.connection.prepare_cached(
            "SELECT second, length, vectors, packets, bytes FROM second WHERE incident = ?1 ORDER BY second",
        )?;
        let seconds = select.query_map([number], |row| {
            let (packets, bytes): (Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?);
            Ok(IncidentSecond {
                at: rows::from_seconds(row.get(0)?),
                length: row.get(1)?,
                vectors: rows::vectors(&row.get::<_, String>(2)?),
                target: rows::count(packets, bytes),
            })
        })?;
        let seconds = seconds.collect::<Result<_, _>>()?;
        let gaps = self.gaps(&incident)?;
        Ok(Some(StoredIncident { incident, mitigations, changes, seconds, gaps }))
    }

    /// Packets of an incident, in order of time, with the names of their interfaces: all before its evidence was written, some
    /// afterwards.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn packets(&self, id: &str) -> Result<(Vec<KeptPacket>, Vec<String>), StoreError> {
        const SQL: &str = "SELECT time, interface, link, direction, wire_len, class, attack, data FROM packet \
                           WHERE incident = (SELECT number FROM incident WHERE id = ?1) ORDER BY time, rowid";
        let mut select = self.connection.prepare_cached(SQL)?;
        let mut found = select.query([id])?;
        let (mut packets, mut interfaces) = (Vec::new(), Vec::<String>::new());
        while let Some(row) = found.next()? {
            let name: String = row.get(1)?;
            let interface = interfaces.iter().position(|known| *known == name).unwrap_or_else(|| {
                interfaces.push(name);
                interfaces.len() - 1
            });
            let class: String = row.get(5)?;
            packets.push(KeptPacket {
                time: Timestamp::from_nanos(row.get::<_, i64>(0)?.max(0) as u64),
                interface: interface.min(usize::from(u16::MAX)) as u16,
                link: LinkType::from_number(row.get(2)?),
                direction: rows::direction(row.get(3)?),
                wire_len: row.get(4)?,
                class: Class::ALL.iter().copied().find(|known| known.name() == class).unwrap_or(Class::Unparsed),
                is_attack: row.get(6)?,
                data: row.get::<_, Vec<u8>>(7)?.into_boxed_slice(),
            });
        }
        Ok((packets, interfaces))
    }

    /// How much of a period was captured, on one interface or on all that were captured at any time in it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn coverage(
        &self,
        from: Timestamp,
        to: Timestamp,
        interface: Option<&str>,
    ) -> Result<PeriodCoverage, StoreError> {
        const SQL: &str = "SELECT interface, packets, dropped, sampled FROM interface_minute \
                           WHERE minute >= ?1 AND minute < ?2 AND (?3 IS NULL OR interface = ?3)";
        let mut coverage = PeriodCoverage { from, to, sampled: 1, ..PeriodCoverage::default() };
        let mut select = self.connection.prepare_cached(SQL)?;
        // The packets of a minute count as a whole, even where the period has a part of it.
        let mut found = select.query(params![rows::minutes(from), minute_after(to), interface])?;
        while let Some(row) = found.next()? {
            let (packets, dropped, sampled): (i64, i64, u32) = (row.get(1)?, row.get(2)?, row.get(3)?);
            coverage.packets += packets.max(0) as u64;
            coverage.dropped += dropped.max(0) as u64;
            coverage.sampled = coverage.sampled.max(sampled);
            let name: String = row.get(0)?;
            if !coverage.interfaces.contains(&name) {
                coverage.interfaces.push(name);
            }
        }
        coverage.interfaces.sort();
        let gaps = self.captured(from, to, interface)?.gaps(from, to);
        coverage.captured_seconds = to.seconds_since(from) - gaps.iter().map(|(_, seconds)| seconds).sum::<f64>();
        for (since, seconds) in gaps {
            if coverage.longest_gap.is_none_or(|(_, longest)| seconds > longest) {
                coverage.longest_gap = Some((since, seconds));
            }
        }
        Ok(coverage)
    }

    /// The seconds that were captured, by minute.
    fn captured(&self, from: Timestamp, to: Timestamp, interface: Option<&str>) -> Result<Captured, StoreError> {
        const SQL: &str = "SELECT minute, interface, seconds FROM interface_minute \
                           WHERE minute >= ?1 AND minute < ?2 AND (?3 IS NULL OR interface = ?3)";
        let mut select = self.connection.prepare_cached(SQL)?;
        let mut found = select.query(params![rows::minutes(from), minute_after(to), interface])?;
        let mut captured = Captured::default();
        while let Some(row) = found.next()? {
            let (minute, name, seconds): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            captured.add(minute.max(0) as u64, &name, seconds as u64);
        }
        Ok(captured)
    }

    /// Times within an incident in which nothing was captured. None where interfaces are not recorded, as of a capture file.
    fn gaps(&self, incident: &Incident) -> Result<Vec<(Timestamp, f64)>, StoreError> {
        let (from, to) = (incident.onset(), incident.updated_at);
        let captured = self.captured(from, to, incident.target.interface.as_deref())?;
        Ok(if captured.is_empty() { Vec::new() } else { captured.gaps(from, to) })
    }

    /// Minutes of one host or guest, or of all of a kind, in order of time.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn minutes(
        &self,
        kind: SubjectKind,
        subject: Option<&str>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SubjectMinute>, StoreError> {
        const SQL: &str = "SELECT subject, minute, received, sent FROM subject_minute WHERE kind = ?1 \
                           AND (?2 IS NULL OR subject = ?2) AND minute >= ?3 AND minute < ?4 ORDER BY minute, subject";
        let mut select = self.connection.prepare_cached(SQL)?;
        let end = minute_after(to);
        let found = select.query_map(params![kind as i64, subject, rows::minutes(from), end], |row| {
            Ok(SubjectMinute {
                minute: rows::from_seconds(row.get::<_, i64>(1)?.saturating_mul(60)),
                kind,
                subject: row.get(0)?,
                received: rows::minute(&row.get::<_, String>(2)?),
                sent: rows::minute(&row.get::<_, String>(3)?),
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Addresses of hosts, or labels of guests, that have minutes within a period.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn subjects(&self, kind: SubjectKind, from: Timestamp, to: Timestamp) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "SELECT DISTINCT subject FROM subject_minute WHERE kind = ?1 AND minute >= ?2 AND minute < ?3 \
                           ORDER BY subject";
        let mut select = self.connection.prepare_cached(SQL)?;
        let after = minute_after(to);
        let found = select.query_map([kind as i64, rows::minutes(from), after], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Minutes of a period of which each second was captured on every interface, and of which the traffic of guests is stored.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn complete_minutes(&self, from: Timestamp, to: Timestamp) -> Result<BTreeSet<Timestamp>, StoreError> {
        // The oldest one may be deleted in part.
        const OLDEST: &str = "SELECT min(minute) FROM subject_minute WHERE kind = 1";
        let oldest: Option<i64> = self.connection.query_row(OLDEST, (), |row| row.get(0))?;
        let Some(oldest) = oldest else { return Ok(BTreeSet::new()) };
        let captured = self.captured(from, to, None)?;
        let whole = captured.whole_minutes().filter(|minute| *minute > oldest.max(0) as u64);
        Ok(whole.map(|minute| Timestamp::from_parts(minute * SECONDS_PER_MINUTE, 0)).collect())
    }

    /// What was noted within a period.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn notes(&self, from: Timestamp, to: Timestamp) -> Result<Vec<StoredNote>, StoreError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT at, kind, text FROM note WHERE at >= ?1 AND at < ?2 ORDER BY at, rowid")?;
        let found = select.query_map([rows::millis(from), rows::millis(to)], |row| {
            Ok(StoredNote { at: rows::from_millis(row.get(0)?), kind: row.get(1)?, text: row.get(2)? })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The end of the last second that was captured; `None` of an empty store.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn last_written(&self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "SELECT minute, seconds FROM interface_minute \
                       WHERE minute = (SELECT max(minute) FROM interface_minute)";
        let mut select = self.connection.prepare_cached(SQL)?;
        let rows = select.query_map((), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let mut last = None;
        for row in rows {
            let (minute, seconds) = row?;
            let second = u64::from((seconds as u64).checked_ilog2().map_or(0, |bit| bit + 1));
            last = last.max(Some(Timestamp::from_parts(minute.max(0) as u64 * SECONDS_PER_MINUTE + second, 0)));
        }
        Ok(last)
    }
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|log| log.len() > 0)
}

/// The URI of a database that does not change while it is read (https://www.sqlite.org/uri.html).
fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for octet in path.as_os_str().as_bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*octet)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// Addresses as they are written in the store.
fn canonical(target: &str) -> String {
    target
        .parse::<crate::base::Addr>()
        .map(|address| address.to_string())
        .or_else(|_| target.parse::<crate::base::Mac>().map(|mac| mac.to_string()))
        .or_else(|_| target.parse::<ipnet::IpNet>().map(|network| network.trunc().to_string()))
        .unwrap_or_else(|_| target.to_owned())
}

/// For LIKE.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn incident(json: &str) -> Result<Incident, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Damaged(format!("an incident cannot be read: {error}")))
}

/// The incidents of a query whose first column is their JSON.
pub(super) fn incidents_by<P: Params>(
    connection: &Connection,
    sql: &str,
    params: P,
) -> Result<Vec<Incident>, StoreError> {
    let mut select = connection.prepare_cached(sql)?;
    let mut found = select.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        match incident(&row.get::<_, String>(0)?) {
            Ok(incident) => all.push(incident),
            Err(error) => tracing::warn!("{error}"),
        }
    }
    Ok(all)
}

pub(super) fn check(connection: &Connection, everything: bool) -> Result<(), StoreError> {
    let pragma = if everything { "PRAGMA integrity_check(10)" } else { "PRAGMA quick_check(10)" };
    let mut select = connection.prepare(pragma)?;
    let found: Vec<String> = select.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    if found == ["ok"] { Ok(()) } else { Err(StoreError::Damaged(found.join("; "))) }
}
