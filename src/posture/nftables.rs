//! Checks of the kernel's packet filter with `nft --json list` (nft(8), libnftables-json(5)).
//!
//! The existence of a table or chain is not enough: an installed firewall that failed to load its rules often leaves
//! both empty. There must be a rule or a drop policy.

use super::outcome::Outcome;
use super::tool::{Tools, first_line};
use crate::sandbox::helper::ToolOutput;
use serde_json::Value;

pub(super) fn table(tools: &mut Tools, family: &str, table: &str) -> Outcome {
    let arguments = ["--json", "--terse", "list", "table", family, table];
    tools.run("nft", &arguments).map(|result| evaluate(&format!("table {family} {table}"), &result)).into()
}

pub(super) fn chain(tools: &mut Tools, family: &str, table: &str, chain: &str) -> Outcome {
    let arguments = ["--json", "--terse", "list", "chain", family, table, chain];
    tools.run("nft", &arguments).map(|result| evaluate(&format!("chain {family} {table} {chain}"), &result)).into()
}

fn evaluate(what: &str, result: &ToolOutput) -> Outcome {
    if !result.success {
        let message = first_line(result);
        let has = |words: &[&str]| words.iter().any(|word| result.error.to_lowercase().contains(word));
        if has(&["not permitted", "permission denied", "must be root"]) {
            return Outcome::unknown(format!(
                "nft lacks permission to list {what}: it needs CAP_NET_ADMIN ({message})"
            ));
        }
        if has(&["no such file or directory", "does not exist"]) {
            return Outcome::from_condition(false, format!("nftables has no {what}, expected it with rules"));
        }
        return Outcome::unknown(format!("nft cannot list {what}: {message}"));
    }
    let output: Option<Value> = serde_json::from_str(&result.output).ok();
    let Some(items) = output.as_ref().and_then(|output| output.get("nftables")?.as_array()) else {
        return Outcome::unknown(format!("nft returned unexpected output for {what}"));
    };
    let rules = items.iter().filter(|item| item.get("rule").is_some()).count();
    let policies = items.iter().filter_map(|item| item.get("chain")?.get("policy")?.as_str());
    let drops = policies.into_iter().any(|policy| policy == "drop");
    let policy = if drops { " and a drop policy" } else { "" };
    let is_met = rules > 0 || drops;
    let expected = if is_met { "" } else { ", expected some" };
    Outcome::from_condition(is_met, format!("nftables {what} has {rules} rule(s){policy}{expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PostureState::{Failed, Ok as Holds, Unknown};

    const CHAIN: &str = r#"{"chain": {"family": "inet", "table": "filter", "name": "forward", "handle": 2,
        "type": "filter", "hook": "forward", "prio": 0, "policy": "POLICY"}}"#;
    const RULE: &str = r#"{"rule": {"family": "inet", "table": "filter", "chain": "forward", "handle": 5,
        "expr": [{"accept": null}]}}"#;

    fn listed(items: &[&str]) -> Outcome {
        let meta = r#"{"metainfo": {"version": "1.0.9", "release_name": "Old Doc Yak #3", "json_schema_version": 1}}"#;
        let output = format!("{{\"nftables\": [{}]}}", [&[meta], items].concat().join(", "));
        evaluate("chain inet filter forward", &ToolOutput { success: true, output, error: String::new() })
    }

    fn refused(error: &str) -> Outcome {
        evaluate("table inet filter", &ToolOutput { success: false, output: String::new(), error: error.to_owned() })
    }

    #[test]
    fn a_chain_must_have_rules_or_a_drop_policy() {
        let (accept, drop) = (CHAIN.replace("POLICY", "accept"), CHAIN.replace("POLICY", "drop"));
        let empty = listed(&[&accept]);
        let message = "nftables chain inet filter forward has 0 rule(s), expected some";
        assert_eq!(empty, Outcome::from_condition(false, message));
        assert_eq!(listed(&[&accept, RULE, RULE]).message, "nftables chain inet filter forward has 2 rule(s)");
        assert_eq!(listed(&[&accept, RULE]).state, Holds);
        assert_eq!(listed(&[&drop]).state, Holds);
    }

    #[test]
    fn errors_are_distinguished() {
        let gone = "Error: No such file or directory\nlist table inet filter\n           ^^^^^^\n";
        assert_eq!(refused(gone).state, Failed);
        let denied = refused("Error: cache initialization failed: Operation not permitted (you must be root)\n");
        assert_eq!(denied.state, Unknown);
        assert!(denied.message.contains("CAP_NET_ADMIN"), "{denied:?}");
        assert_eq!(refused("Error: JSON support not compiled-in\n").state, Unknown);
        let nonsense = ToolOutput { success: true, output: "table inet filter {}".to_owned(), error: String::new() };
        assert_eq!(evaluate("x", &nonsense).state, Unknown);
    }
}
