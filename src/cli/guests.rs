//! `pegel guests`: the combined inventory of guests, MAC addresses and interfaces. Read-only.

use super::common::Common;
use super::exit;
use super::print::print_out;
use super::table::Table;
use crate::inventory::{Guest, Inventory, Kernel, Link, Nic, proxmox};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel guests                         everything, as tables
  pegel guests --strict > /dev/null    check the inventory sources
  pegel guests --format json | jq '.guests[].nics[].mac'

Problems of a source are printed to standard error with file and line; the rest of the source is used.
The same applies to files that cannot be read without privilege, such as the directories of libvirt.

Exit codes: 0 success, 1 the sources have problems (with --strict), 2 wrong usage, 3 invalid configuration.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct GuestsArgs {
    /// Configuration file [default: /etc/pegel/pegel.toml if it exists]
    #[arg(long, value_name = "FILE", env = "PEGEL_CONFIG")]
    config: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Exit with code 1 if the inventory sources have any problem
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Aligned tables
    Table,
    /// One JSON object
    Json,
}

pub(super) fn run(args: &GuestsArgs) -> ExitCode {
    let config = match (Common { config: args.config.clone(), network: Vec::new() }).load() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let inventory = Inventory::read(&config.inventory);
    for problem in &inventory.problems {
        // Text from files must not contain terminal control sequences.
        let plain = problem.to_string().replace(char::is_control, "\u{fffd}");
        eprintln!("pegel: warning: {}: {plain}", problem.source);
    }
    let text = match args.format {
        Format::Table => tables(&inventory),
        Format::Json => format!("{}\n", as_json(&inventory)),
    };
    let failed = args.strict && !inventory.problems.is_empty();
    print_out(&text).err().unwrap_or(ExitCode::from(if failed { exit::FAILED } else { exit::OK }))
}

fn tables(inventory: &Inventory) -> String {
    let kernel = &inventory.kernel;
    let mut guests =
        Table::new(&["GUEST", "ORIGIN", "MAC", "ADDRESSES", "VLAN", "BRIDGE", "PORT", "STATE", "LEARNED ON"]);
    for guest in &inventory.guests {
        for nic in &guest.nics {
            let state = nic.port.as_deref().map_or("", |port| state(kernel.link(port)));
            guests.row([
                guest.to_string(),
                guest.origin.name().to_owned(),
                nic.mac.to_string(),
                joined(&nic.addresses),
                nic.vlan.map_or_else(String::new, |vlan| vlan.to_string()),
                nic.bridge.clone().unwrap_or_default(),
                nic.port.clone().unwrap_or_default(),
                state.to_owned(),
                learned(kernel, nic),
            ]);
        }
        if guest.nics.is_empty() {
            guests.row([guest.to_string().as_str(), guest.origin.name()]);
        }
    }
    let mut text = guests.to_string();
    if !inventory.assigned_macs.is_empty() {
        let mut assigned = Table::new(&["GRANTED MAC", "LEARNED ON"]);
        for mac in &inventory.assigned_macs {
            assigned.row([mac.to_string(), learned(kernel, &Nic { mac: *mac, ..Nic::default() })]);
        }
        text += &format!("\n{assigned}");
    }
    if !kernel.links.is_empty() {
        let mut links = Table::new(&["INTERFACE", "KIND", "MAC", "MASTER", "STATE", "ADDRESSES", "NOTES"]);
        for link in kernel.links.iter().filter(|link| link.name != "lo") {
            links.row([
                link.name.clone(),
                link.kind.clone(),
                link.mac.to_string(),
                link.master.clone().unwrap_or_default(),
                state(Some(link)).to_owned(),
                joined(&link.addresses),
                notes(inventory, link).join("; "),
            ]);
        }
        text += &format!("\n{links}");
    }
    text
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn state(link: Option<&Link>) -> &'static str {
    match link {
        Some(link) if link.up => "up",
        Some(_) => "down",
        None => "absent",
    }
}

