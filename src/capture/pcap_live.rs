//! Live capture through libpcap, on one interface.
//!
//! libpcap does not report the direction of a frame, but the kernel's filter can select by it: two handles, one with
//! the filter `inbound` and one with `outbound`, capture each frame once and with a known direction. On cooked links,
//! where these filters cannot be compiled, one handle captures everything, and the cooked header may contain the
//! direction.

use super::{CaptureError, Frame, FrameDirection, FrameSink, LinkType, PacketSource, Poll, SourceStats};
use crate::base::Timestamp;
use ipnet::IpNet;
use pcap::{Active, Capture, Device, Error};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;

/// How long the kernel may buffer a block of frames before delivering it, in milliseconds.
const BLOCK_TIMEOUT_MS: i32 = 20;
/// How long a poll waits for frames.
const POLL_TIMEOUT: Timespec = Timespec { tv_sec: 0, tv_nsec: 40_000_000 };
/// Frames read from one handle before the other gets its turn.
const FRAMES_PER_DISPATCH: usize = 1024;

/// Options of a live capture through libpcap.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Whether to capture frames addressed to other stations.
    pub promiscuous: bool,
    /// pcap-filter(7) expression; empty captures everything.
    pub bpf: String,
    /// Kernel buffer of each handle, in bytes.
    pub buffer_bytes: i32,
    /// Octets kept of each frame.
    pub snaplen: i32,
}

struct Handle {
    capture: Capture<Active>,
    direction: FrameDirection,
    link: LinkType,
    /// libpcap's counters have 32 bits and wrap: their latest values, and the totals so far.
    last: [u32; 3],
    totals: [u64; 3],
}

impl Handle {
    /// Frames received, dropped by the kernel, dropped by the interface.
    fn counts(&mut self) -> [u64; 3] {
        if let Ok(stat) = self.capture.stats() {
            let now = [stat.received, stat.dropped, stat.if_dropped];
            for ((total, last), now) in self.totals.iter_mut().zip(&mut self.last).zip(now) {
                *total += u64::from(now.wrapping_sub(std::mem::replace(last, now)));
            }
        }
        self.totals
    }
}

/// A live capture through libpcap on one interface.
pub struct PcapLive {
    name: String,
    handles: Vec<Handle>,
    index: u16,
}

impl PcapLive {
    /// Starts capturing on interface `name`. Its frames carry `index`.
    pub fn open(name: &str, index: u16, options: &LiveOptions) -> Result<PcapLive, CaptureError> {
        let directed = [("inbound", FrameDirection::Ingress), ("outbound", FrameDirection::Egress)];
        let mut handles = Vec::new();
        for (filter_word, direction) in directed {
            let mut capture = activate(name, options)?;
            // Frames of "any" and other cooked links contain their direction.
            let cooked = !matches!(link_of(&capture), LinkType::Ethernet);
            let filter = match (cooked, options.bpf.is_empty()) {
                (true, _) => options.bpf.clone(),
                (false, true) => filter_word.to_owned(),
                (false, false) => format!("{filter_word} and ({})", options.bpf),
            };
            if !filter.is_empty() {
                capture.filter(&filter, true).map_err(|error| filter_error(&options.bpf, &error))?;
            }
            let direction = if cooked { FrameDirection::Unknown } else { direction };
            let link = link_of(&capture);
            handles.push(Handle { capture, direction, link, last: [0; 3], totals: [0; 3] });
            if cooked {
                break;
            }
        }
        Ok(PcapLive { name: name.to_owned(), handles, index })
    }
}

fn activate(name: &str, options: &LiveOptions) -> Result<Capture<Active>, CaptureError> {
    Capture::from_device(name)
        .map(|inactive| {
            inactive
                .promisc(options.promiscuous)
                .snaplen(options.snaplen)
                .buffer_size(options.buffer_bytes)
                .timeout(BLOCK_TIMEOUT_MS)
        })
        .and_then(Capture::open)
        .and_then(Capture::setnonblock)
        .map_err(|error| open_error(name, &error))
}

fn link_of(capture: &Capture<Active>) -> LinkType {
    // libpcap's DLT values equal the LINKTYPE values for all link types that are parsed.
    u16::try_from(capture.get_datalink().0).map_or(LinkType::Other(u16::MAX), LinkType::from_number)
}

fn open_error(name: &str, error: &Error) -> CaptureError {
    let text = error.to_string();
    let lower = text.to_lowercase();
    if lower.contains("permi") || lower.contains("not permitted") || lower.contains("eperm") {
        return CaptureError::permission(name);
    }
    if lower.contains("no such device") || lower.contains("doesn't exist") || lower.contains("not up") {
        return CaptureError::InterfaceGone(text);
    }
    CaptureError::Library(text)
}

fn filter_error(expression: &str, error: &Error) -> CaptureError {
    CaptureError::Filter(format!("invalid filter {expression:?}: {error}; see pcap-filter(7)"))
}

