//! Access to the HTTP server: passwords, certificates, refusals, and connection limits with TLS.
//!
//! Certificates are made by the `openssl` tool in a temporary directory. Without the tool these tests are skipped, or
//! fail if CI=true.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod tools;

use pegel::http::{Server, Shared, Web, start};
use pegel::meter::{Hasher, HostTable, StationTable};
use pegel::metrics::Metrics;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, version};
use tools::Scratch;

const GUARD: Duration = Duration::from_secs(60);
/// Base64 of `prometheus:secret`, `prometheus:wrong`, `nobody:secret` and `prometheus:other`.
const RIGHT: &str = "Authorization: Basic cHJvbWV0aGV1czpzZWNyZXQ=\r\n";
const WRONG: &str = "Authorization: Basic cHJvbWV0aGV1czp3cm9uZw==\r\n";
const UNKNOWN: &str = "Authorization: Basic bm9ib2R5OnNlY3JldA==\r\n";
const OTHER: &str = "Authorization: Basic cHJvbWV0aGV1czpvdGhlcg==\r\n";

fn serve(scratch: &Scratch, web: &str) -> Running {
    let file = scratch.file("web.yml", web);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let web = Web::read(&file, listener.local_addr().unwrap(), false).unwrap();
    let metrics = Arc::new(Metrics::new(&[], &[]).unwrap());
    let hosts = Arc::new(HostTable::for_hosts(16, Hasher::fixed()));
    let stations = Arc::new(StationTable::for_stations(16, Hasher::fixed()));
    let shared = Arc::new(Shared::new(Arc::clone(&metrics), hosts, stations, Vec::new(), Instant::now()));
    // A heartbeat that never expires.
    shared.beat(u64::MAX);
    Running { server: start(listener, shared, web).unwrap(), metrics }
}

/// A client that trusts the test authority and presents `certificate`, if given.
fn client(scratch: &Scratch, certificate: Option<&str>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(scratch.path("ca.crt")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .unwrap()
        .with_root_certificates(roots);
    match certificate {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let chain = vec![CertificateDer::from_pem_file(scratch.path(&format!("{name}.crt"))).unwrap()];
            let key = PrivateKeyDer::from_pem_file(scratch.path(&format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

struct Running {
    server: Server,
    metrics: Arc<Metrics>,
}

impl Running {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream
    }

    fn refused(&self, reason: &str) -> u64 {
        let name = format!("pegel_http_refused_total{{reason=\"{reason}\"}} ");
        let page = self.metrics.render().unwrap();
        page.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    }

    fn ask(&self, path: &str, headers: &str) -> (u16, String) {
        let mut stream = self.connect();
        write!(stream, "{}", request(path, headers)).unwrap();
        read(stream).expect("a response")
    }

    fn tls(&self, client: &ClientConfig) -> StreamOwned<ClientConnection, TcpStream> {
        let name = "localhost".try_into().unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(client.clone()), name).unwrap(), self.connect())
    }

    fn ask_tls(&self, client: &ClientConfig, path: &str, headers: &str) -> std::io::Result<(u16, String)> {
        let mut stream = self.tls(client);
        stream.write_all(request(path, headers).as_bytes())?;
        read(stream)
    }
}

fn request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n")
}

/// The status and the complete response.
fn read(mut stream: impl Read) -> std::io::Result<(u16, String)> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok((status, text))
}

fn wait_until(what: &str, mut good: impl FnMut() -> bool) {
    let start = Instant::now();
    while !good() {
        assert!(start.elapsed() < GUARD, "never: {what}");
        sleep(Duration::from_millis(50));
    }
}

/// A web configuration with this password for the user `prometheus`.
fn users(password: &str) -> String {
    format!("basic_auth_users:\n  prometheus: {}\n", bcrypt::hash(password, 4).unwrap())
}

const TLS: &str = "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\n";

