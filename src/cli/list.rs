//! `pegel list`: the registries, as tables.

use super::table::Table;
use super::{exit, print_out};
use crate::base::Vector;
use crate::capture::SOURCES;
use crate::detect::DETECTORS;
use crate::metrics::METRICS;
use crate::output::SINKS;
use crate::packet::{AMPLIFIERS, Anomaly};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

#[derive(Args)]
pub(super) struct ListArgs {
    /// What to list
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// What is recognised, with the settings of each
    Detectors,
    /// The ways of attack by name, as in labels and JSON
    Vectors,
    /// Where packets can come from
    Sources,
    /// Where incidents can go
    Outputs,
    /// Services that reflect and amplify
    Amplifiers,
    /// What can be wrong with a packet
    Anomalies,
    /// What Prometheus is told
    Metrics,
}

pub(super) fn run(args: &ListArgs) -> ExitCode {
    let table = match args.what {
        What::Detectors => detectors(),
        What::Vectors => vectors(),
        What::Sources => {
            let mut table = Table::new(&["SOURCE", "LIVE", "WHAT"]);
            for spec in SOURCES {
                table.row([spec.name, if spec.live { "yes" } else { "no" }, spec.summary]);
            }
            table
        }
        What::Outputs => {
            let mut table = Table::new(&["OUTPUT", "WHAT"]);
            for spec in SINKS {
                table.row([spec.name, spec.summary]);
            }
            table
        }
        What::Amplifiers => {
            let mut table = Table::new(&["SERVICE", "UDP PORTS", "VECTOR", "NOTE"]);
            for row in AMPLIFIERS {
                let ports: Vec<String> = row.ports.iter().map(u16::to_string).collect();
                table.row([row.service, &ports.join(","), row.vector.name(), row.note]);
            }
            table
        }
        What::Anomalies => {
            let mut table = Table::new(&["ANOMALY"]);
            for anomaly in Anomaly::ALL {
                table.row([anomaly.name()]);
            }
            table
        }
        What::Metrics => {
            let mut table = Table::new(&["METRIC", "TYPE", "LABELS", "WHAT"]);
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
    let mut table = Table::new(&["DETECTOR", "SETTINGS (DEFAULT)", "WHAT"]);
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
