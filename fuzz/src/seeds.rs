//! Writes the first inputs of every target, by kind, from the traffic generator, the writers of the program itself and the files
//! of its tests: `seeds DIRECTORY` fills `DIRECTORY/TARGET/`. Also writes the words of configurations, `DIRECTORY/config.dict`.

use flate2::Compression;
use flate2::write::GzEncoder;
use pegel::base::{Direction, Mac, Pairing, Timestamp};
use pegel::capture::{Frame, LinkType};
use pegel::config::{Config, reference, render};
use pegel::packet::{App, Class, Decoder};
use pegel::runtime::replay::Replay;
use pegel::store::evidence::{Chain, EvidenceInput};
use pegel::store::{DirectionMinute, KnownPairings, StateDir, SubjectKind, SubjectMinute, pairings_to_bytes};
use pegel::traffic::{MODELS, Part, Scenario, TrafficModel, write_pcap};
use pegel_fuzz::{LINKS, NETWORKS, Step, incident, recorded, scratch};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Frames of a model: enough for a handshake with a request and its answer.
const FRAMES: usize = 24;

/// Writes inputs, numbered by target.
struct Seeds {
    root: PathBuf,
    count: usize,
}

impl Seeds {
    fn add(&mut self, target: &str, parts: &[&[u8]]) {
        let directory = self.root.join(target);
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join(format!("seed-{:05}", self.count)), parts.concat()).expect("written");
        self.count += 1;
    }
}

/// A frame of the generator.
struct Made {
    time: Timestamp,
    kind: u8,
    data: Vec<u8>,
}

fn made(frame: &Frame<'_>) -> Made {
    // The bits of `pegel_fuzz::frame`, without a tag.
    let kind = (frame.direction as u8) << 4 | (frame.interface as u8 & 3) << 6;
    Made { time: frame.time, kind, data: frame.data.to_vec() }
}

/// The first frames of each model: IPv4, IPv6 and outbound.
fn conversations() -> Vec<Vec<Made>> {
    let mut all = Vec::new();
    for spec in MODELS {
        for (v6, direction) in [(false, None), (true, None), (false, Some(Direction::Outbound))] {
            let mut part = Part::new(spec.model, 0.0, 0.5);
            part.params.mbit = Some(2.0);
            part.params.rate = Some(60.0);
            part.params.direction = direction;
            part.params.source_network = v6.then(|| "2001:db8:8000::/33".parse().expect("a network"));
            let mut source = Scenario::new(11, vec![part]).source();
            let mut frames = Vec::new();
            while frames.len() < FRAMES
                && let Some(frame) = source.next_frame()
            {
                frames.push(made(&frame));
            }
            all.push(frames);
        }
    }
    all
}

/// The network packet of an Ethernet frame behind the header of another link.
fn rewrapped(link: LinkType, ethernet: &[u8]) -> Option<Vec<u8>> {
    let (head, network) = (ethernet.get(..14)?, ethernet.get(14..)?);
    let v6 = head[12..] == [0x86, 0xdd];
    let front = match link {
        LinkType::LinuxSll => [&[0, 0, 0, 1, 0, 6][..], &head[6..12], &[0, 0], &head[12..14]].concat(),
        LinkType::LinuxSll2 => [&head[12..14], &[0, 0, 0, 0, 0, 1, 0, 1, 4, 6][..], &head[6..12], &[0, 0]].concat(),
        LinkType::Null => vec![if v6 { 30 } else { 2 }, 0, 0, 0],
        LinkType::Loop => vec![0, 0, 0, if v6 { 30 } else { 2 }],
        LinkType::Ppp => vec![0xff, 3, 0, if v6 { 0x57 } else { 0x21 }],
        LinkType::RawIp => Vec::new(),
        LinkType::Ethernet | LinkType::Other(_) => head.to_vec(),
    };
    Some([&front[..], network].concat())
}

