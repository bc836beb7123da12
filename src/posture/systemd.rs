//! systemd's word about a unit, by `systemctl show` (systemctl(1)): one `KEY=value` a line, and nothing for people.

use super::Found;
use super::tool::{Said, Tools};

pub(super) fn unit_active(tools: &mut Tools, unit: &str) -> Found {
    let properties = "--property=LoadState,ActiveState,SubState";
    let asked = ["show", "--no-pager", "--no-ask-password", properties, "--", unit];
    tools.run("systemctl", &asked).map(|said| judge(unit, &said)).into()
}

fn judge(unit: &str, said: &Said) -> Found {
    let of = |key: &str| {
        let mut values = said.output.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        values.next().unwrap_or_default().trim()
    };
    let (load, active, sub) = (of("LoadState"), of("ActiveState"), of("SubState"));
    if active.is_empty() {
        return Found::unknown(format!("systemctl cannot tell of {unit}: {}", said.complaint()));
    }
    let loaded = match load {
        "loaded" | "" => String::new(),
        "not-found" => ", there is no such unit".to_owned(),
        other => format!(", {other}"),
    };
    // One that reloads works meanwhile. One that is "activating" may do so forever, by being restarted.
    let holds = matches!(active, "active" | "reloading" | "refreshing");
    let expected = if holds { "" } else { ", expected active" };
    Found::when(holds, format!("unit {unit} is {active} ({sub}{loaded}){expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PostureState::{Failed, Ok as Holds};

    fn found(output: &str, error: &str) -> Found {
        judge("x.service", &Said { success: error.is_empty(), output: output.to_owned(), error: error.to_owned() })
    }

    #[test]
    fn only_what_is_active_holds() {
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
    fn without_systemd_nothing_can_be_told() {
        let message = "System has not been booted with systemd as init system (PID 1). Can't operate.";
        let told = format!("systemctl cannot tell of x.service: {message}");
        assert_eq!(found("", &format!("{message}\nFailed to connect to bus\n")), Found::unknown(told));
    }
}
