//! The kernel's filter in front of the ring decides which frames pass and how many octets of each are kept. It is a
//! classic BPF program (Documentation/networking/filter.rst). With sampling, it first drops all but 1 in N frames at
//! random, then evaluates the user's expression. Of DHCP it keeps more octets than of other frames: the options that tell a server
//! apart from another begin after 282.

use crate::capture::{CaptureError, LinkType};
use libc::sock_filter;
use pcap::{Active, BpfProgram, Capture, Linktype};
use std::sync::{Mutex, PoisonError};

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const MODULO: u16 = (libc::BPF_ALU | BPF_MOD | libc::BPF_K) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const LOAD_HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const LOAD_HALF_AT_INDEX: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_IND) as u16;
const LOAD_IP_LENGTH: u16 = (libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16;
const LOAD_LENGTH: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_LEN) as u16;
const JUMP_IF_LONGER: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const JUMP_IF_SET: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// From linux/bpf_common.h: the remainder of a division.
const BPF_MOD: u32 = 0x90;

/// libpcap's number for raw IP on Linux. Capture files use a different one (LINKTYPE_RAW, 101).
const DLT_RAW: i32 = 12;

/// Octets up to the ports of DHCP after the longest header of IPv4.
const SHORTEST: u32 = 78;
/// Octets kept of DHCP: a message of the usual size (RFC 2131 §2) with its headers.
const DHCP_OCTETS: u32 = 640;

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
        let accept = accept(link, snaplen);
        if expression.is_empty() {
            return Ok(Filter { program: accept });
        }
        let compiled = translated(interface, link, expression);
        let mut program = compiled.map_err(|error| {
            CaptureError::Filter(format!("invalid filter {expression:?}: {error}; see pcap-filter(7)"))
        })?;
        let length = program.len() as u32;
        for (at, instruction) in (0u32..).zip(&mut program) {
            // To accept a frame, the compiled program returns the snapshot length of libpcap's handle: jump to ours instead.
            if instruction.code == RETURN && instruction.k != 0 {
                *instruction = self::instruction(JUMP, 0, 0, length - at - 1);
            }
        }
        program.extend(accept);
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

/// Accepts a frame and returns the octets to keep of it: `snaplen`, of DHCP more.
fn accept(link: LinkType, snaplen: u32) -> Vec<sock_filter> {
    let keep = instruction(RETURN, 0, 0, snaplen);
    if link != LinkType::Ethernet || snaplen >= DHCP_OCTETS {
        return vec![keep];
    }
    // The kernel has removed VLAN tags: offsets are those of an untagged frame. A load beyond its end would drop it, and shorter
    // frames are kept whole.
    vec![
        instruction(LOAD_LENGTH, 0, 0, 0),
        instruction(JUMP_IF_LONGER, 0, 17, snaplen.max(SHORTEST)),
        instruction(LOAD_HALF, 0, 0, 12),
        instruction(JUMP_IF_EQUAL, 0, 8, 0x0800),
        instruction(LOAD_BYTE, 0, 0, 23),
        instruction(JUMP_IF_EQUAL, 0, 13, 17),
        instruction(LOAD_HALF, 0, 0, 20),
        // Later fragments have no ports.
        instruction(JUMP_IF_SET, 11, 0, 0x1fff),
        instruction(LOAD_IP_LENGTH, 0, 0, 14),
        instruction(LOAD_HALF_AT_INDEX, 0, 0, 16),
        instruction(JUMP_IF_EQUAL, 7, 0, 67),
        instruction(JUMP_IF_EQUAL, 6, 7, 68),
        instruction(JUMP_IF_EQUAL, 0, 6, 0x86dd),
        instruction(LOAD_BYTE, 0, 0, 20),
        instruction(JUMP_IF_EQUAL, 0, 4, 17),
        instruction(LOAD_HALF, 0, 0, 56),
        instruction(JUMP_IF_EQUAL, 1, 0, 546),
        instruction(JUMP_IF_EQUAL, 0, 1, 547),
        instruction(RETURN, 0, 0, DHCP_OCTETS),
        keep,
    ]
}

