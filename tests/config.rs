//! Invalid configuration files, and the exact message for each: `tests/config/invalid/NAME.toml` and `NAME.txt`. And valid
//! ones: every setting is read, printed and read again. The declarations of the keys are tested in `src/config/tests.rs`.

use pegel::config::{Config, render};
use pegel::detect::{DETECTORS, Setting};
use std::path::{Path, PathBuf};

fn invalid() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/invalid");
    let entries = std::fs::read_dir(directory).expect("tests/config/invalid is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() > 30, "files have moved?");
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The message as a user sees it, with the file's bare name.
fn message(path: &Path) -> Option<String> {
    let name = path.file_name().expect("a name").to_string_lossy();
    Config::parse(&read(path), &name).err().map(|errors| format!("{errors}\n"))
}

/// `BLESS=1 cargo test --test config` writes the messages anew; read the difference before you commit it.
#[test]
fn every_invalid_file_gets_its_message() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for path in invalid() {
        let Some(actual) = message(&path) else {
            wrong.push(format!("{}: was accepted", path.display()));
            continue;
        };
        let expected = path.with_extension("txt");
        if bless {
            std::fs::write(&expected, &actual).expect("written");
        }
        let wanted = read(&expected);
        if actual != wanted {
            wrong.push(format!("{}\n  message:\n{actual}  expected:\n{wanted}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn messages_are_whole_lines_that_name_file_and_key() {
    for path in invalid() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        for line in message(&path).expect("invalid").lines() {
            let rest = line.strip_prefix(&format!("{name}: ")).unwrap_or_else(|| panic!("{name}: {line}"));
            // A key and what is wrong with it, or a line number and what is wrong there.
            assert!(rest.contains(": "), "{line}");
            assert!(line.len() < 300 && !line.ends_with([' ', '.', ':']), "{line}");
        }
    }
}

#[test]
fn all_errors_of_a_file_are_reported_together() {
    let path = invalid().into_iter().find(|path| path.ends_with("several_errors.toml")).expect("is there");
    let errors = Config::parse(&read(&path), "x").expect_err("invalid").errors;
    assert_eq!(errors.len(), 8, "{errors:#?}");
}

#[test]
fn the_line_of_a_syntax_error_is_reported() {
    for before in 0..5 {
        let text = "# a comment\n".repeat(before) + "networks = [\"203.0.113.0/24\"\n[http]\n";
        let error = Config::parse(&text, "x").expect_err("invalid").to_string();
        let line: usize = error
            .strip_prefix("x: line ")
            .and_then(|rest| rest.split(':').next())
            .and_then(|line| line.parse().ok())
            .unwrap_or_else(|| panic!("{error}"));
        assert!((before + 1..=before + 2).contains(&line), "{error}");
    }
}

/// A value that is not the default.
fn other(setting: &Setting) -> f64 {
    if setting.default > 0.0 { (setting.default * 2.0).min(setting.max) } else { setting.max / 2.0 }
}

#[test]
fn every_setting_of_every_detector_is_read_and_printed() {
    let mut text = String::new();
    for spec in DETECTORS {
        text += &format!("[detect.{}]\nenabled = false\n", spec.name);
        for setting in spec.settings {
            text += &format!("{} = {:?}\n", setting.key, other(setting));
        }
    }
    let config = Config::parse(&text, "x").expect("valid");
    for (spec, settings) in DETECTORS.iter().zip(&config.detect) {
        assert!(!settings.enabled, "{}", spec.name);
        for (setting, (key, value)) in spec.settings.iter().zip(settings.iter()) {
            assert_eq!((setting.key, other(setting)), (key, value), "{}", spec.name);
            assert_eq!(settings.limit(setting).base().from, pegel::detect::LimitFrom::Config);
        }
    }
    let printed = render(&config, false);
    assert_eq!(Config::parse(&printed, "printed").as_ref(), Ok(&config));
}

#[test]
fn settings_accept_both_ends_of_their_range() {
    for spec in DETECTORS {
        for setting in spec.settings {
            let with = |value: f64| {
                Config::parse(&format!("[detect.{}]\n{} = {value:?}\n", spec.name, setting.key), "x").is_ok()
            };
            assert!(with(setting.min) && with(setting.max) && with(setting.default), "{}.{}", spec.name, setting.key);
            assert!(!with(setting.min / 2.0 - 0.1) && !with(setting.max * 2.0), "{}.{}", spec.name, setting.key);
        }
    }
}

#[test]
fn host_bits_of_networks_are_cleared_and_addresses_are_networks() {
    let config =
        Config::parse("networks = [\"203.0.113.77/24\", \"198.51.100.7\", \"2001:db8::1\"]", "x").expect("valid");
    let shown: Vec<String> = config.networks.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["203.0.113.0/24", "198.51.100.7/32", "2001:db8::1/128"]);
}
