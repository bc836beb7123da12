//! Repeated evaluation of all checks: the result of each, its consecutive failures, and since when.

use super::check::{Check, Posture, Requirement};
use super::kernel::Kernel;
use super::outcome::Outcome;
use super::tool::Tools;
use super::{nftables, systemd};
use crate::base::{PostureResult, PostureState, Timestamp};

/// All checks and their results.
pub struct Watch {
    posture: Posture,
    kernel: Kernel,
    tools: Tools,
    /// In the order of the checks.
    results: Vec<PostureResult>,
}

impl Watch {
    /// Starts with unknown results.
    pub fn new(posture: Posture, kernel: Kernel, tools: Tools) -> Watch {
        let results = initial_results(&posture);
        Watch { posture, kernel, tools, results }
    }

    /// Seconds from the end of one evaluation to the beginning of the next.
    pub fn interval_seconds(&self) -> u32 {
        self.posture.interval_seconds
    }

    /// Replaces the checks. Results of unchanged checks are kept.
    pub fn replace(&mut self, posture: Posture) {
        let mut results = initial_results(&posture);
        for (check, result) in posture.checks.iter().zip(&mut results) {
            let known = self.posture.checks.iter().zip(&self.results);
            if let Some((_, old)) = known.into_iter().find(|(old, _)| old.name == check.name && old.must == check.must)
            {
                *result = PostureResult { why: check.why.clone(), ..old.clone() };
            }
        }
        (self.posture, self.results) = (posture, results);
    }

    /// Evaluates all checks at time `now`. Blocks as long as the tools take.
    pub fn evaluate(&mut self, now: Timestamp) -> &[PostureResult] {
        self.tools.begin_round();
        for (check, result) in self.posture.checks.iter().zip(&mut self.results) {
            update(result, evaluate(&check.must, &self.kernel, &mut self.tools), now);
        }
        &self.results
    }
}

/// The results before the first evaluation.
pub fn initial_results(posture: &Posture) -> Vec<PostureResult> {
    let result = |check: &Check| PostureResult {
        name: check.name.clone(),
        what: check.must.to_string(),
        state: PostureState::Unknown,
        message: "not checked yet".to_owned(),
        why: check.why.clone(),
        failures: 0,
        since: Timestamp::ZERO,
    };
    posture.checks.iter().map(result).collect()
}

fn evaluate(must: &Requirement, kernel: &Kernel, tools: &mut Tools) -> Outcome {
    match must {
        Requirement::UnitActive(unit) => systemd::unit_active(tools, unit),
        Requirement::NftTable { family, table } => nftables::table(tools, family, table),
        Requirement::NftChain { family, table, chain } => nftables::chain(tools, family, table, chain),
        Requirement::DefaultRoute { family, interface } => kernel.default_route(*family, interface.as_deref()),
        Requirement::ForwardingOff { interface, family } => kernel.forwarding_off(interface, *family),
        Requirement::InterfaceUp(name) => kernel.interface_up(name),
        Requirement::BridgePort { port, bridge } => kernel.bridge_port(port, bridge),
        Requirement::Sysctl { key, value } => kernel.sysctl(key, value),
    }
}

