//! `pegel list`: the registries as tables.

use super::exit;
use super::print::print_out;
use super::table::Table;
use crate::base::Vector;
use crate::capture::SOURCES;
use crate::detect::DETECTORS;
use crate::metrics::METRICS;
use crate::output::SINKS;
use crate::packet::{AMPLIFIERS, Anomaly};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel list detectors                  detectors with their settings
  pegel list vectors | grep layer2      vectors of one class
  pegel list metrics";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ListArgs {
    /// Registry to list
    registry: RegistryName,
}

#[derive(Clone, Copy, ValueEnum)]
enum RegistryName {
    /// Detectors and their settings
    Detectors,
    /// Attack vectors, as named in labels and JSON
    Vectors,
    /// Packet sources
    Sources,
    /// Outputs for incidents
    Outputs,
    /// Services used for reflection and amplification
    Amplifiers,
    /// Packet anomalies
    Anomalies,
    /// Prometheus metrics
    Metrics,
}

pub(super) fn run(args: &ListArgs) -> ExitCode {
    let table = match args.registry {
        RegistryName::Detectors => detectors(),
        RegistryName::Vectors => vectors(),
        RegistryName::Sources => {
            let mut table = Table::new(&["SOURCE", "LIVE", "DESCRIPTION"]);
            for spec in SOURCES {
                table.row([spec.name, if spec.live { "yes" } else { "no" }, spec.summary]);
            }
            table
        }
        RegistryName::Outputs => {
            let mut table = Table::new(&["OUTPUT", "DESCRIPTION"]);
            for spec in SINKS {
                table.row([spec.name, spec.summary]);
            }
            table
        }
        RegistryName::Amplifiers => {
            let mut table = Table::new(&["SERVICE", "UDP PORTS", "VECTOR", "NOTE"]);
            for row in AMPLIFIERS {
                let ports: Vec<String> = row.ports.iter().map(u16::to_string).collect();
                table.row([row.service, &ports.join(","), row.vector.name(), row.note]);
            }
            table
        }
        RegistryName::Anomalies => {
            let mut table = Table::new(&["ANOMALY"]);
            for anomaly in Anomaly::ALL {
                table.row([anomaly.name()]);
            }
            table
        }
        RegistryName::Metrics => {
            let mut table = Table::new(&["METRIC", "TYPE", "LABELS", "DESCRIPTION"]);
            for spec in METRICS {
                table.row([spec.name, spec.kind.name(), &spec.labels.join(","), spec.help]);
            }
            table
        }
    };
    match print_out(&table.to_string()) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(code) => code,
    }
}

fn detectors() -> Table {
    let mut table = Table::new(&["DETECTOR", "SETTINGS (DEFAULT)", "DESCRIPTION"]);
    for spec in DETECTORS {
        let settings: Vec<String> =
            spec.settings.iter().map(|s| format!("{} = {} {}", s.key, s.default, s.unit)).collect();
        table.row([spec.name, &settings.join("; "), spec.summary]);
    }
    table
}

fn vectors() -> Table {
    let mut table = Table::new(&["VECTOR", "CLASS", "DETECTOR"]);
    for vector in Vector::ALL {
        let detector = DETECTORS.iter().find(|spec| spec.vectors.contains(vector)).map_or("", |spec| spec.name);
        table.row([vector.name(), vector.class().name(), detector]);
    }
    table
}
