//! The tables of the store, and how an older database becomes one of this version.
//!
//! Times are milliseconds since 1970, of packets nanoseconds; minutes and seconds are counted since 1970.

use super::error::StoreError;
use rusqlite::Connection;

/// Each brings a database from the version of its index to the next one. Never changed, only added to.
const MIGRATIONS: [&str; 2] = [
    "
CREATE TABLE incident (
    number        INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    opened        INTEGER NOT NULL,
    updated       INTEGER NOT NULL,
    closed        INTEGER,
    -- Of close_reason: shutdown incidents go on after the restart.
    reason        TEXT,
    severity      INTEGER NOT NULL,
    vector        TEXT NOT NULL,
    direction     TEXT NOT NULL,
    target_kind   TEXT NOT NULL,
    target        TEXT NOT NULL,
    address       TEXT,
    guest         TEXT,
    interface     TEXT,
    drill         INTEGER NOT NULL,
    json          TEXT NOT NULL,
    mitigations   TEXT,
    -- Whether its evidence was written, and its SHA256SUMS.
    sealed        TEXT
) STRICT;
CREATE INDEX incident_opened ON incident (opened);
CREATE INDEX incident_open ON incident (closed) WHERE closed IS NULL;
CREATE INDEX incident_address ON incident (address) WHERE address IS NOT NULL;
CREATE TABLE incident_vector (
    incident      INTEGER NOT NULL REFERENCES incident (number) ON DELETE CASCADE,
    vector        TEXT NOT NULL,
    PRIMARY KEY (incident, vector)
) STRICT, WITHOUT ROWID;
CREATE TABLE change (
    incident      INTEGER NOT NULL REFERENCES incident (number) ON DELETE CASCADE,
    at            INTEGER NOT NULL,
    change        TEXT NOT NULL,
    severity      INTEGER NOT NULL,
    vector        TEXT NOT NULL
) STRICT;
CREATE INDEX change_incident ON change (incident);
CREATE TABLE second (
    incident      INTEGER NOT NULL REFERENCES incident (number) ON DELETE CASCADE,
    second        INTEGER NOT NULL,
    length        INTEGER NOT NULL,
    -- A JSON list of [vector, packets, bytes].
    vectors       TEXT NOT NULL,
    packets       INTEGER,
    bytes         INTEGER,
    PRIMARY KEY (incident, second)
) STRICT, WITHOUT ROWID;
CREATE TABLE packet (
    incident      INTEGER NOT NULL REFERENCES incident (number) ON DELETE CASCADE,
    time          INTEGER NOT NULL,
    interface     TEXT NOT NULL,
    link          INTEGER NOT NULL,
    direction     INTEGER NOT NULL,
    wire_len      INTEGER NOT NULL,
    class         TEXT NOT NULL,
    attack        INTEGER NOT NULL,
    data          BLOB NOT NULL
) STRICT;
CREATE INDEX packet_incident ON packet (incident, time);
CREATE TABLE interface_minute (
    minute        INTEGER NOT NULL,
    interface     TEXT NOT NULL,
    -- Which run counted it: those of several add up.
    run           INTEGER NOT NULL,
    packets       INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,
    dropped       INTEGER NOT NULL,
    sampled       INTEGER NOT NULL,
    -- Bit n: the n-th second was captured.
    seconds       INTEGER NOT NULL,
    PRIMARY KEY (minute, interface, run)
) STRICT, WITHOUT ROWID;
CREATE TABLE subject_minute (
    kind          INTEGER NOT NULL,
    subject       TEXT NOT NULL,
    minute        INTEGER NOT NULL,
    received      TEXT NOT NULL,
    sent          TEXT NOT NULL,
    PRIMARY KEY (kind, subject, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_minute_minute ON subject_minute (minute);
CREATE TABLE note (
    at            INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    text          TEXT NOT NULL
) STRICT;
CREATE INDEX note_at ON note (at);
-- The last minute of hosts and guests that was written as a whole, and by which run.
CREATE TABLE last_minute (run INTEGER NOT NULL, minute INTEGER NOT NULL) STRICT;
",
    "
CREATE INDEX incident_target ON incident (target);
CREATE INDEX incident_mac ON incident (json_extract(json, '$.target.mac'));
CREATE INDEX incident_unsealed ON incident (closed, id) WHERE closed IS NOT NULL AND sealed IS NULL AND drill = 0;
",
];

/// The version of a database of this program.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// The version of a database; 0 of an empty one.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("PRAGMA user_version", (), |row| row.get::<_, i64>(0)).map(|version| version.max(0) as usize)
}

/// Brings a database to this version, each step as a whole or not at all.
///
/// # Errors
/// The database is newer than this program, or cannot be written.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    if found > VERSION {
        let message = format!("its schema is version {found}, written by a newer Pegel; this one knows {VERSION}");
        return Err(StoreError::Newer(message));
    }
    for (from, step) in MIGRATIONS.iter().enumerate().skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", (from + 1) as i64)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_older_version_becomes_this_one() {
        for from in 0..=VERSION {
            let mut connection = Connection::open_in_memory().unwrap();
            for step in MIGRATIONS.iter().take(from) {
                connection.execute_batch(step).unwrap();
            }
            connection.pragma_update(None, "user_version", from as i64).unwrap();
            migrate(&mut connection).unwrap();
            assert_eq!(version(&connection).unwrap(), VERSION);
            let tables: i64 = connection
                .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", (), |row| row.get(0))
                .unwrap();
            assert_eq!(tables, 9);
            migrate(&mut connection).unwrap();
        }
    }

    #[test]
    fn a_newer_database_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", VERSION as i64 + 1).unwrap();
        let error = migrate(&mut connection).unwrap_err().to_string();
        assert!(error.contains("written by a newer Pegel"), "{error}");
    }
}
