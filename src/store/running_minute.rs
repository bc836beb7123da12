//! The minute that is not over: written every second to a file of its own, so that a process that is killed loses no more. The
//! database gets it when it is over: writing it there every second would wear out a disk.

use super::dir::StateDir;
use super::error::StateError;
use super::model::{SubjectKind, SubjectMinute};
use super::rows;
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;

const NAME: &str = "minute.json";

#[derive(Serialize, Deserialize)]
struct Content {
    run: u64,
    /// Seconds since 1970 of its beginning.
    minute: u64,
    /// Whether it is a guest, subject, received, sent; the last two as in the database.
    rows: Vec<(bool, String, String, String)>,
}

impl StateDir {
    /// Replaces the running minute. Not synced: the kernel keeps it when the process is killed.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn write_running_minute(&self, run: u64, minutes: &[SubjectMinute]) -> io::Result<()> {
        let Some(first) = minutes.first() else { return Ok(()) };
        let row = |minute: &SubjectMinute| {
            let is_guest = minute.kind == SubjectKind::Guest;
            let texts = (rows::minute_to_text(&minute.received), rows::minute_to_text(&minute.sent));
            (is_guest, minute.subject.clone(), texts.0, texts.1)
        };
        let minute = first.minute.nanos() / 1_000_000_000;
        let content = Content { run, minute, rows: minutes.iter().map(row).collect() };
        self.replace(NAME, &serde_json::to_vec(&content)?)
    }

    /// Deletes the running minute.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn forget_running_minute(&self) -> io::Result<()> {
        match std::fs::remove_file(self.path().join(NAME)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The minute that was running when the last run ended, and that run. None after a run that was stopped.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn running_minute(&self) -> Result<Option<(u64, Vec<SubjectMinute>)>, StateError> {
        let Some(bytes) = self.read(NAME)? else { return Ok(None) };
        let content: Content =
            serde_json::from_slice(&bytes).map_err(|error| StateError::Content(format!("{NAME}: {error}")))?;
        let minute = Timestamp::from_parts(content.minute, 0);
        let minutes = content.rows.into_iter().map(|(is_guest, subject, received, sent)| SubjectMinute {
            minute,
            kind: if is_guest { SubjectKind::Guest } else { SubjectKind::Host },
            subject,
            received: rows::minute(&received),
            sent: rows::minute(&sent),
        });
        Ok(Some((content.run, minutes.collect())))
    }
}
