//! Configuration files: where they are, and what is wrong with them.

use super::sections::Config;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use toml::Table;

/// The file that is read where none is named. It need not exist.
pub const DEFAULT_PATH: &str = "/etc/pegel/pegel.toml";

/// Everything that is wrong with a configuration.
#[derive(Debug, PartialEq)]
pub struct ConfigErrors {
    /// The file.
    pub source: String,
    /// One complete line each.
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
    /// Parses TOML text; `source` names it in messages.
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

    /// Reads the named file; without a name the default file, or the defaults where that does not exist.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigErrors> {
        let (path, named) = match path {
            Some(path) => (path, true),
            None => (Path::new(DEFAULT_PATH), false),
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Config::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound && !named => Ok(Config::default()),
            Err(error) => Err(ConfigErrors {
                source: path.display().to_string(),
                errors: vec![format!("cannot be read: {error}")],
            }),
        }
    }
}
