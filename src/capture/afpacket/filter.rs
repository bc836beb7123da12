//! The kernel's filter in front of the ring decides which frames pass and how many octets of each are kept. It is a
//! classic BPF program (Documentation/networking/filter.rst). With sampling, it first drops all but 1 in N frames at
//! random, then evaluates the user's expression.

use crate::capture::{CaptureError, LinkType};
use libc::sock_filter;
use pcap::{Active, BpfProgram, Capture, Linktype};

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const MODULO: u16 = (libc::BPF_ALU | BPF_MOD | libc::BPF_K) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// From linux/bpf_common.h: the remainder of a division.
const BPF_MOD: u32 = 0x90;

/// libpcap's number for raw IP on Linux. Capture files use a different one (LINKTYPE_RAW, 101).
const DLT_RAW: i32 = 12;

/// The program for one interface.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// The program without sampling. It returns the number of octets to keep.
    program: Vec<sock_filter>,
}

const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// The program for a socket that is not set up yet: drops everything.
pub(super) const DROP_ALL: [sock_filter; 1] = [instruction(RETURN, 0, 0, 0)];

impl Filter {
    /// Compiles a pcap-filter(7) expression for frames of `link`; an empty one accepts everything. At most `snaplen`
    /// octets of each frame are kept.
    pub(super) fn compile(
        interface: &str,
        link: LinkType,
        expression: &str,
        snaplen: u32,
    ) -> Result<Filter, CaptureError> {
        if expression.is_empty() {
            return Ok(Filter { program: vec![instruction(RETURN, 0, 0, snaplen)] });
        }
        let compiled = compile(interface, link, expression).and_then(|compiled| translate(&compiled));
        let mut program = compiled.map_err(|error| {
            CaptureError::Filter(format!("invalid filter {expression:?}: {error}; see pcap-filter(7)"))
        })?;
        for instruction in &mut program {
            // To accept a frame, the compiled program returns the snapshot length of libpcap's handle: replace it with
            // ours.
            if instruction.code == RETURN && instruction.k != 0 {
                instruction.k = snaplen;
            }
        }
        Ok(Filter { program })
    }

    /// The complete program, which samples 1 frame in `one_in` at random (1: all frames).
    pub(super) fn program(&self, one_in: u16) -> Vec<sock_filter> {
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
    let message = |error: pcap::Error| error.to_string();
    // The kernel removes VLAN tags from frames and stores them as metadata. Only a handle on a live interface compiles
    // `vlan` to a test of that metadata. All other expressions compile to the same program either way and need no
    // second socket.
    if expression.contains("vlan") && link == LinkType::Ethernet {
        let live: Capture<Active> =
            Capture::from_device(interface).and_then(|inactive| inactive.snaplen(64).open()).map_err(message)?;
        return live.compile(expression, true).map_err(message);
    }
    let kind = if link == LinkType::Ethernet { Linktype::ETHERNET } else { Linktype(DLT_RAW) };
    Capture::dead(kind).and_then(|dead| dead.compile(expression, true)).map_err(message)
}

/// Converts the program that libpcap compiled. The pcap crate does not expose the fields of an instruction, but
/// `Display` prints them: "code jt jf k".
fn translate(compiled: &BpfProgram) -> Result<Vec<sock_filter>, String> {
    let instructions = compiled.get_instructions().iter().map(|printed| {
        let printed = printed.to_string();
        let mut numbers = printed.split_whitespace().map(str::parse::<u32>);
        let mut next = || numbers.next().and_then(Result::ok);
        let parsed = (|| {
            let (code, jt, jf, k) = (next()?, next()?, next()?, next()?);
            Some(instruction(u16::try_from(code).ok()?, u8::try_from(jt).ok()?, u8::try_from(jf).ok()?, k))
        })();
        parsed.ok_or_else(|| format!("unexpected instruction {printed:?}"))
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
    fn an_expression_keeps_the_snapshot_length() {
        let filter = Filter::compile("none", LinkType::Ethernet, "udp port 53", 96).unwrap();
        let accepts: Vec<u32> = filter.program(1).iter().filter(|i| i.code == RETURN).map(|i| i.k).collect();
        assert!(accepts.contains(&96) && accepts.contains(&0) && accepts.len() == 2, "{accepts:?}");
        let everything = Filter::compile("none", LinkType::RawIp, "", 200).unwrap();
        assert_eq!(numbers(&everything.program(1)), [(0x06, 0, 0, 200)]);
        Filter::compile("none", LinkType::RawIp, "tcp port 80", 200).unwrap();
    }

    #[test]
    fn sampling_precedes_the_expression() {
        let filter = Filter::compile("none", LinkType::Ethernet, "", 64).unwrap();
        let expected = [(0x20, 0, 0, 0xffff_f038), (0x94, 0, 0, 8), (0x15, 1, 0, 0), (0x06, 0, 0, 0), (0x06, 0, 0, 64)];
        assert_eq!(numbers(&filter.program(8)), expected);
    }

    #[test]
    fn an_invalid_expression_is_quoted_with_the_reason() {
        let error = Filter::compile("none", LinkType::Ethernet, "port twelve", 64).unwrap_err().to_string();
        assert!(error.starts_with("invalid filter \"port twelve\": "), "{error}");
        assert!(error.ends_with("; see pcap-filter(7)"), "{error}");
    }
}
