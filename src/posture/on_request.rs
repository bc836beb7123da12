//! Tools that the helper runs for a process in the sandbox.

use super::systemd;
use super::tool::Tools;
use crate::sandbox::helper::{ToolOutput, ToolRun};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Runs a tool for a process that cannot: only those that posture checks need, and with arguments that change nothing.
///
/// # Errors
/// Why there is no result.
pub fn run_for(run: &ToolRun) -> Result<ToolOutput, String> {
    let arguments: Vec<&str> = run.arguments.iter().map(String::as_str).collect();
    // Each tool reads more than one command or option out of its arguments, where it is let to.
    let is_word = |word: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.@:\\".contains(c);
        !word.is_empty() && !word.starts_with('-') && word.chars().all(plain)
    };
    let is_allowed = match (run.program.as_str(), arguments.as_slice()) {
        ("nft", ["--json", "--terse", "list", "table", names @ ..]) => names.len() == 2 && names.iter().all(is_word),
        ("nft", ["--json", "--terse", "list", "chain", names @ ..]) => names.len() == 3 && names.iter().all(is_word),
        ("systemctl", ["show", "--no-pager", "--no-ask-password", property, "--", unit]) => {
            *property == systemd::PROPERTIES && is_word(unit)
        }
        _ => false,
    };
    if !is_allowed {
        return Err(format!("{} with these arguments is not allowed", run.program));
    }
    // Hanging tools are remembered over the requests.
    static TOOLS: LazyLock<Mutex<Tools>> = LazyLock::new(|| Mutex::new(Tools::of_this_machine()));
    let mut tools = TOOLS.lock().unwrap_or_else(PoisonError::into_inner);
    tools.begin_round();
    tools.run_here(&run.program, &arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_questions_are_asked_for_another_process() {
        let refused = |program: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(ToString::to_string).collect();
            run_for(&ToolRun { program: program.to_owned(), arguments })
                .is_err_and(|error| error.contains("not allowed"))
        };
        assert!(refused("sh", &["-c", "true"]));
        assert!(refused("nft", &["--json", "--terse", "list", "table", "inet", "x; add table inet y"]));
        assert!(refused("nft", &["--json", "--terse", "list", "table", "inet", "x", ";", "flush", "ruleset"]));
        assert!(refused("nft", &["flush", "ruleset"]));
        let show = ["show", "--no-pager", "--no-ask-password"];
        assert!(refused("systemctl", &[&show[..], &["--host=elsewhere", "--", "x.service"]].concat()));
        assert!(refused("systemctl", &["stop", "x.service"]));
        assert!(!refused("nft", &["--json", "--terse", "list", "chain", "inet", "filter", "forward"]));
        assert!(!refused("systemctl", &[&show[..], &[systemd::PROPERTIES, "--", "a@b.service"]].concat()));
    }
}
