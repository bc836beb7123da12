//! Reads configuration files and reports their errors.

use super::sections::Config;
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use toml::Table;

/// The file that is read if no other is given. It need not exist.
pub const DEFAULT_PATH: &str = "/etc/pegel/pegel.toml";

/// All errors of a configuration.
#[derive(Debug, PartialEq)]
pub struct ConfigErrors {
    /// Name of the file.
    pub source: String,
    /// One message per error, each a complete line.
    pub errors: Vec<String>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let end = if i + 1 < self.errors.len() { "\n" } else { "" };
            write!(f, "{}: {error}{end}", self.source)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Parses TOML text; `source` is its name in error messages.
    pub fn parse(text: &str, source: &str) -> Result<Config, ConfigErrors> {
        let mut errors = Vec::new();
        match text.parse::<Table>() {
            Ok(table) => {
                let config = Config::read(table, &mut errors);
                if errors.is_empty() {
                    return Ok(config);
                }
            }
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
                errors.push(format!("line {line}: {}", error.message().trim()));
            }
        }
        Err(ConfigErrors { source: source.to_owned(), errors })
    }

    /// Reads the given file, or the default file if none is given. If the default file does not exist, returns the
    /// default configuration.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigErrors> {
        let (path, named) = match path {
            Some(path) => (path, true),
            None => (Path::new(DEFAULT_PATH), false),
        };
        match text(path) {
            Ok(text) => Config::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound && !named => Ok(Config::default()),
            Err(error) => Err(ConfigErrors {
                source: path.display().to_string(),
                errors: vec![format!("cannot be read: {error}")],
            }),
        }
    }
}

/// The text of a file. A FIFO by name would make the reader wait for a writer that may never come; what a shell passes as `/dev/fd/N`
/// has one.
fn text(path: &Path) -> std::io::Result<String> {
    let is_fifo = std::fs::metadata(path)?.file_type().is_fifo();
    if is_fifo && !path.starts_with("/dev") && !path.starts_with("/proc") {
        return Err(std::io::Error::other("a FIFO, which may never have anything to read; name a file"));
    }
    std::fs::read_to_string(path)
}
