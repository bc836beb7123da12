//! `packets.pcapng`: the kept packets with their context (draft-ietf-opsawg-pcapng).

use super::manifest::program;
use super::text::plain;
use crate::base::Timestamp;
use crate::capture::{FrameDirection, LinkType};
use crate::incident::Incident;
use crate::store::KeptPacket;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{Block, PcapNgReader, PcapNgWriter};
use pcap_file::{DataLink, Endianness};
use std::borrow::Cow;
use std::io;
use std::time::Duration;

/// Resolution of time stamps as a negative power of ten: nanoseconds.
const NANOSECONDS: u8 = 9;
/// Bits 0 and 1 of `epb_flags`: inbound and outbound.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;
/// Beginning of the comment of a packet of the attack.
const ATTACK: &str = "attack: ";
/// Most octets of a file that is read back.
const MOST_PACKETS: usize = 1_000_000;

/// An interface of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) link: LinkType,
}

/// A packet of the file.
#[derive(Clone, Debug)]
pub(super) struct Packet<'a> {
    pub(super) time: Timestamp,
    /// Position among the interfaces of the file.
    pub(super) interface: u32,
    pub(super) direction: FrameDirection,
    pub(super) wire_len: u32,
    /// Name of its traffic class, of packets of the attack.
    pub(super) attack: Option<Cow<'a, str>>,
    pub(super) data: Cow<'a, [u8]>,
}

/// Interfaces of the kept packets, and the packets in order.
pub(super) fn arranged<'a>(packets: &[&'a KeptPacket], names: &[String]) -> (Vec<Interface>, Vec<Packet<'a>>) {
    let mut interfaces: Vec<(u16, LinkType)> = Vec::new();
    for packet in packets {
        if !interfaces.contains(&(packet.interface, packet.link)) {
            interfaces.push((packet.interface, packet.link));
        }
    }
    if packets.is_empty() {
        interfaces.extend((0..=u16::MAX).zip(names).map(|(index, _)| (index, LinkType::Ethernet)));
    }
    interfaces.sort_by_key(|(index, link)| (*index, link.number()));
    let of = |packet: &KeptPacket| {
        interfaces.iter().position(|known| *known == (packet.interface, packet.link)).unwrap_or_default()
    };
    let arranged = packets.iter().map(|packet| Packet {
        time: packet.time,
        interface: u32::try_from(of(packet)).unwrap_or_default(),
        direction: packet.direction,
        wire_len: packet.wire_len,
        attack: packet.is_attack.then_some(Cow::Borrowed(packet.class.name())),
        data: Cow::Borrowed(&packet.data),
    });
    let arranged = arranged.collect();
    let named = |(index, link): &(u16, LinkType)| {
        let name = names.get(usize::from(*index)).filter(|name| !name.is_empty());
        Interface { name: name.map_or_else(|| format!("interface {index}"), |name| plain(name)), link: *link }
    };
    (interfaces.iter().map(named).collect(), arranged)
}