fn decode(seeds: &mut Seeds, conversations: &[Vec<Made>]) {
    for frames in conversations {
        for made in frames.iter().take(3) {
            seeds.add("decode", &[&[made.kind, 0, 0], &made.data]);
        }
    }
    for (index, link) in (0u8..).zip(LINKS) {
        for frames in conversations.iter().step_by(16) {
            if let Some(data) = frames.first().and_then(|made| rewrapped(link, &made.data)) {
                seeds.add("decode", &[&[index, 0, 0], &data]);
            }
        }
    }
    // Around each other, so that tunnels are not left to chance.
    let inside = &conversations[0][0].data;
    let ipv4 = |protocol: u8, payload: &[u8]| {
        let length = (20 + payload.len()) as u16;
        let head = [
            0x45,
            0,
            (length >> 8) as u8,
            length as u8,
            0,
            1,
            0,
            0,
            64,
            protocol,
            0,
            0,
            198,
            51,
            100,
            9,
            203,
            0,
            113,
            7,
        ];
        [&inside[..12], &[8, 0], &head, payload].concat()
    };
    let udp = |port: u16, head: &[u8], payload: &[u8]| {
        let length = (8 + head.len() + payload.len()) as u16;
        let ports = [&50_000u16.to_be_bytes()[..], &port.to_be_bytes(), &length.to_be_bytes(), &[0, 0]].concat();
        ipv4(17, &[&ports[..], head, payload].concat())
    };
    let packet = &inside[14..];
    for frame in [
        ipv4(4, packet),
        ipv4(47, &[&[0, 0, 0x65, 0x58][..], inside].concat()),
        ipv4(47, &[&[0, 0, 0x88, 0xbe][..], inside].concat()),
        ipv4(47, &[&[0x20, 0, 0x08, 0, 1, 2, 3, 4][..], packet].concat()),
        ipv4(97, &[&[0x30, 0][..], inside].concat()),
        ipv4(1, &[&[3, 3, 0, 0, 0, 0, 0, 0][..], packet].concat()),
        ipv4(51, &[&[4, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1][..], packet].concat()),
        udp(4789, &[8, 0, 0, 0, 0, 0, 9, 0], inside),
        udp(4790, &[0x0c, 0, 0, 3, 0, 0, 9, 0], inside),
        udp(6081, &[1, 0x40, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 0], inside),
        udp(2152, &[0x34, 0xff, 0, 48, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0], packet),
        udp(1701, &[0, 2, 0, 7, 0, 1, 0xff, 3, 0, 0x21], packet),
        [&inside[..12], &[0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0], inside].concat(),
        [&inside[..12], &[0x88, 0xe7, 0, 0, 0, 9], inside].concat(),
        [&inside[..12], &[0x88, 0xa8, 0, 100, 0x81, 0, 0, 42], &inside[12..]].concat(),
        [&inside[..12], &[0x88, 0x64, 0x11, 0, 0, 1, 0, 42, 0, 0x21], packet].concat(),
    ] {
        seeds.add("decode", &[&[0, 0, 0], &frame]);
    }
}

/// A block of the ring with these frames, after the options of the target.
fn ring(seeds: &mut Seeds, conversations: &[Vec<Made>]) {
    for (number, frames) in (0u8..).zip(conversations.iter().step_by(7)) {
        let mut block = vec![0; 48];
        let count = frames.len().min(8);
        block[12..16].copy_from_slice(&(count as u32).to_ne_bytes());
        block[16..20].copy_from_slice(&48u32.to_ne_bytes());
        for (index, made) in frames.iter().take(count).enumerate() {
            // `struct tpacket3_hdr`, `sockaddr_ll`, the offload header right before the frame.
            let length = made.data.len() as u32;
            let size = (96 + length).next_multiple_of(16);
            let status =
                if number % 3 == 0 { libc::TP_STATUS_USER | libc::TP_STATUS_VLAN_VALID } else { libc::TP_STATUS_USER };
            let seconds = (made.time.nanos() / 1_000_000_000) as u32;
            let last = index + 1 == count;
            let words = [if last { 0 } else { size }, seconds, index as u32, length, length + 40, status];
            let mut head: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            head.extend(96u16.to_ne_bytes());
            head.resize(32, 0);
            head.extend(0x2064u32.to_ne_bytes());
            head.extend(0x88a8u16.to_ne_bytes());
            head.resize(58, 0);
            head.push(if number % 2 == 0 { libc::PACKET_OUTGOING } else { libc::PACKET_HOST });
            head.resize(86, 0);
            head.extend([1, if number % 2 == 0 { 1 } else { 4 }, 66, 0, 100, 5, 34, 0, 16, 0]);
            let at = block.len();
            block.extend([&head[..], &made.data].concat());
            block.resize(at + size as usize, 0);
        }
        block.truncate(4096);
        seeds.add("ring", &[&[number & 15], &block]);
    }
}

