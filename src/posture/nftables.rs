//! The kernel's packet filter, by `nft -j list` (nft(8), libnftables-json(5)).
//!
//! That a table or chain is there says little: an installed firewall that did not load its rules often leaves both
//! behind, empty. It must have a rule, or drop by its policy.

use super::Found;
use super::tool::{Said, Tools};
use serde_json::Value;

pub(super) fn table(tools: &mut Tools, family: &str, table: &str) -> Found {
    let asked = ["--json", "--terse", "list", "table", family, table];
    tools.run("nft", &asked).map(|said| judge(&format!("table {family} {table}"), &said)).into()
}

pub(super) fn chain(tools: &mut Tools, family: &str, table: &str, chain: &str) -> Found {
    let asked = ["--json", "--terse", "list", "chain", family, table, chain];
    tools.run("nft", &asked).map(|said| judge(&format!("chain {family} {table} {chain}"), &said)).into()
}

fn judge(what: &str, said: &Said) -> Found {
    if !said.success {
        let complaint = said.complaint();
        let has = |words: &[&str]| words.iter().any(|word| said.error.to_lowercase().contains(word));
        if has(&["not permitted", "permission denied", "must be root"]) {
            return Found::unknown(format!("nft may not look at {what}: it needs CAP_NET_ADMIN ({complaint})"));
        }
        if has(&["no such file or directory", "does not exist"]) {
            return Found::when(false, format!("nftables has no {what}, expected it with rules"));
        }
        return Found::unknown(format!("nft cannot tell of {what}: {complaint}"));
    }
    let listed: Option<Value> = serde_json::from_str(&said.output).ok();
    let Some(items) = listed.as_ref().and_then(|listed| listed.get("nftables")?.as_array()) else {
        return Found::unknown(format!("nft lists {what} in a form that cannot be read"));
    };
    let rules = items.iter().filter(|item| item.get("rule").is_some()).count();
    let policies = items.iter().filter_map(|item| item.get("chain")?.get("policy")?.as_str());
    let drops = policies.into_iter().any(|policy| policy == "drop");
    let policy = if drops { " and drops by its policy" } else { "" };
    let holds = rules > 0 || drops;
    let expected = if holds { "" } else { ", expected some" };
    Found::when(holds, format!("nftables {what} has {rules} rule(s){policy}{expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PostureState::{Failed, Ok as Holds, Unknown};

    const CHAIN: &str = r#"{"chain": {"family": "inet", "table": "filter", "name": "forward", "handle": 2,
        "type": "filter", "hook": "forward", "prio": 0, "policy": "POLICY"}}"#;
    const RULE: &str = r#"{"rule": {"family": "inet", "table": "filter", "chain": "forward", "handle": 5,
        "expr": [{"accept": null}]}}"#;

    fn listed(items: &[&str]) -> Found {
        let meta = r#"{"metainfo": {"version": "1.0.9", "release_name": "Old Doc Yak #3", "json_schema_version": 1}}"#;
        let output = format!("{{\"nftables\": [{}]}}", [&[meta], items].concat().join(", "));
        judge("chain inet filter forward", &Said { success: true, output, error: String::new() })
    }

    fn refused(error: &str) -> Found {
        judge("table inet filter", &Said { success: false, output: String::new(), error: error.to_owned() })
    }

    #[test]
    fn a_chain_must_do_something() {
        let (accept, drop) = (CHAIN.replace("POLICY", "accept"), CHAIN.replace("POLICY", "drop"));
        let empty = listed(&[&accept]);
        let message = "nftables chain inet filter forward has 0 rule(s), expected some";
        assert_eq!(empty, Found::when(false, message));
        assert_eq!(listed(&[&accept, RULE, RULE]).message, "nftables chain inet filter forward has 2 rule(s)");
        assert_eq!(listed(&[&accept, RULE]).state, Holds);
        assert_eq!(listed(&[&drop]).state, Holds);
    }

    #[test]
    fn refusals_are_told_apart() {
        let gone = "Error: No such file or directory\nlist table inet filter\n           ^^^^^^\n";
        assert_eq!(refused(gone).state, Failed);
        let denied = refused("Error: cache initialization failed: Operation not permitted (you must be root)\n");
        assert_eq!(denied.state, Unknown);
        assert!(denied.message.contains("CAP_NET_ADMIN"), "{denied:?}");
        assert_eq!(refused("Error: JSON support not compiled-in\n").state, Unknown);
        let nonsense = Said { success: true, output: "table inet filter {}".to_owned(), error: String::new() };
        assert_eq!(judge("x", &nonsense).state, Unknown);
    }
}
