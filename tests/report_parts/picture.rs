//! Chromium, and the pixels of its screenshots.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Pixels of a picture, red, green, blue.
pub struct Picture {
    pub width: usize,
    pub pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Reads a PNG with 8 bits per channel that is not interlaced, as Chromium writes them.
    pub fn read(path: &Path) -> Picture {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(&bytes[1..4], b"PNG");
        let (width, height, channels) = (number(16), number(20), if bytes[25] == 6 { 4 } else { 3 });
        assert_eq!((bytes[24], bytes[28]), (8, 0), "8 bits, not interlaced");
        let mut packed = Vec::new();
        let mut at = 8;
        while at < bytes.len() {
            let length = number(at);
            if &bytes[at + 4..at + 8] == b"IDAT" {
                packed.extend_from_slice(&bytes[at + 8..at + 8 + length]);
            }
            at += 12 + length;
        }
        let mut raw = Vec::new();
        flate2::read::ZlibDecoder::new(packed.as_slice()).read_to_end(&mut raw).expect("a PNG");
        let stride = width * channels;
        let mut lines: Vec<Vec<u8>> = vec![vec![0; stride]];
        for line in raw.chunks(stride + 1).take(height) {
            let above = lines.last().unwrap().clone();
            let mut current = line[1..].to_vec();
            for at in 0..stride {
                let left = if at < channels { 0 } else { i32::from(current[at - channels]) };
                let corner = if at < channels { 0 } else { i32::from(above[at - channels]) };
                let up = i32::from(above[at]);
                let add = match line[0] {
                    0 => 0,
                    1 => left,
                    2 => up,
                    3 => (left + up) / 2,
                    _ => {
                        let guess = left + up - corner;
                        let (a, b, c) = ((guess - left).abs(), (guess - up).abs(), (guess - corner).abs());
                        if a <= b && a <= c {
                            left
                        } else if b <= c {
                            up
                        } else {
                            corner
                        }
                    }
                };
                current[at] = current[at].wrapping_add(add as u8);
            }
            lines.push(current);
        }
        let pixels = lines[1..].iter().flat_map(|line| line.chunks(channels).map(|p| [p[0], p[1], p[2]])).collect();
        Picture { width, pixels }
    }

    /// Pixels close to a colour.
    pub fn count(&self, colour: [u8; 3]) -> usize {
        let is_close = |pixel: &&[u8; 3]| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 24);
        self.pixels.iter().filter(is_close).count()
    }
}

/// Chromium without a window, without its own requests, in a profile of its own.
pub fn chromium(program: &Path, profile: &Path, arguments: &[&str], page: &Path) -> String {
    let url = format!("file://{}", page.display());
    let output = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
        ])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--force-color-profile=srgb"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .arg(url)
        .output()
        .expect("chromium runs");
    assert!(output.status.success(), "chromium: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// URLs that the network stack was asked for, from a net-log.
pub fn requests(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).expect("a net-log");
    let url = regex::Regex::new(r#""url":"([^"]+)""#).unwrap();
    url.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

/// Where pages and pictures are kept for a person to look at.
pub fn gallery() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports");
    std::fs::create_dir_all(&path).expect("a directory");
    path
}