/// Updates a result with a new outcome.
fn update(result: &mut PostureResult, outcome: Outcome, now: Timestamp) {
    let Outcome { state, message } = outcome;
    // An unknown outcome does not end a failure.
    if state == PostureState::Unknown && result.is_failing() {
        result.state = state;
        result.message = format!("\"{}\" failed in the last check with a result; now: {message}", result.what);
        return;
    }
    // A failure continues across unknown outcomes.
    let continues = if state == PostureState::Failed { result.is_failing() } else { state == result.state };
    if !continues || result.since == Timestamp::ZERO {
        result.since = now;
    }
    result.failures = if state == PostureState::Failed { result.failures.saturating_add(1) } else { 0 };
    (result.state, result.message) = (state, message);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::PostureState::{Failed, Ok as Holds, Unknown};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    /// A temporary tree of files, removed at the end.
    pub(crate) struct Root(PathBuf);

    impl Root {
        pub(crate) fn new(test: &str) -> Root {
            let path = std::env::temp_dir().join(format!("pegel-posture-{}-{test}", std::process::id()));
            fs::create_dir_all(&path).expect("a directory");
            Root(path)
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }

        pub(crate) fn file(&self, name: &str, text: &str) {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("written");
        }

        pub(crate) fn script(&self, name: &str, text: &str) {
            self.file(name, &format!("#!/bin/sh\n{text}\n"));
            fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(0o755)).expect("made executable");
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn check(name: &str, must: Requirement) -> Check {
        Check { name: name.to_owned(), why: "a test".to_owned(), must }
    }

    fn watch(root: &Root, checks: Vec<Check>) -> Watch {
        let tools = Tools::in_directories(vec![root.path().join("bin")]);
        Watch::new(Posture { interval_seconds: 60, checks }, Kernel::under(root.path()), tools)
    }

    fn at(minute: u64) -> Timestamp {
        Timestamp::from_parts(1_767_225_600 + 60 * minute, 0)
    }

    #[test]
    fn consecutive_failures_are_counted_and_dated_by_the_first() {
        let root = Root::new("rows");
        let mut watch =
            watch(&root, vec![check("ports", Requirement::Sysctl { key: "net.x".to_owned(), value: "1".to_owned() })]);
        assert_eq!((watch.results[0].state, watch.results[0].message.as_str()), (Unknown, "not checked yet"));
        let mut look = |minute: u64, value: &str| {
            match value {
                // Reading a directory fails.
                "" => {
                    let _ = fs::remove_file(root.path().join("proc/sys/net/x"));
                    fs::create_dir_all(root.path().join("proc/sys/net/x")).expect("a directory");
                }
                value => {
                    let _ = fs::remove_dir(root.path().join("proc/sys/net/x"));
                    root.file("proc/sys/net/x", value);
                }
            }
            let result = watch.evaluate(at(minute))[0].clone();
            (result.state, result.failures, result.since)
        };
        assert_eq!(look(0, "1"), (Holds, 0, at(0)));
        assert_eq!(look(1, "1"), (Holds, 0, at(0)));
        assert_eq!(look(2, "0"), (Failed, 1, at(2)));
        assert_eq!(look(3, "0"), (Failed, 2, at(2)));
        assert_eq!(look(4, ""), (Unknown, 2, at(2)), "an unknown outcome does not end a failure");
        assert_eq!(look(5, "0"), (Failed, 3, at(2)));
        assert_eq!(look(6, ""), (Unknown, 3, at(2)));
        assert_eq!(look(7, "1"), (Holds, 0, at(7)));
        assert_eq!(look(8, ""), (Unknown, 0, at(8)));
        assert_eq!(look(9, ""), (Unknown, 0, at(8)));
        assert_eq!(look(10, "0"), (Failed, 1, at(10)));
    }

    #[test]
    fn a_reload_keeps_the_results_of_unchanged_checks() {
        let root = Root::new("reload");
        let up = |name: &str| Requirement::InterfaceUp(name.to_owned());
        let mut watch = watch(&root, vec![check("a", up("eth0")), check("b", up("eth1"))]);
        watch.evaluate(at(0));
        let again = Check { why: "another".to_owned(), ..check("b", up("eth1")) };
        watch.replace(Posture { interval_seconds: 5, checks: vec![again, check("a", up("eth2"))] });
        let known: Vec<_> = watch.results.iter().map(|r| (r.name.as_str(), r.failures, r.why.as_str())).collect();
        assert_eq!(known, [("b", 1, "another"), ("a", 0, "a test")]);
    }

    #[test]
    fn tools_get_the_right_arguments() {
        let root = Root::new("asked");
        let bin = |name: &str, text: &str| root.script(&format!("bin/{name}"), text);
        bin("systemctl", "[ \"$6\" = pve-firewall.service ] && printf 'ActiveState=active\\nSubState=running\\n'");
        let rules = r#"{"nftables": [{"rule": {}}]}"#;
        bin("nft", &format!("[ \"$*\" = '--json --terse list chain inet filter forward' ] && echo '{rules}'"));
        let chain = ["inet", "filter", "forward"].map(str::to_owned);
        let [family, table, chain] = chain;
        let mut watch = watch(
            &root,
            vec![
                check("unit", Requirement::UnitActive("pve-firewall.service".to_owned())),
                check("table", Requirement::NftTable { family: family.clone(), table: table.clone() }),
                check("chain", Requirement::NftChain { family, table, chain }),
            ],
        );
        let message: Vec<_> =
            watch.evaluate(at(0)).iter().map(|result| (result.state, result.message.as_str())).collect();
        assert_eq!(
            message,
            [
                (Holds, "unit pve-firewall.service is active (running)"),
                (Unknown, "nft cannot list table inet filter: no error message"),
                (Holds, "nftables chain inet filter forward has 1 rule(s)"),
            ]
        );
    }
}
