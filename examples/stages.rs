//! Runs the stages of the pipeline up to the given one over a capture: for profilers, and for
//! `benches/instructions.sh`.
//!
//! ```text
//! cargo run --release --example stages -- tally capture.pcap
//! ```
//!
//! `read` reads the frames, `parse` also decodes them, `tally` also counts packets, `tick` also merges and inspects
//! each tick.

use pegel::base::Networks;
use pegel::capture::pcap_file::PcapFile;
use pegel::capture::{Frame, FrameSink, PacketSource, Poll};
use pegel::config::Config;
use pegel::meter::{Hasher, Scale, Tally, TickReport};
use pegel::packet::{Decoder, OuterHeaders, Packet};
use pegel::runtime::replay::Replay;
use pegel::runtime::tally_worker::{TallyWorker, TickSink};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// Touches each frame as little as possible.
struct Read(u64);

impl FrameSink for Read {
    fn frame(&mut self, frame: Frame<'_>) {
        self.0 = self.0.wrapping_add(frame.data.len() as u64 ^ frame.time.nanos());
    }
}

struct Parse {
    decoder: Decoder,
    packet: Packet,
    outer: OuterHeaders,
    sum: u64,
}

impl FrameSink for Parse {
    fn frame(&mut self, frame: Frame<'_>) {
        self.decoder.decode_into(&frame, &mut self.packet, &mut self.outer);
        self.sum += u64::from(self.packet.payload_at);
    }
}

/// Copies each tick and discards it.
struct Discard(TickReport);

impl TickSink for Discard {
    fn tick(&mut self, tally: &mut Tally, tick: u64, _: Scale) {
        tally.finish_tick(tick, &mut self.0);
    }

    fn clock_changed(&mut self) {}
}

fn all<S: FrameSink>(source: &mut PcapFile, mut sink: S) -> Result<S, Box<dyn Error>> {
    while !matches!(source.poll(&mut sink)?, Poll::End) {}
    Ok(sink)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stage, path] = arguments.as_slice() else { return Err("usage: stages read|parse|tally|tick FILE".into()) };
    let mut source = PcapFile::open(Path::new(path))?;
    let config = Config::default();
    match stage.as_str() {
        "read" => println!("{}", all(&mut source, Read(0))?.0),
        "parse" => {
            let parse = Parse {
                decoder: Decoder::default(),
                packet: Packet::default(),
                outer: OuterHeaders::default(),
                sum: 0,
            };
            println!("{}", all(&mut source, parse)?.sum);
        }
        "tally" => {
            let tally = Tally::new(config.tally, Arc::new(Networks::new([])), Hasher::fixed());
            let report = TickReport::with_room(config.tally);
            all(&mut source, TallyWorker::new(Decoder::default(), tally, Discard(report)))?.finish();
        }
        "tick" => {
            let mut replay = Replay::new(&config);
            replay.run(&mut source, |_, _, _| {})?;
            println!("{}", replay.finish().len());
        }
        other => return Err(format!("no stage {other:?}: read, parse, tally or tick").into()),
    }
    Ok(())
}
