//! The baseline as bytes, and back. Reading arbitrary bytes gives a baseline or an error.
//!
//! ```text
//! "PEGELBL" version:1 | saved_at:8 hosts:4 | host* | crc32:4          all numbers little-endian
//! host:    address:16 activity:4 first:8 profiles:1 | profile*        first minute; all ones: none
//! profile: which:1 times:4 days:1 | (day:4 limit:4)* | slots:1 | (slot:1 centre:4 spread:4 minutes:4)*
//!                                                                     only slots that were seen
//! ```

use super::allowance::DayLimit;
use super::learner::{Baseline, DefaultLimits, Host, PROFILES};
use super::weekly_profile::{SLOTS, Slot, WeeklyProfile};
use crate::base::{Addr, Timestamp};
use std::fmt;

const MAGIC: &[u8; 7] = b"PEGELBL";
const VERSION: u8 = 2;
/// As above, without `first`, `times` and `days`.
const FORMER: u8 = 1;
/// Behind the last host.
const CHECKSUM: usize = 4;

/// Why bytes cannot be read as a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// The magic number at the start is missing.
    NotABaseline,
    /// The format version in the header, which this program does not read.
    Version(u8),
    /// The bytes are truncated, or their CRC-32 does not match.
    Checksum,
    /// The checksum is right, but the content is not as this program writes it.
    Content,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatError::NotABaseline => f.write_str("not a Pegel baseline"),
            FormatError::Version(version) => {
                write!(f, "format version {version}; this program reads version {VERSION}")
            }
            FormatError::Checksum => f.write_str("truncated or damaged: the checksum is wrong"),
            FormatError::Content => f.write_str("the checksum is right, but the content is invalid"),
        }
    }
}

impl Baseline {
    /// Everything learned, as of `now`.
    pub fn to_bytes(&self, now: Timestamp) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.extend(now.nanos().to_le_bytes());
        bytes.extend((self.hosts.len() as u32).to_le_bytes());
        for (address, host) in &self.hosts {
            bytes.extend(address.bits().to_le_bytes());
            bytes.extend(host.activity.to_le_bytes());
            bytes.extend(host.first.unwrap_or(u64::MAX).to_le_bytes());
            let profiles = || host.profiles.iter().enumerate().filter_map(|(at, p)| Some((at, p.as_deref()?)));
            bytes.push(profiles().count() as u8);
            for (which, profile) in profiles() {
                let seen = || profile.slots.iter().enumerate().filter(|(_, slot)| slot.minutes > 0.0);
                bytes.push(which as u8);
                bytes.extend(profile.allowance.times.to_le_bytes());
                bytes.push(profile.allowance.history.len() as u8);
                for day in &profile.allowance.history {
                    bytes.extend(day.day.to_le_bytes());
                    bytes.extend(day.limit.to_le_bytes());
                }
                bytes.push(seen().count() as u8);
                for (index, slot) in seen() {
                    bytes.push(index as u8);
                    for value in [slot.centre, slot.spread, slot.minutes] {
                        bytes.extend(value.to_le_bytes());
                    }
                }
            }
        }
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a saved baseline with at most `capacity` hosts; of more, the most active. It ages when the first timestamp
    /// is known, see [`Baseline::observe`].
    ///
    /// # Errors
    /// Of what the bytes are instead.
    pub fn from_bytes(bytes: &[u8], capacity: usize, limits: DefaultLimits) -> Result<Baseline, FormatError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(FormatError::NotABaseline)?;
        // Another version may have its checksum elsewhere.
        let version = match rest.first() {
            Some(&version @ (VERSION | FORMER)) => version,
            Some(&version) => return Err(FormatError::Version(version)),
            None => return Err(FormatError::Checksum),
        };
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(FormatError::Checksum)?;
        if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
            return Err(FormatError::Checksum);
        }
        let rest = content.get(MAGIC.len() + 1..).ok_or(FormatError::Checksum)?;
        let mut reader = Reader { rest, version };
        let mut baseline = Baseline::new(capacity, limits);
        let (saved, mut hosts) = reader.everything().ok_or(FormatError::Content)?;
        if hosts.len() > capacity {
            hosts.sort_by(|a, b| b.1.activity.total_cmp(&a.1.activity).then(a.0.cmp(&b.0)));
            hosts.truncate(capacity);
        }
        baseline.hosts.extend(hosts);
        baseline.saved = Some(saved);
        Ok(baseline)
    }
}

struct Reader<'b> {
    rest: &'b [u8],
    version: u8,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<usize> {
        self.take::<1>().map(|[byte]| byte.into())
    }

    /// A number as this program writes them: finite and not negative.
    fn figure(&mut self) -> Option<f32> {
        self.take().map(f32::from_le_bytes).filter(|value| value.is_finite() && *value >= 0.0)
    }

    fn everything(&mut self) -> Option<(Timestamp, Vec<(Addr, Host)>)> {
        let saved = Timestamp::from_nanos(u64::from_le_bytes(self.take()?));
        let count = u32::from_le_bytes(self.take()?);
        // Capacity is not reserved by a count that may be wrong.
        let mut hosts = Vec::new();
        for _ in 0..count {
            hosts.push(self.host()?);
        }
        self.rest.is_empty().then_some((saved, hosts))
    }

    fn host(&mut self) -> Option<(Addr, Host)> {
        let address = Addr::from_v6_bits(u128::from_le_bytes(self.take()?));
        let mut host = Host { activity: self.figure()?, ..Host::default() };
        if self.version != FORMER {
            host.first = Some(u64::from_le_bytes(self.take()?)).filter(|&minute| minute != u64::MAX);
        }
        for _ in 0..self.byte().filter(|count| *count <= PROFILES)? {
            let which = self.byte()?;
            let mut profile = Box::<WeeklyProfile>::default();
            if self.version != FORMER {
                profile.allowance.times = self.figure()?;
                for _ in 0..self.byte()? {
                    let (day, limit) = (u32::from_le_bytes(self.take()?), self.figure()?);
                    profile.allowance.history.push_back(DayLimit { day, limit });
                }
            }
            for _ in 0..self.byte().filter(|count| *count <= SLOTS)? {
                let index = self.byte()?;
                let slot = Slot { centre: self.figure()?, spread: self.figure()?, minutes: self.figure()? };
                *profile.slots.get_mut(index)? = slot;
            }
            *host.profiles.get_mut(which)? = Some(profile);
        }
        Some((address, host))
    }
}
