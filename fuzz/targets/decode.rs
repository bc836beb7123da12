//! A frame of any link type. The fast path and the lax one give the same packet, and what is read of it stays within it.
//!
//! Input: the kind of the frame and its scale as for `pegel_fuzz::frame`, octets that the capture cut off (in 16), the frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pegel::base::Timestamp;
use pegel::packet::{Decoder, OuterHeaders, Packet, Tunnels, control, name, quoted};
use pegel_fuzz::{Rest, frame};

fuzz_target!(|input: &[u8]| {
    let mut rest = Rest(input);
    let (kind, scale, cut) = (rest.octet(), rest.octet(), rest.octet());
    // In an allocation of its own, so that reading beyond it is noticed.
    let data: Box<[u8]> = rest.0.into();
    let mut frame = frame(kind, scale, Timestamp::from_parts(1_767_225_600, 0), &data);
    frame.wire_len = frame.wire_len.saturating_add(u32::from(cut) * 16);
    for tunnels in [Tunnels::Outer, Tunnels::Inner] {
        let decoder = Decoder { tunnels };
        let packet = decoder.decode(&frame);
        assert_eq!(packet, decoder.decode_lax(&frame), "{tunnels:?}: the fast path and the lax one");
        let (mut same, mut outer) = (Packet::default(), OuterHeaders::default());
        decoder.decode_into(&frame, &mut same, &mut outer);
        assert_eq!(packet, same, "{tunnels:?}: into an existing record");
        assert!(packet.is_inner || outer.packets().is_empty());
        assert_eq!((packet.wire_len, packet.time), (frame.wire_len, frame.time));
        assert!(usize::from(packet.payload_at) <= data.len());
        let payload = &data[packet.payload_at.into()..];
        if packet.is_control {
            let _ = control::read(&packet, &data);
        }
        if packet.app.is_request() {
            let _ = name::read(packet.app, payload).name.to_string();
        }
        let _ = quoted(payload);
    }
});