#[test]
fn every_route_requires_the_password() {
    let scratch = Scratch::new("password");
    let running = serve(&scratch, &users("secret"));
    for path in ["/", "/metrics", "/healthz", "/readyz", "/api/v1/incidents", "/nothing"] {
        for headers in ["", WRONG, UNKNOWN, "Authorization: Bearer secret\r\n"] {
            let (status, text) = running.ask(path, headers);
            assert_eq!(status, 401, "{path} {headers}");
            assert!(text.contains("www-authenticate: Basic realm=\"pegel\", charset=\"UTF-8\""), "{text}");
            assert!(text.contains("x-content-type-options: nosniff"), "{text}");
            assert!(text.ends_with("{\"error\":\"authentication required\"}\n"), "{text}");
        }
    }
    assert_eq!(running.refused("auth"), 24);
    for _ in 0..2 {
        assert_eq!(running.ask("/healthz", RIGHT).0, 200);
        assert_eq!(running.ask("/nothing", RIGHT).0, 404);
    }
    assert_eq!(running.refused("auth"), 24);
    running.server.stop();
}

#[test]
fn guessing_does_not_delay_known_clients() {
    let scratch = Scratch::new("guess");
    let running = serve(&scratch, &users("secret"));
    assert_eq!(running.ask("/healthz", RIGHT).0, 200);
    // One password is checked at a time, at most four wrong ones per second; the other requests wait.
    let guesses: Vec<TcpStream> = (0..25)
        .map(|_| {
            let mut stream = running.connect();
            write!(stream, "{}", request("/healthz", WRONG)).unwrap();
            stream
        })
        .collect();
    let before = running.refused("auth");
    assert_eq!(running.ask("/healthz", RIGHT).0, 200);
    let answers: Vec<u16> = guesses.into_iter().map(|stream| read(stream).unwrap().0).collect();
    assert!(before < 25, "all passwords were checked already");
    assert!(answers.iter().all(|status| matches!(status, 401 | 503)), "{answers:?}");
    let busy = answers.iter().filter(|status| **status == 503).count() as u64;
    assert_eq!((running.refused("busy"), running.refused("auth")), (busy, 25 - busy));
    assert!(busy > 0, "no request was refused as busy: {answers:?}");
    running.server.stop();
}

#[test]
fn a_changed_password_applies_without_a_restart() {
    let scratch = Scratch::new("changed");
    let running = serve(&scratch, &users("secret"));
    assert_eq!(running.ask("/healthz", RIGHT).0, 200);
    scratch.file("web.yml", "basic_auth_users:\n  prometheus: nonsense, and much of it\n");
    // Longer than the check interval: the next connection causes a reload, which fails and has no effect.
    sleep(Duration::from_millis(1100));
    assert_eq!(running.ask("/healthz", RIGHT).0, 200);
    scratch.file("web.yml", &users("other"));
    wait_until("the new password", || running.ask("/healthz", OTHER).0 == 200);
    assert_eq!(running.ask("/healthz", RIGHT).0, 401);
    running.server.stop();
}

#[test]
fn only_tls_is_accepted() {
    let Some(scratch) = Scratch::with_certificates("tls") else { return };
    let running = serve(&scratch, &format!("{TLS}  min_version: TLS13\n{}", users("secret")));
    assert!(running.server.url().starts_with("https://127.0.0.1:"), "{}", running.server.url());
    let client = client(&scratch, None);
    assert_eq!(running.ask_tls(&client, "/healthz", RIGHT).unwrap().0, 200);
    assert_eq!(running.ask_tls(&client, "/healthz", "").unwrap().0, 401);
    assert_eq!(running.refused("tls"), 0);

    let mut plain = running.connect();
    write!(plain, "{}", request("/healthz", RIGHT)).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    wait_until("plain HTTP counted", || running.refused("tls") == 1);

    let old = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    assert!(running.ask_tls(&old, "/healthz", RIGHT).is_err());
    wait_until("TLS 1.2 counted", || running.refused("tls") == 2);
    running.server.stop();
}

