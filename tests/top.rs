//! `pegel top` in a terminal: tmux, at two sizes, plain and in colours, live and from a capture. Without tmux, the tests print that
//! they are skipped, and pass; the live ones also need root and iproute2.
//!
//! The screens in the book are those of a capture that was played to its end; PEGEL_RENEW_DOCS=1 writes them.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;
mod tools;

use bed::{Bed, GUARD, WATCHED, flood};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tools::{Scratch, run, tool};

/// A terminal with one program in it.
struct Tmux {
    program: PathBuf,
    socket: PathBuf,
}

impl Tmux {
    /// `None`, with a message, without tmux. `command` is for a shell.
    fn start(scratch: &Path, name: &str, (columns, rows): (u16, u16), command: &str) -> Option<Tmux> {
        let tmux = Tmux { program: tool("tmux")?, socket: scratch.join(format!("tmux-{name}")) };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        // The screen stays after the end of the program, so that its last words can be read; Ctrl-C is for the program alone.
        let shell = format!("trap : INT; {command}; echo \"exit code $?\"; sleep 600");
        tmux.call(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, "sh", "-c", &shell]);
        Some(tmux)
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        // A terminal with UTF-8 and 256 colours, whatever the test runs in.
        command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color").env_remove("TMUX").env_remove("NO_COLOR");
        command.arg("-S").arg(&self.socket).args(arguments).output().unwrap()
    }

    fn call(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "tmux {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.call(&["capture-pane", "-p"])
    }

    /// With escape sequences for colours.
    fn coloured(&self) -> String {
        self.call(&["capture-pane", "-p", "-e"])
    }

    fn keys(&self, keys: &[&str]) {
        self.call(&[&["send-keys"], keys].concat());
    }

    fn resize(&self, columns: u16, rows: u16) {
        self.call(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(start.elapsed() < GUARD, "no {text:?} on the screen:\n{screen}");
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.output(&["kill-server"]);
    }
}

const PEGEL: &str = env!("CARGO_BIN_EXE_pegel");

/// The capture of the README.
fn capture(scratch: &Scratch) -> PathBuf {
    let generate = Path::new(PEGEL).parent().unwrap().join("examples/generate");
    assert!(generate.exists(), "build it first: cargo build --example generate");
    let path = scratch.path("attack.pcap");
    let description = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/attack.toml");
    run(&generate, &[description, &path.display().to_string()]);
    path
}

/// A command that plays it to the end, in its directory.
fn playing(scratch: &Scratch, variables: &str) -> String {
    capture(scratch);
    let folder = scratch.0.display();
    format!("cd {folder} && {variables} {PEGEL} top --network 203.0.113.0/24 --speed max attack.pcap")
}

/// Panes of the book: key and name.
const BOOK: &[(&str, &str)] = &[("1", "overview"), ("2", "incidents"), ("3", "targets")];

