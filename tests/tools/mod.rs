//! External programs that some tests run: from the PATH, or from the folder into which `.ci/deps test` puts them.

#![allow(dead_code)] // not every test file uses all of it

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments of openssl for a key and a request.
const NEW_KEY: &str = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

/// The captures below `../shared`, sorted: none where it is absent.
pub fn shared_captures() -> Vec<PathBuf> {
    fn add(folder: &Path, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("pcap" | "pcapng" | "cap") => found.push(path),
                _ if path.is_dir() => add(&path, found),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    add(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), &mut found);
    found.sort();
    found
}

/// Whether a missing tool is a failure: in continuous integration, nothing is skipped.
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// The path of a program; `None`, with a message, if it is missing. If `CI` is "true", that is a failure.
pub fn tool(name: &str) -> Option<PathBuf> {
    // Beside the directory of the profile: target/debug/pegel, target/tools/promtool.
    let target = Path::new(env!("CARGO_BIN_EXE_pegel")).ancestors().nth(2).map(|target| target.join("tools"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    // What was fetched for the tests comes first: its Python has the packages that they need.
    let found = target
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(!is_ci(), "no {name}: run .ci/deps test");
        eprintln!("skipped: no {name} on the PATH or in target/tools (.ci/deps test)");
    }
    found
}

/// Runs a program and returns its output. Panics with the output if the program fails.
pub fn run(program: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{} {arguments:?}: {}\n{printed}", program.display(), output.status);
    printed
}

/// A temporary directory, removed at the end of the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(test: &str) -> Scratch {
        // Test targets may run at the same time and use the same test names.
        let path = std::env::temp_dir().join(format!("pegel-test-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// Written by another process: a test that forks while this one has the file open for writing would make running it
    /// fail with "text file busy".
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let write = "printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"";
        run(Path::new("sh"), &["-c", write, "sh", &path.display().to_string(), text]);
        path
    }

    /// Runs `openssl` in the directory; false, with a message, if it is missing.
    pub fn openssl(&self, arguments: &str) -> bool {
        let Some(openssl) = tool("openssl") else { return false };
        let output = Command::new(openssl).args(arguments.split(' ')).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        true
    }

    /// A certificate authority (`ca.crt`) and a certificate that it issued for localhost (`web.crt`, `web.key`); `None`
    /// without openssl.
    pub fn with_certificates(test: &str) -> Option<Scratch> {
        let scratch = Scratch::new(test);
        let authority = "-x509 -keyout ca.key -out ca.crt -days 2 -subj /CN=test";
        scratch.openssl(&format!("{NEW_KEY} {authority}")).then_some(())?;
        scratch.certificate("web");
        Some(scratch)
    }

    pub fn certificate(&self, name: &str) {
        self.file("extensions", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
        self.openssl(&format!("{NEW_KEY} -keyout {name}.new -out {name}.csr -subj /CN={name}"));
        let sign = "-CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile extensions";
        self.openssl(&format!("x509 -req -in {name}.csr {sign} -out {name}.crt.new"));
        fs::rename(self.path(&format!("{name}.new")), self.path(&format!("{name}.key"))).unwrap();
        fs::rename(self.path(&format!("{name}.crt.new")), self.path(&format!("{name}.crt"))).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