impl PacketSource for PcapLive {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        let mut waiting: Vec<PollFd<'_>> =
            self.handles.iter().map(|h| PollFd::from_borrowed_fd(h.capture.as_fd(), PollFlags::IN)).collect();
        match poll(&mut waiting, Some(&POLL_TIMEOUT)) {
            // A signal interrupted the wait: let the caller check why.
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Poll::Idle),
            Ok(_) => {}
            Err(error) => return Err(CaptureError::Io(error.into())),
        }
        drop(waiting);
        let mut delivered = 0;
        for handle in &mut self.handles {
            let (direction, link, interface) = (handle.direction, handle.link, self.index);
            let outcome = handle.capture.dispatch(Some(FRAMES_PER_DISPATCH), |packet| {
                let header = packet.header;
                let seconds = u64::try_from(header.ts.tv_sec).unwrap_or(0);
                let micros = u64::try_from(header.ts.tv_usec).unwrap_or(0);
                sink.frame(Frame {
                    time: Timestamp::from_parts(seconds, micros.saturating_mul(1000)),
                    data: packet.data,
                    wire_len: header.len,
                    link,
                    direction,
                    interface,
                    vlan: None,
                    segments: 1,
                    sampled: 1,
                });
            });
            match outcome {
                Ok(count) => delivered += count,
                Err(Error::TimeoutExpired) => {}
                // The interface is down or gone, or the handle failed otherwise: reopening it will show which.
                Err(error) => return Err(CaptureError::InterfaceGone(format!("{}: {error}", self.name))),
            }
        }
        Ok(if delivered > 0 { Poll::Delivered } else { Poll::Idle })
    }

    fn stats(&mut self) -> SourceStats {
        let mut sum = SourceStats::default();
        for handle in &mut self.handles {
            let [received, dropped, dropped_interface] = handle.counts();
            sum.received += received;
            sum.dropped_kernel += dropped;
            // The interface reports the same number to both handles.
            sum.dropped_interface = sum.dropped_interface.max(dropped_interface);
        }
        sum
    }
}

/// An interface of this machine, as libpcap lists it.
#[derive(Clone, Debug)]
pub struct InterfaceInfo {
    /// The kernel's name of the interface.
    pub name: String,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it is a loopback interface.
    pub loopback: bool,
    /// The networks of its addresses.
    pub networks: Vec<IpNet>,
}

/// All interfaces that libpcap lists.
pub fn interfaces() -> Result<Vec<InterfaceInfo>, CaptureError> {
    let devices = Device::list().map_err(|error| CaptureError::Library(error.to_string()))?;
    Ok(devices
        .into_iter()
        .map(|device| InterfaceInfo {
            up: device.flags.is_up(),
            loopback: device.flags.is_loopback(),
            networks: device
                .addresses
                .iter()
                .filter_map(|address| match address.netmask {
                    Some(mask) => IpNet::with_netmask(address.addr, mask).ok(),
                    None => Some(IpNet::from(address.addr)),
                })
                .map(|network| network.trunc())
                .collect(),
            name: device.name,
        })
        .collect())
}

/// Whether an interface is administratively up, according to its flags in sysfs (IFF_UP, bit 0) or, if sysfs does not
/// show it, libpcap's list; `true` if neither is available. libpcap silently waits for an interface that went down, so
/// the caller must check.
pub fn is_up(name: &str) -> bool {
    let flags = std::fs::read_to_string(format!("/sys/class/net/{name}/flags"));
    let parsed = flags.ok().and_then(|text| u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok());
    match parsed {
        Some(flags) => flags & 1 == 1,
        None => interfaces().map_or(true, |known| known.iter().any(|known| known.name == name && known.up)),
    }
}

/// The interface of the default route: the IPv4 route with the lowest metric, or else the IPv6 one.
pub fn default_interface() -> Option<String> {
    let ipv4 = std::fs::read_to_string("/proc/net/route").ok().and_then(|text| default_route_v4(&text));
    ipv4.or_else(|| std::fs::read_to_string("/proc/net/ipv6_route").ok().and_then(|text| default_route_v6(&text)))
}

/// Columns of `/proc/net/route`: Iface Destination Gateway Flags RefCnt Use Metric Mask …
fn default_route_v4(text: &str) -> Option<String> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            match columns.as_slice() {
                [name, "00000000", _, _, _, _, metric, "00000000", ..] => {
                    Some((metric.parse::<u64>().unwrap_or(u64::MAX), (*name).to_owned()))
                }
                _ => None,
            }
        })
        .min()
        .map(|(_, name)| name)
}

/// Columns of `/proc/net/ipv6_route`: destination, its prefix length, source, its prefix length, next hop, metric, …,
/// interface.
fn default_route_v6(text: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let (first, last) = (columns.first()?, columns.last()?);
            let metric = u64::from_str_radix(columns.get(5)?, 16).unwrap_or(u64::MAX);
            let default = first.bytes().all(|b| b == b'0') && columns.get(1) == Some(&"00") && *last != "lo";
            default.then(|| (metric, (*last).to_owned()))
        })
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_with_the_lowest_metric_wins() {
        let text = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                    eth1\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\n\
                    vmbr0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                    eth2\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(default_route_v4(text), Some("vmbr0".into()));
        assert_eq!(default_route_v4("Iface\n"), None);
        let zeros = "0".repeat(32);
        let text = format!(
            "{zeros} 00 {zeros} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n\
             {zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200 lo\n"
        );
        assert_eq!(default_route_v6(&text), Some("eth0".into()));
    }
}