/// The compiled expressions of this run, by interface, link and text: when an interface comes back, the process can no longer open
/// the files in which libpcap looks up names, nor the socket that it compiles `vlan` with.
static COMPILED: Mutex<Vec<(Expression, Vec<sock_filter>)>> = Mutex::new(Vec::new());

type Expression = (String, LinkType, String);

/// Compiles an expression, or returns what it was compiled to before.
fn translated(interface: &str, link: LinkType, expression: &str) -> Result<Vec<sock_filter>, String> {
    let key = (interface.to_owned(), link, expression.to_owned());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, program)) = compiled.iter().find(|(known, _)| *known == key) {
        return Ok(program.clone());
    }
    let program = translate(&compile(interface, link, expression)?)?;
    compiled.push((key, program.clone()));
    Ok(program)
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
        assert_eq!(accepts, [0, 640, 96]);
        let everything = Filter::compile("none", LinkType::RawIp, "", 200).unwrap();
        assert_eq!(numbers(&everything.program(1)), [(0x06, 0, 0, 200)]);
        Filter::compile("none", LinkType::RawIp, "tcp port 80", 200).unwrap();
    }

    /// What the kernel would do: the octets that a program keeps of a frame.
    fn kept(program: &[sock_filter], frame: &[u8]) -> u32 {
        let (mut at, mut a, mut x) = (0usize, 0u32, 0u32);
        let half = |at: u32| u32::from(frame[at as usize]) << 8 | u32::from(frame[at as usize + 1]);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let mut jump = |is_true: bool| at += usize::from(if is_true { jt } else { jf });
            match code {
                LOAD_LENGTH => a = frame.len() as u32,
                LOAD_HALF => a = half(k),
                LOAD_BYTE => a = frame[k as usize].into(),
                LOAD_HALF_AT_INDEX => a = half(x + k),
                LOAD_IP_LENGTH => x = 4 * u32::from(frame[k as usize] & 15),
                JUMP => at += k as usize,
                JUMP_IF_EQUAL => jump(a == k),
                JUMP_IF_LONGER => jump(a > k),
                JUMP_IF_SET => jump(a & k != 0),
                RETURN => return k,
                other => panic!("unexpected instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn of_dhcp_more_octets_are_kept() {
        let v4 = |port: u8, fragment: u8| {
            let mut frame = vec![0u8; 600];
            frame[12..15].copy_from_slice(&[8, 0, 0x46]);
            (frame[21], frame[23], frame[14 + 24 + 3]) = (fragment, 17, port);
            frame
        };
        let v6 = |port: u16| {
            let mut frame = vec![0u8; 600];
            frame[12..15].copy_from_slice(&[0x86, 0xdd, 0x60]);
            frame[20] = 17;
            frame[56..58].copy_from_slice(&port.to_be_bytes());
            frame
        };
        for expression in ["", "ip or ip6"] {
            let program = Filter::compile("none", LinkType::Ethernet, expression, 256).unwrap().program(1);
            let of = |frame: &[u8]| kept(&program, frame);
            assert_eq!([of(&v4(67, 0)), of(&v4(68, 0)), of(&v4(69, 0)), of(&v4(67, 9))], [640, 640, 256, 256]);
            assert_eq!([of(&v6(546)), of(&v6(547)), of(&v6(548))], [640, 640, 256]);
            assert_eq!([of(&v4(67, 0)[..200]), of(&v6(547)[..60])], [256, 256], "they are kept whole");
        }
        let program = Filter::compile("none", LinkType::Ethernet, "ip", 256).unwrap().program(1);
        assert_eq!((kept(&program, &v4(67, 0)), kept(&program, &v6(546))), (640, 0));
    }

    #[test]
    fn sampling_precedes_the_expression() {
        let filter = Filter::compile("none", LinkType::RawIp, "", 64).unwrap();
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