/// A block of pcapng, little-endian.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = (12 + padded) as u32;
    let mut block = [&kind.to_le_bytes()[..], &length.to_le_bytes(), body].concat();
    block.resize(8 + padded, 0);
    block.extend(length.to_le_bytes());
    block
}

fn pcapng(frames: &[Made]) -> Vec<u8> {
    let mut file = block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    // Ethernet, with a name, nanoseconds and an offset in seconds; then without options.
    let options =
        [2, 0, 4, 0, b'e', b't', b'h', b'0', 9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend(block(1, &[&[1, 0, 0, 0, 0, 0, 4, 0][..], &options].concat()));
    file.extend(block(1, &[101, 0, 0, 0, 64, 0, 0, 0]));
    for made in frames {
        let (nanos, length) = (made.time.nanos(), (made.data.len() as u32).to_le_bytes());
        let time = [((nanos >> 32) as u32).to_le_bytes(), (nanos as u32).to_le_bytes()].concat();
        let mut padded = made.data.clone();
        padded.resize(padded.len().next_multiple_of(4), 0);
        // Enhanced with flags, simple, and the obsolete kind with its count of drops.
        let flags = [2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        file.extend(block(6, &[&[0; 4][..], &time, &length, &length, &padded, &flags].concat()));
        file.extend(block(3, &[&length[..], &padded].concat()));
        file.extend(block(2, &[&[0, 0, 0, 0][..], &time, &length, &length, &padded].concat()));
    }
    file.extend(block(5, &[0; 12]));
    file.extend(block(10, &[7; 10]));
    file
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(octets).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all")
}

fn captures(seeds: &mut Seeds, conversations: &[Vec<Made>]) {
    let mut part = Part::new(TrafficModel::SynFlood, 0.0, 1.0);
    part.params.rate = Some(5.0);
    let mut pcap = Vec::new();
    write_pcap(&mut Scenario::new(1, vec![part]).source(), &mut pcap).expect("a Vec takes all");
    let mut micro = pcap.clone();
    micro[..4].copy_from_slice(&0xa1b2_c3d4u32.to_le_bytes());
    let mut big = pcap.clone();
    for word in big[..24].chunks_mut(4) {
        word.reverse();
    }
    (big[4], big[5], big[6], big[7]) = (0, 2, 0, 4);
    for word in big[24..40].chunks_mut(4) {
        word.reverse();
    }
    let mut modified = pcap.clone();
    modified[..4].copy_from_slice(&0xa1b2_cd34u32.to_le_bytes());
    let zeros = [&pcap[..], &[0; 200]].concat();
    let ng = pcapng(&conversations[0][..3]);
    let two = [&ng[..], &pcapng(&conversations[3][..2])].concat();
    for file in [&pcap, &micro, &big, &modified, &zeros, &ng, &two] {
        seeds.add("capture_file", &[file]);
        seeds.add("capture_file", &[&gzip(file)]);
    }
    seeds.add("capture_file", &[&gzip(&pcap[..100]), &gzip(&pcap[100..])]);
    // With the options that the program writes itself.
    let root = scratch("seeds");
    let (stored, packets, interfaces) = incident(&recorded());
    let input =
        EvidenceInput { incident: &stored, packets: &packets, interfaces: &interfaces, snaplen: 256, sampling: "all" };
    let folder = Chain::open(&root, None).and_then(|mut chain| chain.seal(&input)).expect("sealed").path;
    let file = |name: &str| fs::read(folder.join(name)).expect("a file");
    seeds.add("capture_file", &[&file("packets.pcapng")]);

    let mut parts = Vec::new();
    for name in [
        "incident.json",
        "manifest.json",
        "packets.pcapng",
        "previous.sha256",
        "rates.csv",
        "summary.txt",
        "SHA256SUMS",
    ] {
        let content = file(name);
        parts.extend((content.len() as u16).to_le_bytes());
        parts.extend(content);
    }
    let chain = fs::read(root.join("CHAIN")).expect("a chain");
    let chained = [&parts[..], &(chain.len() as u16).to_le_bytes(), &chain].concat();
    seeds.add("store", &[&[5, 1, 0], &parts]);
    seeds.add("store", &[&[5, 0, 1], &chained]);
    fs::remove_dir_all(&root).expect("removed");
}

/// Where the content of a frame begins for the target `names`, and its kind.
fn content(frame: &Frame<'_>) -> Option<(u8, usize)> {
    let packet = Decoder::default().decode(frame);
    let payload = usize::from(packet.payload_at);
    let ports = (packet.source_port, packet.destination_port);
    Some(match (packet.app, packet.class, ports) {
        (App::HttpRequest | App::HttpIncomplete | App::HttpAwaitingBody | App::HttpResponse, ..) => (0, payload),
        (App::TlsClientHello | App::TlsHandshake | App::TlsData, ..) => (1, payload),
        (App::DnsQuery, ..) => (2, payload),
        (_, Class::Udp, (53, _)) => (3, payload),
        (App::SipRequest | App::SipAccepted | App::SipRejected, ..) => (4, payload),
        (_, Class::Udp, (_, 67)) => (5, payload),
        (_, Class::Udp, (_, 68)) => (6, payload),
        (_, Class::Udp, (_, 547)) => (7, payload),
        (_, Class::Udp, (_, 546)) => (8, payload),
        (_, Class::Icmpv6Nd, _) => (9, payload.checked_sub(8)?),
        (_, Class::IpOther, _) if packet.protocol == 112 => (10, payload),
        (_, Class::Udp, (_, 1985)) => (11, payload),
        (_, Class::Arp, _) => (12, 14),
        (_, Class::L2Other, _) => (13, 14),
        _ => return None,
    })
}

fn names(seeds: &mut Seeds, conversations: &[Vec<Made>]) {
    let mut known = BTreeSet::new();
    for made in conversations.iter().flatten() {
        let frame = pegel_fuzz::frame(0, 0, made.time, &made.data);
        let Some((kind, at)) = content(&frame) else { continue };
        let Some(content) = made.data.get(at..) else { continue };
        // One for each kind and length.
        if known.insert((kind, content.len())) {
            seeds.add("names", &[&[kind, 0], content]);
        }
    }
}

/// The frames with the times between them, to within a few percent.
fn script(frames: &[Made]) -> Vec<u8> {
    let mut script = vec![1];
    let mut before = frames.first().map_or(0, |made| made.time.nanos());
    for made in frames {
        let delta = made.time.nanos().saturating_sub(before);
        before = made.time.nanos();
        let exponent = (64 - delta.leading_zeros()).saturating_sub(8) as u8;
        let (mantissa, data) = ((delta >> exponent) as u8, made.data.get(..400).unwrap_or(&made.data));
        let step = Step { kind: made.kind, exponent, mantissa, repeat: 0, counter: 0, scale: 0, data };
        script.extend(step.to_bytes());
    }
    script
}

fn scripts(seeds: &mut Seeds, conversations: &[Vec<Made>]) {
    for (number, frames) in conversations.iter().enumerate() {
        // Every combination of options occurs, with a record in a few.
        let options = number as u8 / 3 & 15 | if number % 7 == 0 { 16 } else { 0 };
        if number % 6 == 0 || number % 16 == 1 {
            seeds.add("replay", &[&[options], &script(frames)]);
        }
        if number % 8 == 0 {
            seeds.add("evidence", &[&[options], &script(frames)]);
        }
        let Some(first) = frames.first() else { continue };
        // A flood of a second and a half in steps of 2 ms, whose source changes, then a jump in time: forth, back, far.
        let flood =
            Step { kind: first.kind, exponent: 20, mantissa: 2, repeat: 255, counter: 29, scale: 0, data: &first.data };
        let [forth, back, far] = [(30, 9), (0x80 | 30, 90), (56, 255)]
            .map(|(exponent, mantissa)| Step { exponent, mantissa, repeat: 2, ..flood }.to_bytes());
        let flood = flood.to_bytes().repeat(3);
        let parts: [&[u8]; 3] = [&[options | 1], &[1], &flood];
        match number % 24 {
            0 => seeds.add("replay", &[parts.concat().as_slice(), &forth, &flood]),
            1 => seeds.add("replay", &[parts.concat().as_slice(), &back]),
            2 => seeds.add("replay", &[parts.concat().as_slice(), &far, &back]),
            _ => {}
        }
    }
}

fn texts(seeds: &mut Seeds) {
    let sample = render(&Config::default(), true);
    // The examples in it begin with "#" and no space.
    let example = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned();
    let examples: Vec<String> = sample.lines().map(example).collect();
    seeds.add("config", &[render(&Config::default(), false).as_bytes()]);
    seeds.add("config", &[examples.join("\n").as_bytes()]);
    // Each section on its own.
    for section in examples.join("\n").split("\n\n") {
        let lines: Vec<&str> = section.lines().filter(|line| !line.starts_with('#')).collect();
        seeds.add("config", &[lines.join("\n").as_bytes()]);
    }
    let invalid = fs::read_dir(Path::new(REPOSITORY).join("tests/config/invalid")).expect("files of tests");
    for path in invalid.map(|entry| entry.expect("an entry").path()) {
        if path.extension().is_some_and(|extension| extension == "toml") {
            seeds.add("config", &[&fs::read(path).expect("a file")]);
        }
    }

    let inventories: [(u8, &str); 8] = [
        (
            0,
            "name: shop\nnet0: virtio=BC:24:11:2C:69:EC,bridge=vmbr0,firewall=1,tag=5,trunks=1;2\n\
             net1: model=e1000,macaddr=bc:24:11:00:00:01,bridge=vmbr1\nipconfig0: ip=203.0.113.4/24,gw=203.0.113.1,ip6=auto\n\
             [before]\nname: old\n",
        ),
        (
            1,
            "hostname: mail\nnet0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:00:01,ip=10.0.0.2/24,ip6=2001:db8::2/64,tag=7\n",
        ),
        (
            2,
            "<domstatus><domain type='kvm'><name>a &amp; b &#65;</name><devices><interface type='bridge'>\
             <mac address='52:54:00:aa:00:01'/><source bridge='br0'/><actual><vlan trunk='yes'><tag id='7'/></vlan></actual>\
             <filterref filter='f'><parameter name='IP' value='203.0.113.6'/></filterref><ip address='2001:db8::1'/>\
             <target dev='vnet0'/></interface></devices></domain></domstatus>",
        ),
        (
            3,
            "mac;addresses;name;vlan;port;bridge\n52:54:00:00:00:01;203.0.113.4 2001:db8::/64;\"web; x\";5;vnet0;br0\n\
             # granted\n5254.0000.0002\n525400000003\ttext\n",
        ),
        (
            4,
            "granted = [\"52:54:00:00:00:09\"]\n[[guest]]\nname = \"web\"\nmac = \"52:54:00:00:00:01\"\nvlan = 5\n\
             addresses = [\"203.0.113.4\"]\n",
        ),
        (5, "0:c:29:1:2:3\t203.0.113.7\t1700000000\tshop\teth0\n0:c:29:1:2:4 203.0.113.8 1700000000\n"),
        (
            6,
            "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\n  min_version: TLS13\n\
             client_auth_type: RequireAndVerifyClientCert\n",
        ),
        (6, "basic_auth_users:\n  prometheus: $2b$04$0123456789012345678901uAbCdEfGhIjKlMnOpQrStUvWxYz01234\n"),
    ];
    for (format, text) in inventories {
        seeds.add("inventory", &[&[format], text.as_bytes()]);
    }

    let paths = [
        "",
        "incidents?severity=warning&open=true",
        "guests",
        "stations",
        "history?days=7",
        "sensor",
        "runbooks",
        "api",
        "runbooks/syn_flood",
        "static/page.css",
        "metrics",
        "healthz",
        "readyz",
        "api/v1/overview?seconds=10",
        "api/v1/incidents?state=all",
        "api/v1/allowed",
        "api/v1/hosts?limit=10",
        "api/v1/hosts/203.0.113.7/why",
        "api/v1/incidents?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00%2b02:00&target=203.0.113.7&vector=syn_flood&limit=2",
        "api/v1/incidents?before=1767225601000.20260101T000001Z-00000000&guest=%25&interface=eth0",
        "api/v1/stations?sort=broadcast&interface=eth0",
        "api/v1/guests",
        "api/v1/inventory",
        "api/v1/version",
        "api/v1/openapi.json",
        "api/v1/stream?fragments=now",
    ];
    for path in paths {
        seeds.add("http", &[&[1], path.as_bytes()]);
    }
    let id = incident(&recorded()).0.incident.id;
    for (before, after) in [
        ("incidents/", ""),
        ("incidents/", "/report?format=html&language=de"),
        ("incidents/", "/report?format=json"),
        ("incidents/", "/evidence/packets.pcapng"),
        ("api/v1/incidents/", ""),
    ] {
        seeds.add("http", &[&[1], before.as_bytes(), id.as_bytes(), after.as_bytes()]);
    }
    for request in [
        "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
        "POST /api/v1/incidents HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n",
        "HEAD /api/v1/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi\r\nLast-Event-ID: 7\r\nIf-None-Match: \"x\"\r\n\r\n",
    ] {
        seeds.add("http", &[&[0], request.as_bytes()]);
    }
}

/// A baseline that learned a few minutes of traffic.
fn baseline() -> Vec<u8> {
    let config = Config::parse(&format!("{NETWORKS}state_dir = \"/nonexistent\"\n"), "seeds").expect("valid");
    let mut part = Part::new(TrafficModel::WebServer, 0.0, 400.0);
    part.params.rate = Some(5.0);
    let mut replay = Replay::new(&config);
    replay.remember(&config).expect("a new one");
    replay.run(&mut Scenario::new(1, vec![part]).source(), |_, _, _| {}).expect("read");
    replay.finish();
    let learned = replay.engine().baseline().expect("a baseline");
    learned.to_bytes(Timestamp::from_parts(1_767_226_000, 0))
}

fn state(seeds: &mut Seeds) {
    let learned = baseline();
    // Without its checksum, which the target adds.
    seeds.add("store", &[&[0], &learned[..learned.len() - 4]]);
    let at = Timestamp::from_parts(1_767_225_600, 0);
    let pairing =
        Pairing { mac: Mac([0x52, 0x54, 0, 0, 0, 1]), address: "203.0.113.7".parse().ok(), since: at, last: at };
    let known =
        KnownPairings { interface: "eth0".to_owned(), vlan: 7, observed_seconds: Some(60), pairings: vec![pairing] };
    seeds.add("store", &[&[1], &pairings_to_bytes(&[known])]);
    let windows = r#"[{"id":"w1","why":"update","scope":"203.0.113.0/24","from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z"}]"#;
    seeds.add("store", &[&[2], windows.as_bytes()]);
    let state = StateDir::open(&scratch("seeds")).expect("a directory");
    let traffic =
        DirectionMinute { peaks: vec![("packets_per_second".to_owned(), 7.5)], peers: 3, ..DirectionMinute::default() };
    let minutes = [SubjectKind::Host, SubjectKind::Guest].map(|kind| SubjectMinute {
        minute: at,
        kind,
        subject: "203.0.113.7".to_owned(),
        received: traffic.clone(),
        sent: DirectionMinute::default(),
    });
    state.write_running_minute(7, &minutes).expect("written");
    seeds.add("store", &[&[3], &fs::read(state.path().join("minute.json")).expect("a file")]);
    fs::remove_dir_all(state.path()).expect("removed");
    // The header, the first page, and a page further on.
    for change in [[0, 0, 0, 4, b'S', b'Q', b'L', b'i'], [100, 0, 0, 4, 13, 0, 0, 0], [0, 0x40, 0, 4, 10, 0, 0, 2]] {
        seeds.add("store", &[&[4], &change]);
    }
}

/// The names of sections and keys, from their description.
fn words(path: &Path) {
    let all = reference() + &render(&Config::default(), true);
    let is_word = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let words: BTreeSet<&str> = all.split(|character| !is_word(character)).filter(|word| word.len() > 2).collect();
    let lines: String = words.iter().map(|word| format!("\"{word}\"\n")).collect();
    fs::write(path, lines + "\"[[\"\n\"]]\\x0a\"\n\" = \"\n\"\\\"\"\n").expect("written");
}

fn main() {
    let root = PathBuf::from(std::env::args().nth(1).expect("usage: seeds DIRECTORY"));
    fs::create_dir_all(&root).expect("a directory");
    words(&root.join("config.dict"));
    let mut seeds = Seeds { root, count: 0 };
    let conversations = conversations();
    decode(&mut seeds, &conversations);
    ring(&mut seeds, &conversations);
    captures(&mut seeds, &conversations);
    names(&mut seeds, &conversations);
    scripts(&mut seeds, &conversations);
    texts(&mut seeds);
    state(&mut seeds);
    println!("{} seeds", seeds.count);
}