/// The bridges and ports that learned the address, such as `vmbr0/tap104i0 vlan 5`.
fn learned(kernel: &Kernel, nic: &Nic) -> String {
    let shown = kernel.learned(nic.mac).map(|entry| match entry.vlan {
        Some(vlan) => format!("{}/{} vlan {vlan}", entry.bridge, entry.port),
        None => format!("{}/{}", entry.bridge, entry.port),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The guest that an interface belongs to, and the number of its NIC.
fn owner<'i>(inventory: &'i Inventory, link: &Link) -> Option<(&'i Guest, Option<u8>)> {
    let by_port = inventory
        .guests
        .iter()
        .find(|guest| guest.nics.iter().any(|nic| nic.port.as_deref() == Some(link.name.as_str())));
    let (vmid, number) = match proxmox::owner(&link.name) {
        Some((vmid, number)) => (Some(vmid.to_string()), Some(number)),
        None => (None, None),
    };
    let by_name = || {
        let vmid = vmid?;
        inventory.guests.iter().find(|guest| guest.origin == crate::inventory::Origin::Proxmox && guest.id == vmid)
    };
    by_port.or_else(by_name).map(|guest| (guest, number))
}

/// What helps to decide which interfaces to capture on.
fn notes(inventory: &Inventory, link: &Link) -> Vec<String> {
    let kernel = &inventory.kernel;
    let mut notes = Vec::new();
    if let Some(bridge) = kernel.uplink_of(link) {
        notes.push(format!("uplink candidate of {bridge}"));
    }
    let granted = &inventory.assigned_macs;
    let leaves =
        kernel.uplink_of(link).is_some() || kernel.links.iter().any(|port| kernel.uplink_of(port) == Some(&link.name));
    if leaves && !granted.is_empty() && !granted.contains(&link.mac) {
        notes.push("its MAC is not on the list of granted ones".to_owned());
    }
    if let Some((guest, number)) = owner(inventory, link) {
        notes.push(match number {
            Some(number) => format!("net{number} of {guest}"),
            None => format!("NIC of {guest}"),
        });
    }
    for (address, _) in kernel.gateways.iter().filter(|(_, interface)| *interface == link.name) {
        notes.push(match kernel.mac_of(*address, &link.name) {
            Some(mac) => format!("gateway {address} at {mac}"),
            None => format!("gateway {address}"),
        });
    }
    notes
}

fn as_json(inventory: &Inventory) -> Value {
    let kernel = &inventory.kernel;
    let nic = |nic: &Nic| {
        let learned = kernel.learned(nic.mac);
        let learned = learned.map(|entry| json!({"bridge": entry.bridge, "port": entry.port, "vlan": entry.vlan}));
        json!({
            "mac": nic.mac,
            "addresses": texts(&nic.addresses),
            "vlan": nic.vlan,
            "bridge": nic.bridge,
            "port": nic.port,
            "state": nic.port.as_deref().map(|port| state(kernel.link(port))),
            "filtered": nic.filtered,
            "learned": learned.collect::<Vec<_>>(),
        })
    };
    let guest = |guest: &Guest| {
        let nics: Vec<Value> = guest.nics.iter().map(nic).collect();
        json!({"id": guest.id, "name": guest.name, "origin": guest.origin.name(), "nics": nics})
    };
    let interface = |link: &Link| {
        json!({
            "name": link.name,
            "kind": link.kind,
            "mac": link.mac,
            "master": link.master,
            "parent": link.parent,
            "up": link.up,
            "addresses": texts(&link.addresses),
            "uplink_of": kernel.uplink_of(link),
            "guest": owner(inventory, link).map(|(guest, _)| &guest.id),
        })
    };
    let gateway = |(address, interface): &(crate::base::Addr, String)| json!({"address": address, "interface": interface, "mac": kernel.mac_of(*address, interface)});
    json!({
        "guests": inventory.guests.iter().map(guest).collect::<Vec<_>>(),
        "assigned_macs": inventory.assigned_macs,
        "interfaces": kernel.links.iter().map(interface).collect::<Vec<_>>(),
        "gateways": kernel.gateways.iter().map(gateway).collect::<Vec<_>>(),
        "problems": inventory.problems.iter().map(|problem| {
            json!({"source": problem.source, "at": problem.at, "message": problem.message})
        }).collect::<Vec<_>>(),
    })
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}
