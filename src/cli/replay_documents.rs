//! What `pegel replay` writes beside its output: a report, and evidence.

use super::report_settings::sender;
use crate::base::Timestamp;
use crate::config::{Config, ReportConfig};
use crate::report::{Format, Language, Scope, What, incident_material, period_material};
use crate::runtime::replay::Replay;
use crate::runtime::{wall_clock, write_evidence};
use crate::store::evidence::{Chain, SigningKey};
use crate::store::{Database, PeriodCoverage, StoreError};
use std::path::{Path, PathBuf};

/// Reports on single incidents that a replay writes: a crafted capture may have any number.
const MOST_REPORTS: usize = 200;

/// What is to be written.
pub(super) struct Documents {
    report: Option<PathBuf>,
    language: Language,
    evidence: Option<PathBuf>,
    signing_key: Option<PathBuf>,
    snaplen: usize,
    config: ReportConfig,
}

impl Documents {
    /// `None` where nothing is.
    pub(super) fn new(
        report: Option<&PathBuf>,
        language: Language,
        evidence: Option<&PathBuf>,
        config: &Config,
    ) -> Option<Documents> {
        if report.is_none() && evidence.is_none() {
            return None;
        }
        Some(Documents {
            report: report.cloned(),
            language,
            evidence: evidence.cloned(),
            signing_key: config.evidence.signing_key.clone(),
            snaplen: config.tally.kept_octets,
            config: config.report.clone(),
        })
    }

    /// Records the replay from its beginning.
    ///
    /// # Errors
    /// What cannot be written: found before the capture is read.
    pub(super) fn prepare(&self, replay: &mut Replay, config: &Config) -> Result<(), String> {
        if let Some(folder) = &self.evidence {
            self.chain(folder)?;
            replay.set_evidence_url(folder.join("{id}").display().to_string());
        }
        if let Some(path) = &self.report {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if folder.is_some_and(|folder| !folder.is_dir()) || path.is_dir() {
                return Err(format!("{}: no such directory, or not a file", path.display()));
            }
        }
        replay.record(config).map_err(|error| error.to_string())
    }

    fn chain(&self, folder: &Path) -> Result<Chain, String> {
        let key = self.signing_key.as_deref().map(SigningKey::read).transpose()?;
        let chain = Chain::open(folder, key).map_err(|error| format!("{}: {error}", folder.display()))?;
        match chain.problems() {
            [] => Ok(chain),
            [first, ..] => Err(format!("{}: {first}", folder.display())),
        }
    }

    /// Writes everything, after the end of the capture. Returns lines for standard error.
    ///
    /// # Errors
    /// What could not be written.
    pub(super) fn write(&self, replay: &mut Replay) -> Result<Vec<String>, String> {
        let text = |error: StoreError| error.to_string();
        let (span, packets) = (replay.span(), replay.engine().totals().frames.packets);
        let spans = replay.spans().to_vec();
        let Some(mut database) = replay.take_record().map_err(text)? else { return Ok(Vec::new()) };
        let mut lines = Vec::new();
        if let Some(path) = &self.report {
            // What no packet shows has no report.
            let (from, to) =
                span.ok_or_else(|| format!("{}: not written, the capture has no packets", path.display()))?;
            self.write_reports(path, &database, (from, to), (&spans, packets), &mut lines)?;
        }
        if let Some(folder) = &self.evidence {
            let mut chain = self.chain(folder)?;
            let number = write_evidence(&mut database, &mut chain, self.snaplen)?;
            let what = if number == 1 { "incident" } else { "incidents" };
            lines.push(format!("evidence of {number} {what} in {}; check it with pegel verify", folder.display()));
        }
        Ok(lines)
    }

    fn write_reports(
        &self,
        path: &Path,
        database: &Database,
        (from, to): (Timestamp, Timestamp),
        (spans, packets): (&[(Timestamp, Timestamp)], u64),
        lines: &mut Vec<String>,
    ) -> Result<(), String> {
        let text = |error: StoreError| error.to_string();
        let sender = sender(&self.config, None, None, &[]);
        let (format, now) = (format(path), wall_clock());
        let reader = database.reader();
        let write = |lines: &mut Vec<String>, path: &Path, report: String| {
            lines.push(format!("report in {}", path.display()));
            std::fs::write(path, report).map_err(|error| format!("{}: {error}", path.display()))
        };
        // The last packet is within the period.
        let to = Timestamp::from_nanos(to.nanos().saturating_add(1));
        let mut material = period_material(reader, from, to, &Scope::All).map_err(text)?;
        material.coverage = coverage(spans, (from, to), packets);
        let incidents = std::mem::take(&mut material.incidents);
        let report_on = |id: &str| -> Result<String, String> {
            let found = incident_material(reader, id).map_err(text)?.ok_or("an incident has vanished")?;
            sender.incident(&found, What::Report(format), self.language, now)
        };
        if let [only] = incidents.as_slice() {
            return write(lines, path, report_on(&only.id)?);
        }
        if incidents.len() > MOST_REPORTS {
            lines.push(format!(
                "{} of {} incidents have a report of their own, the first ones; pegel report writes others from a store",
                MOST_REPORTS,
                incidents.len()
            ));
        }
        for incident in incidents.iter().take(MOST_REPORTS) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let suffix = path.extension().unwrap_or_default().to_string_lossy();
            let file = path.with_file_name(format!("{name}-{}.{suffix}", incident.id));
            write(lines, &file, report_on(&incident.id)?)?;
        }
        material.incidents = incidents;
        write(lines, path, sender.period(&material, (from, to), Scope::All, format, self.language, now))
    }
}

/// A file covers the time from its first to its last packet; what it misses in between, it does not say.
fn coverage(spans: &[(Timestamp, Timestamp)], (from, to): (Timestamp, Timestamp), packets: u64) -> PeriodCoverage {
    let mut spans = spans.to_vec();
    spans.sort();
    let (mut covered, mut until, mut longest_gap) = (0.0, from, None::<(Timestamp, f64)>);
    for (first, last) in spans {
        if first > until {
            let gap = first.seconds_since(until);
            if longest_gap.is_none_or(|(_, longest)| gap > longest) {
                longest_gap = Some((until, gap));
            }
        }
        covered += last.seconds_since(first.max(until));
        until = until.max(last);
    }
    PeriodCoverage {
        from,
        to,
        captured_seconds: covered,
        packets,
        sampled: 1,
        is_file: true,
        longest_gap,
        ..PeriodCoverage::default()
    }
}

/// By the suffix of the file.
fn format(path: &Path) -> Format {
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("md" | "markdown") => Format::Markdown,
        Some("json") => Format::Json,
        _ => Format::Html,
    }
}
