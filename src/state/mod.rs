//! State: files in one directory that persist over restarts. Each is written atomically; one that cannot be read is
//! renamed and never stops a run.

mod dir;
mod maintenance;

pub use dir::StateDir;
pub use maintenance::{MOST_MAINTENANCE, StateError};

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    /// A path for the state directory of a test.
    pub(super) fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("pegel-state-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        path
    }
}
