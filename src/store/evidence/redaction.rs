//! Removes from an incident what a redacted copy must not show.

use super::pseudonym::{PseudonymKey, Pseudonyms};
use crate::incident::Incident;
use crate::incident::model::Peers;
use ipnet::IpNet;

/// What stands for a text that is left out.
const REMOVED: &str = "[removed]";

/// What a copy leaves out. Payload and names always are: a payload can contain addresses in any form.
#[derive(Clone, Default)]
pub struct Redaction {
    /// Replaces inside addresses by pseudonyms with this key.
    pub key: Option<PseudonymKey>,
    /// The inside networks. The target of the incident and addresses for private use count as inside too.
    pub networks: Vec<IpNet>,
}

impl Redaction {
    /// The pseudonyms for an incident.
    pub(super) fn pseudonyms(&self, incident: &Incident) -> Option<Pseudonyms> {
        let target = &incident.target;
        let host = target.address.map(|address| IpNet::from(address.ip()));
        let prefix = target.prefix.as_ref().and_then(|prefix| prefix.parse().ok());
        let networks = self.networks.iter().copied().chain(host).chain(prefix);
        self.key.as_ref().map(|key| Pseudonyms::new(key, networks))
    }

    /// What is done, as sentences for the manifest.
    pub(super) fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![
            "everything behind the transport headers was removed from the packets; their lengths on the wire are the original ones",
            "checksums of TCP, UDP, ICMP and SCTP were set to 0",
            "names in requests and suggested filters were removed, and sentences about measurements replaced by their figures",
        ];
        if self.key.is_some() {
            sentences.extend([
                "inside, private and link-local addresses were replaced by prefix-preserving pseudonyms (ipcrypt-pfx)",
                "all unicast MAC addresses, the names of guests and interfaces, and the checksum in the incident ID were replaced by \
                 keyed pseudonyms (HMAC-SHA-256)",
                "checksums of IPv4 headers were computed anew where they were right, and set to 0 elsewhere",
                "IP options, extension headers and rare TCP options were replaced by padding; IP identifications are keyed, and TCP \
                 sequence numbers shifted by a keyed offset of their flow",
                "the reason of a maintenance window and the name of a failed check were removed",
            ]);
        }
        sentences.into_iter().map(str::to_owned).collect()
    }
}

/// The incident without names and free texts, and with pseudonyms if there are any.
pub(super) fn redacted(incident: &Incident, pseudonyms: Option<&mut Pseudonyms>) -> Incident {
    let mut incident = incident.clone();
    incident.names.clear();
    // It names the original: its ID, whose checksum gives the target away.
    incident.evidence_url = None;
    for evidence in &mut incident.evidence {
        let from = evidence.limit_from.map(|from| format!(" ({})", from.name())).unwrap_or_default();
        let limit = evidence.limit.map(|limit| format!(", limit {limit}{from}")).unwrap_or_default();
        evidence.message = format!("{}: {}{limit}", evidence.measure, evidence.value);
    }
    let Some(names) = pseudonyms else { return incident };
    incident.id = names.id(&incident.id);
    let target = &mut incident.target;
    target.address = target.address.map(|address| names.address(address));
    target.mac = target.mac.map(|mac| names.mac(mac));
    target.guest = target.guest.as_ref().map(|guest| names.name("guest", guest));
    target.interface = target.interface.as_ref().map(|interface| names.name("interface", interface));
    target.sensor = target.sensor.as_ref().map(|_| REMOVED.to_owned());
    target.prefix = target.prefix.as_ref().map(|prefix| network(names, prefix));
    incident.part_of = incident.part_of.as_ref().map(|whole| label(names, whole));
    if let Some(mark) = &mut incident.maintenance {
        mark.why = REMOVED.to_owned();
    }
    peers(&mut incident.sources, names);
    if let Some(victims) = &mut incident.victims {
        peers(victims, names);
    }
    incident
}

fn peers(peers: &mut Peers, names: &mut Pseudonyms) {
    for peer in &mut peers.top {
        peer.address = names.address(peer.address);
    }
}

fn network(names: &mut Pseudonyms, text: &str) -> String {
    text.parse().map_or_else(|_| REMOVED.to_owned(), |network| names.network(network).to_string())
}

/// A label of a target: an address, a station or a network; anything else is a name.
fn label(names: &mut Pseudonyms, text: &str) -> String {
    if let Ok(address) = text.parse() {
        return names.address(address).to_string();
    }
    match text.parse() {
        Ok(mac) => names.mac(mac).to_string(),
        Err(_) => network(names, text),
    }
}