/// The file. It is big-endian, the byte order in which the fields of interface statistics are in the order of the format.
pub(super) fn file(
    incident: &Incident,
    interfaces: &[Interface],
    packets: &[Packet<'_>],
    snaplen: u32,
) -> io::Result<Vec<u8>> {
    let vectors = incident.vectors.iter().map(|vector| vector.name()).collect::<Vec<_>>().join(", ");
    let comment = format!("incident {}; vectors: {vectors}; {} traffic", incident.id, incident.direction);
    let section = SectionHeaderBlock {
        endianness: Endianness::Big,
        options: vec![
            SectionHeaderOption::Comment(comment.into()),
            SectionHeaderOption::UserApplication(program().into()),
        ],
        ..SectionHeaderBlock::default()
    };
    let size: usize = packets.iter().map(|packet| packet.data.len() + 160).sum();
    let mut writer =
        PcapNgWriter::with_section_header(Vec::with_capacity(size + 1024), section).map_err(io::Error::other)?;
    for interface in interfaces {
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::from(u32::from(interface.link.number())),
            snaplen,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Borrowed(&interface.name)),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ],
        };
        writer.write_pcapng_block(block).map_err(io::Error::other)?;
    }
    for packet in packets {
        let mut options = Vec::new();
        if let Some(class) = &packet.attack {
            let text = format!("{ATTACK}{class}; incident {}, counted for {vectors}", incident.id);
            options.push(EnhancedPacketOption::Comment(text.into()));
        }
        match packet.direction {
            FrameDirection::Unknown => {}
            FrameDirection::Ingress => options.push(EnhancedPacketOption::Flags(INBOUND)),
            FrameDirection::Egress => options.push(EnhancedPacketOption::Flags(OUTBOUND)),
        }
        let block = EnhancedPacketBlock {
            interface_id: packet.interface,
            timestamp: Duration::from_nanos(packet.time.nanos()),
            original_len: packet.wire_len,
            data: Cow::Borrowed(&packet.data),
            options,
        };
        writer.write_pcapng_block(block).map_err(io::Error::other)?;
    }
    let coverage = &incident.coverage;
    let end = packets.last().map_or(incident.updated_at, |packet| packet.time);
    for (interface_id, _) in (0u32..).zip(interfaces) {
        let comment = format!(
            "while the incident was open, over all interfaces: {} packets dropped by the kernel, {:.3} % captured, sampled 1 in {}",
            coverage.kernel_dropped,
            coverage.captured * 100.0,
            coverage.sampled
        );
        let mut options = vec![InterfaceStatisticsOption::Comment(comment.into())];
        // The count is that of all interfaces together: once, so that sums are right.
        if interface_id == 0 {
            options.push(InterfaceStatisticsOption::IsbOsDrop(coverage.kernel_dropped));
        }
        let block = InterfaceStatisticsBlock { interface_id, timestamp: end.nanos(), options };
        writer.write_pcapng_block(block).map_err(io::Error::other)?;
    }
    Ok(writer.into_inner())
}

/// Reads a file that [`file`] wrote.
pub(super) fn read(bytes: &[u8]) -> io::Result<(Vec<Interface>, Vec<Packet<'static>>)> {
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidData, format!("packets.pcapng: {text}"));
    let mut reader = PcapNgReader::new(bytes).map_err(|error| invalid(&error.to_string()))?;
    let (mut interfaces, mut packets) = (Vec::new(), Vec::new());
    while let Some(block) = reader.next_block() {
        match block.map_err(|error| invalid(&error.to_string()))? {
            Block::InterfaceDescription(block) => {
                let name = block.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                    _ => None,
                });
                let link = u16::try_from(u32::from(block.linktype)).map_err(|_| invalid("unknown link type"))?;
                let link = LinkType::from_number(link);
                interfaces.push(Interface { name: name.unwrap_or_default(), link });
            }
            Block::EnhancedPacket(block) => {
                let nanos = u64::try_from(block.timestamp.as_nanos()).map_err(|_| invalid("a time out of range"))?;
                let (mut attack, mut direction) = (None, FrameDirection::Unknown);
                for option in &block.options {
                    match option {
                        EnhancedPacketOption::Comment(text) => {
                            let class = text.strip_prefix(ATTACK).and_then(|rest| rest.split(';').next());
                            attack = class.map(|class| Cow::Owned(plain(class)));
                        }
                        EnhancedPacketOption::Flags(INBOUND) => direction = FrameDirection::Ingress,
                        EnhancedPacketOption::Flags(OUTBOUND) => direction = FrameDirection::Egress,
                        _ => {}
                    }
                }
                if packets.len() >= MOST_PACKETS || block.interface_id as usize >= interfaces.len() {
                    return Err(invalid("not as Pegel writes it"));
                }
                packets.push(Packet {
                    time: Timestamp::from_nanos(nanos),
                    interface: block.interface_id,
                    direction,
                    wire_len: block.original_len,
                    attack,
                    data: Cow::Owned(block.data.into_owned()),
                });
            }
            _ => {}
        }
    }
    Ok((interfaces, packets))
}
