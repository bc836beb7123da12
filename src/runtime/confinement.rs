//! Gives up what the daemon needs no more, between opening what only privileges can open and the start of the first thread.

use super::live_error::LiveError;
use super::overview_publisher::machine_name;
use super::unix_socket;
use super::worker_handles::Opened;
use crate::config::{Config, DEFAULT_PATH};
use crate::output::syslog::SyslogTarget;
use crate::sandbox::helper::{self, Permissions};
use crate::sandbox::{self, Attempt, Plan, Step, StepState, UserChoice};
use crate::store::StateDir;
use crate::{http, posture};
use axum::http::Uri;
use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Directories whose other content is not Pegel's: of a file in one of them, only the file may be read. If it is replaced, Pegel
/// can read it again after a restart.
const BROAD: [&str; 13] =
    ["/", "/boot", "/dev", "/etc", "/home", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/usr", "/var"];
/// What is read beside the files of the configuration: counters and settings of the kernel, certificate authorities, time zones.
const ALWAYS_READABLE: [&str; 13] = [
    "/dev/urandom",
    "/etc/ca-certificates",
    "/etc/localtime",
    "/etc/pki",
    "/etc/ssl",
    "/proc",
    "/sys",
    "/usr/lib/ssl",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/ssl",
    "/usr/share/zoneinfo",
    "/var/lib/ca-certificates",
];
/// Variables that name other certificate authorities.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What was opened before.
pub(super) struct Confined {
    pub sources: Opened,
    pub listener: Option<http::Listener>,
    pub web: http::Web,
}

impl Confined {
    /// Opens the interfaces and the HTTP port, then gives everything else up.
    pub(crate) fn enter(config: &Config, path: Option<&Path>, interfaces: &[String]) -> Result<Confined, LiveError> {
        if config.sandbox.enabled {
            start_helper(config)?;
        }
        let sources = Opened::all(config, interfaces)?;
        let web = web(config).map_err(|errors| LiveError::Other(errors.join("\n")))?;
        let listener = listen(config)?;
        let is_new = !config.state_dir.exists();
        // Creates the directory, where only root may; persistence tells what is wrong with it.
        let _ = StateDir::open(&config.state_dir);
        if config.sandbox.enabled {
            if is_new {
                sandbox::give(&config.state_dir, &config.sandbox.user);
            }
            let plan = plan(config, path, &web, sources.uses_libpcap());
            sandbox::enter(&plan).map_err(LiveError::Other)?.iter().for_each(log);
            // Some are read with the first alert only, which is too late to notice.
            for file in named_files(config, path, &web) {
                if std::fs::File::open(&file).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
                    tracing::warn!(
                        "{} can no longer be read: give the user that Pegel runs as access to it",
                        file.display()
                    );
                }
            }
        } else {
            tracing::warn!("sandbox.enabled = false: all privileges are kept");
        }
        Ok(Confined { sources, listener, web })
    }
}

fn log(step: &Step) {
    match step.state {
        StepState::Done => tracing::debug!("sandbox: {step}"),
        StepState::Degraded => tracing::warn!("sandbox: {step}"),
    }
}

fn start_helper(config: &Config) -> Result<(), LiveError> {
    let hooks = config.output.hooks.iter().map(|hook| (hook.name.clone(), hook.command.clone())).collect();
    let readable = inventory_roots(config);
    helper::start(&Permissions { hooks, readable }).map_err(|error| {
        LiveError::Other(format!(
            "cannot start the helper process: {error}; sandbox.enabled = false runs without it, with all privileges"
        ))
    })
}

fn listen(config: &Config) -> Result<Option<http::Listener>, LiveError> {
    let http = &config.http;
    if !http.enabled {
        return Ok(None);
    }
    if let Some(path) = http.socket() {
        let shown = path.display();
        let failed = |error| LiveError::Other(format!("http.unix_socket: cannot listen on {shown}: {error}"));
        return unix_socket::listen(path, 0o660).map(|listener| Some(listener.into())).map_err(failed);
    }
    let address = http.listen;
    TcpListener::bind(address).map(|listener| Some(listener.into())).map_err(|error| {
        LiveError::Other(format!("cannot listen on {address}: {error}; choose another address with --listen"))
    })
}

/// Access rules of the HTTP server, with the files of the web configuration.
///
/// # Errors
/// One line per error, which names its key.
pub fn web(config: &Config) -> Result<http::Web, Vec<String>> {
    let http = &config.http;
    if !http.enabled {
        return Ok(http::Web::open_to_all());
    }
    let is_unix = http.socket().is_some();
    // Who may connect to a Unix socket, its permissions say.
    let listen = if is_unix { (Ipv4Addr::LOCALHOST, 0).into() } else { http.listen };
    let web = http::Web::read(&http.web_config, listen, http.allow_unauthenticated)?;
    // Beyond loopback clients authenticate, or others decide who may ask; the names there are not known here.
    if is_unix || !listen.ip().to_canonical().is_loopback() {
        return Ok(web);
    }
    let external = config.output.links.external_url.parse::<Uri>().ok();
    let external = external.and_then(|url| url.host().map(str::to_owned));
    Ok(web.only_for(http.hosts.iter().cloned().chain([machine_name()]).chain(external)))
}

/// Runs as the helper of another process, whose socket is standard input, until that ends.
///
/// # Errors
/// Standard input is no such socket.
pub fn serve_as_helper() -> io::Result<()> {
    helper::serve(io::stdin().as_fd(), posture::run_for)
}