#[test]
fn the_screens_of_the_book_are_those_of_the_program() {
    let scratch = Scratch::new("top-book");
    let command = playing(&scratch, "NO_COLOR=1");
    let Some(tmux) = Tmux::start(&scratch.0, "book", (80, 24), &command) else { return };
    tmux.wait_for("END OF CAPTURE");
    let mut screens = Vec::new();
    for (key, name) in BOOK {
        tmux.keys(&[key]);
        let capital = format!("[{key} {}{}]", name[..1].to_uppercase(), &name[1..]);
        screens.push((format!("The pane {name}"), tmux.wait_for(&capital)));
    }
    tmux.keys(&["2", "Enter"]);
    screens.push(("One incident, after Enter".to_owned(), tmux.wait_for("Esc back")));
    let mut text = String::from("<!-- generated: screens -->\n");
    for (title, screen) in screens {
        assert!(!screen.contains('\u{1b}'), "{screen:?}");
        let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
        text.push_str(&format!("\n{title}, at 80×24:\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    }
    text.push_str("\n<!-- end -->\n");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/guide/top.md");
    let book = fs::read_to_string(&page).unwrap();
    let (before, rest) = book.split_once("<!-- generated: screens -->").expect("the place of the screens");
    let (_, after) = rest.split_once("<!-- end -->\n").expect("the end of the screens");
    let new = format!("{before}{text}{after}");
    if std::env::var_os("PEGEL_RENEW_DOCS").is_some() {
        fs::write(&page, new).unwrap();
    } else {
        assert_eq!(book, new, "PEGEL_RENEW_DOCS=1 cargo test --test top");
    }
}

/// Colours that the SGR sequences (ECMA-48 §8.3.117) of a screen set: numbers of a palette, 256 for any other.
fn colours(screen: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for sequence in screen.split("\u{1b}[").skip(1) {
        let Some((numbers, _)) = sequence.split_once('m') else { continue };
        let numbers: Vec<u32> = numbers.split([';', ':']).filter_map(|number| number.parse().ok()).collect();
        let mut rest = numbers.as_slice();
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            match (first, after) {
                (38 | 48, [5, colour, later @ ..]) => {
                    found.push(*colour);
                    rest = later;
                }
                (38 | 48, _) => found.push(256),
                (30..=37 | 40..=47, _) => found.push(first % 10),
                (90..=97 | 100..=107, _) => found.push(8 + first % 10),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn it_has_sixteen_colours_or_none_at_both_sizes() {
    let scratch = Scratch::new("top-colours");
    for (name, size) in [("small", (80, 24)), ("large", (200, 50))] {
        for (form, variables) in [("plain", "NO_COLOR=1"), ("coloured", "TERM=xterm-16color")] {
            let command = playing(&scratch, variables);
            let Some(tmux) = Tmux::start(&scratch.0, &format!("{name}-{form}"), size, &command) else { return };
            tmux.wait_for("END OF CAPTURE");
            for key in ["1", "2", "3", "4", "5", "6", "7", "?"] {
                tmux.keys(&[key]);
                if key != "?" {
                    tmux.wait_for(&format!("[{key} "));
                }
                let screen = tmux.coloured();
                let colours = colours(&screen);
                match form {
                    "plain" => assert_eq!(colours, [0; 0], "{screen:?}"),
                    _ => assert!(!colours.is_empty() && colours.iter().all(|colour| *colour < 16), "{screen:?}"),
                }
            }
        }
    }
}

#[test]
fn keys_work_and_no_size_is_too_small() {
    let scratch = Scratch::new("top-keys");
    let command = playing(&scratch, "");
    let Some(tmux) = Tmux::start(&scratch.0, "keys", (80, 24), &command) else { return };
    tmux.wait_for("END OF CAPTURE");
    tmux.keys(&["Tab"]);
    tmux.wait_for("[2 Incidents]");
    tmux.keys(&["Enter"]);
    tmux.wait_for("Onset");
    tmux.keys(&["Escape"]);
    tmux.wait_for("SEV");
    tmux.keys(&["3", "s", "S", "/", "1", "9", "8", "."]);
    tmux.wait_for("198.");
    tmux.keys(&["Enter", "Escape"]);
    tmux.keys(&["?"]);
    tmux.wait_for("quit");
    tmux.keys(&["Escape"]);
    for (columns, rows) in [(1, 1), (79, 23), (3, 40), (400, 2), (200, 50), (80, 24)] {
        tmux.resize(columns, rows);
        for key in ["1", "2", "Enter", "Escape", "3", "7", "Space", "Space", "+", "-", "Down", "PageDown", "End"] {
            tmux.keys(&[key]);
        }
        if columns >= 80 && rows >= 24 {
            tmux.wait_for("[7 Sensor]");
        } else if columns >= 20 {
            tmux.wait_for("too small");
        }
    }
    tmux.keys(&["q"]);
    let screen = tmux.wait_for("exit code");
    assert!(screen.contains("exit code 0"), "{screen}");
}

#[test]
fn a_capture_can_be_paused_and_played_at_another_speed() {
    let scratch = Scratch::new("top-speed");
    let command = playing(&scratch, "").replace("--speed max", "--speed 1");
    let Some(tmux) = Tmux::start(&scratch.0, "speed", (80, 24), &command) else { return };
    tmux.wait_for("1x");
    tmux.keys(&["Space"]);
    tmux.wait_for("PAUSED");
    tmux.keys(&["Space", "+"]);
    tmux.wait_for("2x");
    tmux.wait_for("END OF CAPTURE");
}

#[test]
fn a_daemon_that_goes_away_and_comes_back_is_shown_as_such() {
    let Some(bed) = Bed::new("top") else { return };
    let config = bed.file("pegel.toml", "[incident]\nquiet_seconds = 2\n");
    let pegel = bed.pegel(&["--config", &config]);
    let command = format!("ip netns exec {} {PEGEL} top", bed.ns("b"));
    let Some(tmux) = Tmux::start(&bed.dir, "live", (80, 24), &command) else { return };
    tmux.wait_for("QUIET");
    let sending = bed.sending(&flood("syn_flood", 3000, 600.0));
    let screen = tmux.wait_for("UNDER ATTACK");
    assert!(screen.contains(WATCHED) && screen.contains("syn_flood"), "{screen}");
    drop(sending);
    tmux.wait_for("QUIET");
    pegel.stop();
    tmux.wait_for("connection lost");
    let _pegel = bed.pegel(&["--config", &config]);
    let start = Instant::now();
    while tmux.screen().contains("connection lost") {
        assert!(start.elapsed() < GUARD, "it does not come back:\n{}", tmux.screen());
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn it_ends_with_its_terminal() {
    let scratch = Scratch::new("top-gone");
    let name = scratch.path("pegel-of-this-test");
    std::os::unix::fs::symlink(PEGEL, &name).unwrap();
    // No daemon: it waits for one. A program that ignores SIGHUP must notice by itself that nobody is there.
    for shell in ["", "trap '' HUP;"] {
        let command = format!("{shell} {} top --url http://127.0.0.1:9", name.display());
        let Some(tmux) = Tmux::start(&scratch.0, "gone", (80, 24), &command) else { return };
        tmux.wait_for("connection lost");
        let running = || {
            let found = Command::new("pgrep").args(["-f", &format!("^{} top", name.display())]).output().unwrap();
            !found.stdout.is_empty()
        };
        assert!(running());
        drop(tmux);
        let start = Instant::now();
        while running() {
            assert!(start.elapsed() < GUARD, "it goes on without a terminal");
            sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let output = Command::new(PEGEL).arg("top").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/api/v1/overview"));
}

#[test]
fn pegel_run_says_in_one_changing_line_what_it_sees() {
    let Some(bed) = Bed::new("line") else { return };
    let state = bed.dir.join("state").display().to_string();
    let command =
        format!("ip netns exec {} {PEGEL} run -i vb --listen 127.0.0.1:7343 --state-dir {state}", bed.ns("b"));
    let Some(tmux) = Tmux::start(&bed.dir, "line", (200, 40), &command) else { return };
    tmux.wait_for("Quiet: no attack is under way; 0 pps");
    let sending = bed.sending(&flood("syn_flood", 3000, 600.0));
    let screen = tmux.wait_for("Under attack: SYN flood on 10.231.7.2 (");
    // The line is the last one, and there is one only; what was logged stands above it.
    let lines: Vec<&str> = screen.lines().filter(|line| !line.trim().is_empty()).collect();
    assert!(lines.last().unwrap().starts_with("Under attack"), "{screen}");
    assert_eq!(screen.matches("received,").count(), 1, "{screen}");
    tmux.wait_for("incident opened");
    drop(sending);
    tmux.keys(&["C-c"]);
    let screen = tmux.wait_for("exit code 0");
    assert!(!screen.contains("received,"), "the line is gone at the end: {screen}");
}
