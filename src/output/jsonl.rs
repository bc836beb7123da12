//! The JSON-lines sink: each change of an incident appended to a file, in the public incident format with the change
//! beside it.

use super::Sink;
use crate::incident::{Event, Incident};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub struct JsonLines {
    path: PathBuf,
    file: Option<File>,
}

#[derive(Serialize)]
struct Line<'a> {
    change: &'static str,
    #[serde(flatten)]
    incident: &'a Incident,
}

impl JsonLines {
    /// Opens the file at once, so that a wrong path is told at the start.
    pub fn open(path: &Path) -> io::Result<JsonLines> {
        let mut sink = JsonLines { path: path.to_owned(), file: None };
        sink.file()?;
        Ok(sink)
    }

    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            // A rotated file is gone from its path: write to the new one.
            Some(_) if self.path.exists() => {}
            _ => self.file = Some(OpenOptions::new().create(true).append(true).open(&self.path)?),
        }
        self.file.as_mut().ok_or_else(|| io::Error::other("the file is not open"))
    }
}

impl Sink for JsonLines {
    fn deliver(&mut self, event: &Event) -> io::Result<()> {
        let line = Line { change: event.change.name(), incident: &event.incident };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        // One write a line: readers never see half of one.
        self.file()?.write_all(&bytes)
    }
}
