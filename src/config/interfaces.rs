//! `[[interface]]`: what an interface is, and what may leave there.

use super::written::WrittenInterface;
use crate::base::{InterfaceRole, Mac};
use crate::inventory::{InterfacePolicy, VirtualMac};
use std::collections::BTreeSet;

pub(super) fn resolve(written: Vec<WrittenInterface>, resolved: &mut Vec<InterfacePolicy>, errors: &mut Vec<String>) {
    for (index, interface) in written.into_iter().enumerate() {
        let at = format!("interface[{index}]");
        let role = interface.role.and_then(|text| {
            let role = InterfaceRole::ALL.into_iter().find(|role| role.name() == text);
            if role.is_none() {
                let names = InterfaceRole::ALL.map(|role| format!("{:?}", role.name())).join(", ");
                errors.push(format!("{at}.role = {text:?}: must be one of {names}"));
            }
            role
        });
        let bridge = interface.bridge.filter(|bridge| !bridge.is_empty());
        let allowed_macs = macs(&format!("{at}.allowed_macs"), interface.allowed_macs, errors);
        let mut virtual_macs = Vec::new();
        for (n, text) in interface.allowed_virtual_macs.unwrap_or_default().into_iter().enumerate() {
            match VirtualMac::ALL.into_iter().find(|kind| kind.name() == text) {
                Some(kind) => virtual_macs.push(kind),
                None => {
                    let names = VirtualMac::ALL.map(|kind| format!("{:?}", kind.name())).join(", ");
                    errors.push(format!("{at}.allowed_virtual_macs[{n}] = {text:?}: must be one of {names}"));
                }
            }
        }
        let upstream_macs = macs(&format!("{at}.upstream_macs"), interface.upstream_macs, errors);
        let Some(name) = interface.name.filter(|name| !name.is_empty()) else {
            errors.push(format!("{at}.name: missing; name the interface, or \"*\" for every one"));
            continue;
        };
        if name == "*" && (role.is_some() || bridge.is_some()) {
            errors.push(format!("{at}: role and bridge belong to one interface; name it instead of \"*\""));
            continue;
        }
        if resolved.iter().any(|known| known.name == name) {
            errors.push(format!("{at}.name = {name:?}: this interface has a table already"));
            continue;
        }
        resolved.push(InterfacePolicy { name, role, bridge, allowed_macs, virtual_macs, upstream_macs });
    }
}

fn macs(key: &str, written: Option<Vec<String>>, errors: &mut Vec<String>) -> BTreeSet<Mac> {
    let mut resolved = BTreeSet::new();
    for (index, text) in written.unwrap_or_default().into_iter().enumerate() {
        match text.parse::<Mac>() {
            Ok(mac) => {
                resolved.insert(mac);
            }
            Err(error) => errors.push(format!("{key}[{index}] = {text:?}: {error}")),
        }
    }
    resolved
}
