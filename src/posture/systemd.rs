//! Checks of systemd units with `systemctl show` (systemctl(1)), whose output is one machine-readable `KEY=value` per
//! line.

use super::outcome::Outcome;
use super::tool::{Tools, first_line};
use crate::sandbox::helper::ToolOutput;

/// The option that names what is asked of a unit.
pub(super) const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState";

pub(super) fn unit_active(tools: &mut Tools, unit: &str) -> Outcome {
    let arguments = ["show", "--no-pager", "--no-ask-password", PROPERTIES, "--", unit];
    tools.run("systemctl", &arguments).map(|result| evaluate(unit, &result)).into()
}

fn evaluate(unit: &str, result: &ToolOutput) -> Outcome {
    let value = |key: &str| {
        let mut values = result.output.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        values.next().unwrap_or_default().trim()
    };
    let (load, active, sub) = (value("LoadState"), value("ActiveState"), value("SubState"));
    if active.is_empty() {
        return Outcome::unknown(format!("systemctl cannot show {unit}: {}", first_line(result)));
    }
    let loaded = match load {
        "loaded" | "" => String::new(),
        "not-found" => ", there is no such unit".to_owned(),
        other => format!(", {other}"),
    };
    // A unit works while it reloads. A unit that is "activating" may never start, if it keeps being restarted.
    let is_met = matches!(active, "active" | "reloading" | "refreshing");
    let expected = if is_met { "" } else { ", expected active" };
    Outcome::from_condition(is_met, format!("unit {unit} is {active} ({sub}{loaded}){expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PostureState::{Failed, Ok as Holds};

    fn found(output: &str, error: &str) -> Outcome {
        evaluate(
            "x.service",
            &ToolOutput { success: error.is_empty(), output: output.to_owned(), error: error.to_owned() },
        )
    }

    #[test]
    fn only_active_units_pass() {
        for (active, sub, expected) in [
            ("active", "running", Holds),
            ("active", "exited", Holds),
            ("reloading", "reload", Holds),
            ("inactive", "dead", Failed),
            ("failed", "failed", Failed),
            ("activating", "auto-restart", Failed),
            ("deactivating", "stop-sigterm", Failed),
        ] {
            let text = format!("ActiveState={active}\nSubState={sub}\nLoadState=loaded\n");
            assert_eq!(found(&text, "").state, expected, "{text}");
        }
        let dead = found("LoadState=loaded\nActiveState=inactive\nSubState=dead\n", "");
        assert_eq!(dead.message, "unit x.service is inactive (dead), expected active");
        let gone = found("LoadState=not-found\nActiveState=inactive\nSubState=dead\n", "");
        assert_eq!(gone.message, "unit x.service is inactive (dead, there is no such unit), expected active");
        let masked = found("LoadState=masked\nActiveState=inactive\nSubState=dead\n", "");
        assert_eq!(masked.message, "unit x.service is inactive (dead, masked), expected active");
    }

    #[test]
    fn without_systemd_the_outcome_is_unknown() {
        let message = "System has not been booted with systemd as init system (PID 1). Can't operate.";
        let expected = format!("systemctl cannot show x.service: {message}");
        assert_eq!(found("", &format!("{message}\nFailed to connect to bus\n")), Outcome::unknown(expected));
    }
}