#[test]
fn client_certificates_can_be_required() {
    let Some(scratch) = Scratch::with_certificates("client") else { return };
    scratch.certificate("prometheus");
    let running =
        serve(&scratch, &format!("{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"));
    assert_eq!(running.ask_tls(&client(&scratch, Some("prometheus")), "/healthz", "").unwrap().0, 200);
    assert!(running.ask_tls(&client(&scratch, None), "/healthz", "").is_err());
    wait_until("the rejected client counted", || running.refused("tls") == 1);
    running.server.stop();
}

#[test]
fn a_renewed_certificate_applies_to_the_next_connection() {
    let Some(scratch) = Scratch::with_certificates("renewed") else { return };
    let running = serve(&scratch, TLS);
    let client = client(&scratch, None);
    let shown = || {
        let mut stream = running.tls(&client);
        stream.write_all(request("/healthz", "").as_bytes()).unwrap();
        let certificate = stream.conn.peer_certificates().expect("a certificate")[0].clone().into_owned();
        assert_eq!(read(stream).unwrap().0, 200);
        certificate
    };
    let first = shown();
    let good = fs::read(scratch.path("web.key")).unwrap();
    // A key that does not match the certificate, as in the middle of a renewal.
    scratch.openssl("ecparam -name prime256v1 -genkey -noout -out web.key");
    sleep(Duration::from_millis(1100));
    assert_eq!(shown(), first);
    fs::write(scratch.path("web.key"), good).unwrap();
    scratch.certificate("web");
    wait_until("the new certificate", || shown() != first);
    running.server.stop();
}

#[test]
fn slow_clients_are_disconnected_before_and_inside_tls() {
    let Some(scratch) = Scratch::with_certificates("slow") else { return };
    let running = serve(&scratch, TLS);
    let client = client(&scratch, None);
    // Most connections send nothing; the others start a request and continue one byte at a time.
    let silent: Vec<TcpStream> = (0..240).map(|_| running.connect()).collect();
    let mut slow: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = running.tls(&client);
            stream.write_all(b"GET /healthz HTTP/1.1\r\nX: ").unwrap();
            stream
        })
        .collect();
    wait_until("all connections in use", || {
        let _ = running.ask_tls(&client, "/healthz", "");
        running.refused("busy") > 0
    });
    wait_until("the slow clients disconnected", || {
        for stream in &mut slow {
            let _ = stream.write_all(b"x");
        }
        // Some were evicted for others before.
        running.refused("limit") + running.refused("busy") >= 256
    });
    assert_eq!(running.ask_tls(&client, "/healthz", "").unwrap().0, 200);
    drop(silent);
    running.server.stop();
}

#[test]
fn endless_requests_inside_tls_are_cut_off() {
    let Some(scratch) = Scratch::with_certificates("endless") else { return };
    let running = serve(&scratch, TLS);
    let client = client(&scratch, None);
    let mut stream = running.tls(&client);
    stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    let line = format!("X-Filler: {}\r\n", "x".repeat(1000));
    assert!((0..100_000).any(|_| stream.write_all(line.as_bytes()).is_err()), "100 MB of headers were accepted");
    assert_eq!(running.ask_tls(&client, "/healthz", "").unwrap().0, 200, "others are served");
    running.server.stop();
}

