//! The kernel's counters of an interface (sysfs-class-net-statistics of the kernel's documentation).

use super::kernel::{Kernel, read};
use crate::base::LinkCounts;

/// Counters of an interface since it exists, and its speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkCounters {
    /// Bits per second in one direction. `None` where the kernel does not know, and of virtual interfaces, whose speed means
    /// nothing.
    pub speed: Option<u64>,
    /// Received.
    pub received: LinkCounts,
    /// Sent.
    pub sent: LinkCounts,
}

impl Kernel {
    /// The counters of an interface; `None` where there is no such interface or they cannot be read.
    pub fn link_counters(&self, name: &str) -> Option<LinkCounters> {
        let directory = self.interface(name);
        let number = |file: &str| -> Option<u64> { read(&directory.join(file)).ok()??.parse().ok() };
        let counts = |way: &str| {
            let count = |what: &str| number(&format!("statistics/{way}_{what}"));
            Some(LinkCounts { packets: count("packets")?, bytes: count("bytes")?, dropped: count("dropped")? })
        };
        // A virtual interface has no device; the speed of one without a link is -1.
        let is_physical = directory.join("device").try_exists().unwrap_or(false);
        let megabits = number("speed").filter(|&megabits| is_physical && megabits > 0);
        // A ring without room counts as missed, not as dropped.
        let missed = number("statistics/rx_missed_errors").unwrap_or(0);
        let received = counts("rx")?;
        Some(LinkCounters {
            speed: megabits.map(|megabits| megabits.saturating_mul(1_000_000)),
            received: LinkCounts { dropped: received.dropped.saturating_add(missed), ..received },
            sent: counts("tx")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::watch::tests::Root;

    #[test]
    fn counters_are_read_and_the_speed_of_virtual_interfaces_is_not() {
        let root = Root::new("link-counters");
        for (file, text) in [
            ("rx_packets", "10\n"),
            ("rx_bytes", "1000\n"),
            ("rx_dropped", "1\n"),
            ("rx_missed_errors", "2\n"),
            ("tx_packets", "20\n"),
            ("tx_bytes", "2000\n"),
            ("tx_dropped", "0\n"),
        ] {
            root.file(&format!("sys/class/net/eno1/statistics/{file}"), text);
        }
        root.file("sys/class/net/eno1/speed", "1000\n");
        let kernel = Kernel::under(root.path());
        let virtual_one = kernel.link_counters("eno1").expect("an interface");
        assert_eq!(virtual_one.speed, None);
        assert_eq!(virtual_one.received, LinkCounts { packets: 10, bytes: 1000, dropped: 3 });
        assert_eq!(virtual_one.sent, LinkCounts { packets: 20, bytes: 2000, dropped: 0 });
        root.file("sys/class/net/eno1/device/vendor", "0x8086\n");
        assert_eq!(kernel.link_counters("eno1").and_then(|counters| counters.speed), Some(1_000_000_000));
        root.file("sys/class/net/eno1/speed", "-1\n");
        assert_eq!(kernel.link_counters("eno1").and_then(|counters| counters.speed), None);
        assert_eq!(kernel.link_counters("eno2"), None);
    }
}
