//! What the kernel lets through to the ring, and how much of each frame: a program of classic BPF in front of it
//! (Documentation/networking/filter.rst). In front of the user's own expression stands the draw of lots, where only one
//! frame in so many is wanted.

use crate::capture::{CaptureError, LinkType};
use libc::sock_filter;
use pcap::{Active, BpfProgram, Capture, Linktype};

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const MODULO: u16 = (libc::BPF_ALU | BPF_MOD | libc::BPF_K) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// linux/bpf_common.h.
const BPF_MOD: u32 = 0x90;

/// DLT_RAW on Linux: libpcap's number, not that of capture files.
const DLT_RAW: i32 = 12;

/// The program for one interface.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// Without the draw of lots. Ends by returning how many octets to keep.
    program: Vec<sock_filter>,
}

const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Accepts nothing: for a socket that is not ready yet.
pub(super) const NOTHING: [sock_filter; 1] = [instruction(RETURN, 0, 0, 0)];

impl Filter {
    /// Compiles `expression`, of pcap-filter(7), for frames of `link`; empty is everything. At most `snaplen` octets of
    /// each frame are kept.
    pub fn compile(interface: &str, link: LinkType, expression: &str, snaplen: u32) -> Result<Filter, CaptureError> {
        if expression.is_empty() {
            return Ok(Filter { program: vec![instruction(RETURN, 0, 0, snaplen)] });
        }
        let compiled = compile(interface, link, expression).and_then(|compiled| translate(&compiled));
        let mut program = compiled.map_err(|error| {
            CaptureError::Filter(format!("the filter {expression:?} cannot be used: {error}; see pcap-filter(7)"))
        })?;
        for instruction in &mut program {
            // Whatever length libpcap wrote for "accept", ours is meant.
            if instruction.code == RETURN && instruction.k != 0 {
                instruction.k = snaplen;
            }
        }
        Ok(Filter { program })
    }

    /// The program that looks at one frame in `one_in` (1: every one), drawn by lot for each frame.
    pub fn program(&self, one_in: u16) -> Vec<sock_filter> {
        let mut program = Vec::with_capacity(self.program.len() + 4);
        if one_in > 1 {
            program.extend([
                instruction(LOAD_WORD, 0, 0, (libc::SKF_AD_OFF + libc::SKF_AD_RANDOM) as u32),
                instruction(MODULO, 0, 0, one_in.into()),
                instruction(JUMP_IF_EQUAL, 1, 0, 0),
                instruction(RETURN, 0, 0, 0),
            ]);
        }
        program.extend_from_slice(&self.program);
        program
    }
}

fn compile(interface: &str, link: LinkType, expression: &str) -> Result<BpfProgram, String> {
    let told = |error: pcap::Error| error.to_string();
    // The kernel takes VLAN tags out of frames and keeps them beside. Only a handle on a live interface compiles `vlan`
    // to a look there; anything else is the same either way, and needs no second socket.
    if expression.contains("vlan") && link == LinkType::Ethernet {
        let live: Capture<Active> =
            Capture::from_device(interface).and_then(|inactive| inactive.snaplen(64).open()).map_err(told)?;
        return live.compile(expression, true).map_err(told);
    }
    let kind = if link == LinkType::Ethernet { Linktype::ETHERNET } else { Linktype(DLT_RAW) };
    Capture::dead(kind).and_then(|dead| dead.compile(expression, true)).map_err(told)
}

/// The library keeps the numbers of an instruction to itself but prints them: "code jt jf k".
fn translate(compiled: &BpfProgram) -> Result<Vec<sock_filter>, String> {
    let instructions = compiled.get_instructions().iter().map(|printed| {
        let printed = printed.to_string();
        let mut numbers = printed.split_whitespace().map(str::parse::<u32>);
        let mut next = || numbers.next().and_then(Result::ok);
        let parsed = (|| {
            let (code, jt, jf, k) = (next()?, next()?, next()?, next()?);
            Some(instruction(u16::try_from(code).ok()?, u8::try_from(jt).ok()?, u8::try_from(jf).ok()?, k))
        })();
        parsed.ok_or_else(|| format!("an instruction is not what was expected: {printed:?}"))
    });
    instructions.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(program: &[sock_filter]) -> Vec<(u16, u8, u8, u32)> {
        program.iter().map(|i| (i.code, i.jt, i.jf, i.k)).collect()
    }

    #[test]
    fn an_expression_keeps_so_many_octets() {
        let filter = Filter::compile("none", LinkType::Ethernet, "udp port 53", 96).unwrap();
        let accepts: Vec<u32> = filter.program(1).iter().filter(|i| i.code == RETURN).map(|i| i.k).collect();
        assert!(accepts.contains(&96) && accepts.contains(&0) && accepts.len() == 2, "{accepts:?}");
        let everything = Filter::compile("none", LinkType::RawIp, "", 200).unwrap();
        assert_eq!(numbers(&everything.program(1)), [(0x06, 0, 0, 200)]);
        Filter::compile("none", LinkType::RawIp, "tcp port 80", 200).unwrap();
    }

    #[test]
    fn lots_are_drawn_before_the_expression() {
        let filter = Filter::compile("none", LinkType::Ethernet, "", 64).unwrap();
        let drawn = [(0x20, 0, 0, 0xffff_f038), (0x94, 0, 0, 8), (0x15, 1, 0, 0), (0x06, 0, 0, 0), (0x06, 0, 0, 64)];
        assert_eq!(numbers(&filter.program(8)), drawn);
    }

    #[test]
    fn a_wrong_expression_is_quoted_with_the_reason() {
        let error = Filter::compile("none", LinkType::Ethernet, "port twelve", 64).unwrap_err().to_string();
        assert!(error.starts_with("the filter \"port twelve\" cannot be used: "), "{error}");
        assert!(error.ends_with("; see pcap-filter(7)"), "{error}");
    }
}
