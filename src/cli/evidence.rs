//! `pegel evidence`: copies the evidence of an incident.

use super::common::Common;
use super::exit;
use super::print::print_out;
use crate::config::Config;
use crate::store::evidence::{PseudonymKey, Redaction, SigningKey, export};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel evidence 20260101T000005Z-9cfc2aa2 --output /tmp/case                     an exact copy
  pegel evidence 20260101T000005Z-9cfc2aa2 --output /tmp/case --without-payload   headers only, no names
  openssl rand -hex 32 > pseudonyms.key
  pegel evidence 20260101T000005Z-9cfc2aa2 --output /tmp/case --pseudonymise pseudonyms.key

The copy is the directory ID in DIR. A redacted copy has new sums and, with --signing-key, a new signature; its
manifest.json says what was left out or replaced. With pseudonyms its incident ID is a different one, since the ID
is made from the target's address.

Exit codes: 0 success; 1 no such evidence, it was altered, or the copy failed; 2 wrong usage; 3 invalid configuration.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct EvidenceArgs {
    /// Incident ID
    id: String,
    /// Directory to copy to
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Remove all payload: everything behind the transport headers, and names
    #[arg(long)]
    without_payload: bool,
    /// Replace inside addresses by prefix-preserving pseudonyms, with the key in this file (64 hexadecimal digits); removes the
    /// payload too, since it may contain addresses
    #[arg(long, value_name = "KEYFILE")]
    pseudonymise: Option<PathBuf>,
    /// Sign the redacted copy with this key (Ed25519, PEM)
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// State directory of the daemon [default: state_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Folder of evidence [default: `evidence` in the state directory]
    #[arg(long, value_name = "DIR", conflicts_with = "state_dir")]
    from: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &EvidenceArgs) -> ExitCode {
    let config = match args.common.load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    match copy(args, &config) {
        Ok((text, problems)) => {
            for problem in &problems {
                eprintln!("pegel: the original is not intact: {problem}");
            }
            let code = if problems.is_empty() { exit::OK } else { exit::FAILED };
            print_out(&text).err().unwrap_or(ExitCode::from(code))
        }
        Err(message) => {
            eprintln!("pegel: {message}");
            ExitCode::from(exit::FAILED)
        }
    }
}

fn copy(args: &EvidenceArgs, config: &Config) -> Result<(String, Vec<String>), String> {
    let root =
        args.from.clone().unwrap_or_else(|| args.state_dir.as_ref().unwrap_or(&config.state_dir).join("evidence"));
    let key = args.pseudonymise.as_deref().map(PseudonymKey::read).transpose()?;
    let signing_key = args.signing_key.as_deref().map(SigningKey::read).transpose()?;
    if key.is_some() && config.networks.is_empty() {
        return Err(
            "which addresses are inside is not known: set networks in the configuration or give --network".to_owned()
        );
    }
    let is_redacted = args.without_payload || key.is_some();
    if signing_key.is_some() && !is_redacted {
        return Err("an exact copy keeps its signature; --signing-key is for redacted copies".to_owned());
    }
    let redaction = is_redacted.then(|| Redaction { key, networks: config.networks.clone() });
    let exported = export(&root, &args.id, &args.output, redaction.as_ref(), signing_key.as_ref())?;
    Ok((format!("{}\n", exported.path.display()), exported.problems))
}