#[test]
fn addresses_beyond_loopback_need_authentication_unless_allowed() {
    let scratch = Scratch::new("exposure");
    let read = |web: &str, listen: &str, allow| {
        let file = if web.is_empty() { PathBuf::new() } else { scratch.file("web.yml", web) };
        Web::read(&file, listen.parse::<SocketAddr>().unwrap(), allow).map(|_| ()).map_err(|errors| errors.join("\n"))
    };
    for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(read("", address, false), Ok(()), "{address}");
    }
    for address in ["0.0.0.0:1", "[::]:1", "203.0.113.1:1", "10.0.0.1:1", "[fe80::1]:1", "[::ffff:0.0.0.0]:1"] {
        for web in ["", "# nothing\n"] {
            let error = read(web, address, false).expect_err(address);
            assert!(error.starts_with(&format!("http.listen = \"{address}\": ")), "{error}");
            assert!(error.contains("basic_auth_users") && error.contains("allow_unauthenticated = true"), "{error}");
            assert_eq!(read(web, address, true), Ok(()), "{address}");
        }
        assert_eq!(read(&users("secret"), address, false), Ok(()), "{address}");
    }
}

fn pegel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pegel")).args(arguments).env_remove("PEGEL_CONFIG").output().unwrap()
}

#[test]
fn suggest_uses_tls_and_a_password() {
    let Some(scratch) = Scratch::with_certificates("suggest") else { return };
    let running = serve(&scratch, &format!("{TLS}{}", users("secret")));
    let (ca, url) = (scratch.path("ca.crt").display().to_string(), running.server.url());
    let ask = |password: &str, trust: &[&str]| {
        let password = scratch.file("password", password).display().to_string();
        let all = ["suggest", "20260101T000005Z-9cfc2aa2", "--url", &url, "--user", "prometheus", "--password-file"];
        let output = pegel(&[&all[..], &[&password], trust].concat());
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // The request is authenticated; there is no such incident.
    assert!(ask("secret", &["--ca-file", &ca]).contains("no open or recent incident has the ID"));
    assert!(ask("wrong", &["--ca-file", &ca]).contains("unexpected HTTP status 401"));
    let untrusted = ask("secret", &[]);
    assert!(untrusted.contains("UnknownIssuer") || untrusted.contains("trusts no certificate"), "{untrusted}");
    running.server.stop();
}

#[test]
fn check_config_and_run_report_every_error() {
    let scratch = Scratch::new("cli");
    let web = scratch.file("web.yml", "tls_server_config:\n  cert_file: no.crt\n  key_file: web.yml\nusers: {}\n");
    let text = format!("[http]\nlisten = \"192.0.2.1:7343\"\nweb_config = {:?}\n", web.to_str().unwrap());
    let config = scratch.file("pegel.toml", &text).display().to_string();
    let at = scratch.0.display();
    let expected = format!(
        "{at}/pegel.toml: http.web_config: {at}/web.yml: users: unknown key; known keys: tls_server_config, basic_auth_users\n\
         {at}/pegel.toml: http.web_config: {at}/web.yml: tls_server_config.cert_file: {at}/no.crt cannot be read: \
         No such file or directory (os error 2)\n\
         {at}/pegel.toml: http.web_config: {at}/web.yml: tls_server_config.key_file: {at}/web.yml contains no private key in PEM format\n"
    );
    for arguments in [&["check-config", &config][..], &["run", "--config", &config, "-i", "lo"]] {
        let output = pegel(arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected, "{arguments:?}");
    }
    // The address on the command line is checked, not that of the file.
    scratch.file("pegel.toml", "");
    let output = pegel(&["run", "--config", &config, "-i", "lo", "--listen", "0.0.0.0:0"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("http.listen = \"0.0.0.0:0\": this address is reachable without authentication"),
        "{stderr}"
    );
    assert_eq!(pegel(&["check-config", &config]).status.code(), Some(0));
    scratch.file("pegel.toml", "[http]\nlisten = \"0.0.0.0:7343\"\nallow_unauthenticated = true\n");
    assert_eq!(pegel(&["check-config", &config]).status.code(), Some(0));
    scratch.file("pegel.toml", "[http]\nenabled = false\nlisten = \"0.0.0.0:7343\"\n");
    assert_eq!(pegel(&["check-config", &config]).status.code(), Some(0));
}