/// Enters the sandbox of `pegel run` and tries what it must refuse; opens no interface.
///
/// # Errors
/// Why it cannot be entered.
pub fn print_sandbox(config: &Config, path: Option<&Path>) -> Result<(Vec<Step>, Vec<Attempt>), LiveError> {
    start_helper(config)?;
    let web = web(config).map_err(|errors| LiveError::Other(errors.join("\n")))?;
    let steps = sandbox::enter(&plan(config, path, &web, false)).map_err(LiveError::Other)?;
    Ok((steps, sandbox::attempts()))
}

fn inventory_roots(config: &Config) -> Vec<PathBuf> {
    let inventory = &config.inventory;
    let all = std::iter::once(&inventory.proxmox).chain(&inventory.libvirt).chain(&inventory.tables);
    all.filter(|path| !path.as_os_str().is_empty()).cloned().collect()
}

/// The files that the configuration names, itself included.
fn named_files(config: &Config, path: Option<&Path>, web: &http::Web) -> Vec<PathBuf> {
    let output = &config.output;
    let mut files = vec![path.unwrap_or(Path::new(DEFAULT_PATH)).to_owned()];
    files.extend(web.files());
    files.extend(output.endpoints().flat_map(|endpoint| endpoint.files()).cloned());
    files.extend(output.webhooks.iter().map(|webhook| webhook.secret_file.clone()));
    files
        .extend(config.inventory.tables.iter().chain(&config.report.mmdb).chain(&config.evidence.signing_key).cloned());
    files.retain(|file| !file.as_os_str().is_empty());
    files
}

fn plan(config: &Config, path: Option<&Path>, web: &http::Web, packet_sockets: bool) -> Plan {
    let user = match config.sandbox.user.as_str() {
        "" => UserChoice::OwnerOf(config.state_dir.clone()),
        user => UserChoice::Named(user.to_owned()),
    };
    let output = &config.output;
    let mut readable: BTreeSet<PathBuf> = ALWAYS_READABLE.iter().map(PathBuf::from).collect();
    readable.extend(CERTIFICATES.iter().filter_map(std::env::var_os).map(PathBuf::from));
    readable.extend(inventory_roots(config));
    let mut files = named_files(config, path, web);
    // A link may lead elsewhere, as to the archive of a certificate; what it leads to later is in the same directory.
    let targets: Vec<PathBuf> = files.iter().filter_map(|file| file.canonicalize().ok()).collect();
    files.extend(targets);
    let targets: Vec<PathBuf> = readable.iter().filter_map(|path| path.canonicalize().ok()).collect();
    readable.extend(targets);
    readable.extend(files.iter().map(|file| readable_for(file)));

    let mut connect: BTreeSet<u16> = output.endpoints().filter_map(|endpoint| endpoint.port()).collect();
    if let Some(SyslogTarget::Tcp(address)) = &output.syslog {
        connect.extend(address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()));
    }
    let mut writable = BTreeSet::from([config.state_dir.clone()]);
    if !output.jsonl.as_os_str().is_empty() {
        // Its directory, since it is rotated.
        let place = readable_for(&output.jsonl);
        if place == output.jsonl {
            tracing::warn!("{} is not rotated: its directory has other files as well", place.display());
            // A rule needs the file; what is wrong with it, the output tells.
            let _ = std::fs::OpenOptions::new().append(true).create(true).open(&place);
        }
        writable.insert(place);
    }
    // A path that is not configured is empty, one that does not exist gets no rule.
    let existing = |paths: BTreeSet<PathBuf>| paths.into_iter().filter(|path| path.exists()).collect();
    Plan {
        user,
        readable: existing(readable),
        writable: existing(writable),
        connect: connect.into_iter().collect(),
        packet_sockets,
    }
}

/// The directory of a file, so that it can be replaced, unless that is a broad one.
fn readable_for(file: &Path) -> PathBuf {
    let Some(parent) = file.parent().map(directory) else { return file.to_owned() };
    let is_home = parent.parent() == Some(Path::new("/home"));
    let is_broad = is_home || BROAD.iter().any(|broad| Path::new(broad) == parent);
    if is_broad || file.as_os_str().is_empty() { file.to_owned() } else { parent }
}

/// Of a file without a directory in its name, it is the current one.
fn directory(parent: &Path) -> PathBuf {
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    std::path::absolute(parent).unwrap_or_else(|_| parent.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_in_a_broad_directory_only_the_file_is_readable() {
        for (file, expected) in [
            ("/etc/pegel/pegel.toml", "/etc/pegel"),
            ("/etc/pegel.toml", "/etc/pegel.toml"),
            ("/srv/pegel/sites/pegel.toml", "/srv/pegel/sites"),
            ("", ""),
        ] {
            assert_eq!(readable_for(Path::new(file)), Path::new(expected), "{file}");
        }
    }

    #[test]
    fn the_plan_has_what_the_configuration_names() {
        let text = "state_dir = \"/tmp\"\n\
                    [[alertmanager]]\nname = \"a\"\nurl = \"https://alerts.example\"\n\
                    [[webhook]]\nname = \"b\"\nurl = \"http://[2001:db8::1]:8080/x\"\n\
                    [output]\nsyslog = \"tcp:log.example:6514\"";
        let config = Config::parse(text, "x.toml").expect("valid");
        let plan = plan(&config, None, &http::Web::open_to_all(), false);
        assert_eq!(plan.connect, [443, 6514, 8080]);
        assert_eq!(plan.writable, [Path::new("/tmp")]);
        assert!(plan.readable.iter().any(|path| path == Path::new("/proc")));
        assert!(!plan.readable.iter().any(|path| BROAD.iter().any(|broad| Path::new(broad) == path)));
    }
}
