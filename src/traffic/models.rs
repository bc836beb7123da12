//! The registry of models: name, summary, defaults and what builds it.

use super::agenda::{Model, Pace, Pacing, Stage, Traffic};
use super::frames::FrameBuffer;
use super::lan::{self, Act, Lan, boot, conflict, gateway, life, servers, spoof, storm, switch};
use super::rng::Rng;
use super::services::Talk;
use super::setting::{Defaults, Params, Peers, Setting, Span, Target};
use super::templates::Template;
use super::{
    amplification, application, bench, benign_tcp, benign_udp, flood, foreign, mail, recon, reflection, restart,
    services, templates,
};
use ipnet::IpNet;

/// How the traffic of a model is made.
enum Build {
    Model(fn(&Setting) -> (Box<dyn Model>, Pacing)),
    /// As `Model`; may change the setting.
    Adjusted(fn(&mut Setting) -> (Box<dyn Model>, Pacing)),
    /// Unsolicited messages of a service.
    Template(&'static Template),
    /// Questions and answers.
    Talks(&'static [Talk]),
    /// What happens on a segment, all of it planned at the start, or begun anew `rate` times a second.
    Script(Act),
    Stream(Act),
    /// Frames without a model.
    Bench(fn(&Setting, Pace, Rng) -> Box<dyn Traffic>),
}

/// A row of the registry.
pub struct ModelSpec {
    pub model: TrafficModel,
    pub name: &'static str,
    /// One line, with what `rate`, `sources` and `payload` mean where they are not the usual.
    pub summary: &'static str,
    /// Whether a detector should see an attack in it.
    pub attack: bool,
    defaults: Defaults,
    build: Build,
}

impl ModelSpec {
    /// Whether `rate` says nothing of how many frames there are: the model tells a story.
    #[cfg(test)]
    pub(super) const fn is_story(&self) -> bool {
        matches!(self.build, Build::Script(_) | Build::Stream(_))
    }
}

macro_rules! models {
    ($($variant:ident = $name:literal, $attack:literal, $summary:literal, $defaults:expr, $build:expr;)*) => {
        /// A kind of traffic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum TrafficModel { $($variant,)* }

        /// Every model, in the order of [`TrafficModel`].
        pub const MODELS: &[ModelSpec] = &[$(ModelSpec {
            model: TrafficModel::$variant,
            name: $name,
            summary: $summary,
            attack: $attack,
            defaults: $defaults,
            build: $build,
        },)*];

        impl TrafficModel {
            pub const fn name(self) -> &'static str {
                match self { $(TrafficModel::$variant => $name,)* }
            }
        }
    };
}

impl TrafficModel {
    pub fn from_name(name: &str) -> Option<TrafficModel> {
        MODELS.iter().find(|spec| spec.name == name).map(|spec| spec.model)
    }
}

/// The traffic of `model` over `span`, drawn by `rng`.
pub(super) fn traffic(model: TrafficModel, params: &Params, span: Span, mut rng: Rng) -> Box<dyn Traffic> {
    let Some(spec) = MODELS.iter().find(|spec| spec.model == model) else { return Box::new(Silence) };
    let mut params = params.clone();
    if matches!(spec.build, Build::Bench(_)) {
        // These speak IPv4 only.
        let v4 = |network: &IpNet| matches!(network, IpNet::V4(_));
        params.target = params.target.filter(v4);
        params.source_network = params.source_network.filter(v4);
    }
    let mut setting = Setting::resolve(&params, &spec.defaults, spec.attack, span, &mut rng);
    let pace = |setting: &Setting, pacing| {
        Pace::new(pacing, setting.burst, setting.start, setting.seconds).through(setting.hours)
    };
    let (model, pacing) = match spec.build {
        Build::Bench(build) => return build(&setting, pace(&setting, Pacing::Rate(setting.rate)), rng),
        Build::Model(build) => build(&setting),
        Build::Template(template) => amplification::template(&setting, template),
        Build::Talks(talks) => services::talk(&setting, talks),
        Build::Adjusted(build) => build(&mut setting),
        Build::Script(act) => lan::script(Lan::new(&setting, &params), act),
        Build::Stream(act) => lan::stream(Lan::new(&setting, &params), act),
    };
    Box::new(Stage::new(model, pace(&setting, pacing), rng, setting.macs))
}

/// No traffic at all.
struct Silence;

impl Traffic for Silence {
    fn next(&mut self, _frame: &mut FrameBuffer) -> bool {
        false
    }
}

const ATTACK: Defaults = Defaults::ATTACK;
/// Source addresses drawn anew for every packet.
const SPOOFED: Defaults = Defaults { sources: 0, network: Peers::Anywhere, ..ATTACK };
/// Reflectors; the victim's port is one that the attacker chose.
const REFLECTED: Defaults = Defaults { sources: 500, port: 0, rate: 2_000.0, ..ATTACK };
/// A host of ours that is abused in the name of one victim.
const ABUSED: Defaults = Defaults { sources: 1, target: Target::Host(66), rate: 50.0, ..ATTACK };
/// What a benchmark counts up to is given to it as a parameter.
const BENCH: Defaults = Defaults { rate: 1_000_000.0, ..ATTACK };
/// A tool on a few machines, without spoofing.
const TOOL: Defaults = Defaults { sources: 20, rate: 600.0, ..ATTACK };
/// One scanner.
const SCAN: Defaults = Defaults { sources: 1, rate: 500.0, ..ATTACK };
/// A host with peers; 443 is TLS and QUIC.
const BENIGN: Defaults = Defaults { port: 443, rate: 100.0, mbit: 1_000.0, ..ATTACK };

/// A segment on which `sources` hosts take part, and something happens once a second.
const SEGMENT: Defaults = Defaults { rate: 1.0, sources: 5, ..ATTACK };

const fn host(number: u8, defaults: Defaults) -> Defaults {
    Defaults { target: Target::Host(number), ..defaults }
}

models! {
    SynFlood = "syn_flood", true, "SYN as hping3 sends them: 40 octets, TTL 64, spoofed sources; one-way",
        SPOOFED, Build::Model(flood::syn);
    SynFloodOptions = "syn_flood_options", true, "SYN as Mirai sends them: 60 octets with Linux's options, random TTLs, spoofed sources; one-way",
        SPOOFED, Build::Model(flood::syn_options);
    SynFloodAnswered = "syn_flood_answered", true, "SYN flood whose victim answers and repeats each SYN-ACK; one spoofed host in ten resets",
        SPOOFED, Build::Model(flood::syn_answered);
    SynFloodEcn = "syn_flood_ecn", true, "SYN flood with ECE and CWR, as a host that speaks ECN opens (RFC 3168)",
        SPOOFED, Build::Model(flood::syn_ecn);
    SynAckFlood = "syn_ack_flood", true, "SYN-ACK that answer nothing, from any port, 40 octets", SPOOFED, Build::Model(flood::syn_ack);
    FinFlood = "fin_flood", true, "FIN without any connection, 40 octets", SPOOFED, Build::Model(flood::fin);
    TcpNullFlood = "tcp_null_flood", true, "TCP without any flag, 40 octets", SPOOFED, Build::Model(flood::null);
    XmasFlood = "xmas_flood", true, "TCP with FIN, PSH and URG, 40 octets", SPOOFED, Build::Model(flood::xmas);
    TcpFlood = "tcp_flood", true, "TCP with its six flags drawn by lot, 40 octets", SPOOFED, Build::Model(flood::mixed);
    LandAttack = "land_attack", true, "SYN from the victim's own address and port, 40 octets",
        Defaults { rate: 200.0, port: 139, ..ATTACK }, Build::Model(flood::land);
    AckFlood = "ack_flood", true, "ACK without any connection, 40 octets", SPOOFED, Build::Model(flood::ack);
    RstFlood = "rst_flood", true, "RST without any connection, 40 octets", SPOOFED, Build::Model(flood::rst);
    UdpFlood = "udp_flood", true, "UDP with random payload to one port or (target_port = 0) to random ones",
        Defaults { port: 0, payload: 512, ..ATTACK }, Build::Model(flood::udp);
    QuicFlood = "quic_flood", true, "QUIC Initials of 1200 octets from spoofed sources, one-way",
        Defaults { port: 443, payload: 1_200, ..SPOOFED }, Build::Model(flood::quic);
    QuicFloodAnswered = "quic_flood_answered", true, "the same, and the victim answers each",
        Defaults { port: 443, payload: 1_200, ..SPOOFED }, Build::Model(flood::quic_answered);
    GreFlood = "gre_flood", true, "GRE around UDP as Mirai sends it: GREIP and GREETH, 512 octets inside",
        Defaults { payload: 512, ..ATTACK }, Build::Model(flood::gre);
    IpProtoFlood = "ip_proto_flood", true, "IP protocols of T50 in turn: IGMP, EGP, DCCP, RSVP, EIGRP, OSPF",
        Defaults { payload: 64, ..SPOOFED }, Build::Model(flood::protocols);
    Smurf = "smurf", true, "echo replies of `sources` hosts of one network that the target never asked for",
        Defaults { payload: 1_024, sources: 200, network: Peers::Neighbours, ..ATTACK }, Build::Model(flood::replies);
    SmurfRequests = "smurf_requests", true, "echo requests of the target, it seems, to all nodes of a network, as smurf6 sends them",
        Defaults { payload: 64, target: Target::HostV6(7), ..ATTACK }, Build::Model(flood::to_all_nodes);
    Icmpv6FloodHidden = "icmpv6_flood_hidden", true, "ICMPv6 echo requests behind extension headers, as denial6 sends them",
        Defaults { payload: 56, target: Target::HostV6(7), ..ATTACK }, Build::Model(flood::hidden_echo);
    IcmpFlood = "icmp_flood", true, "echo requests of 84 octets, one-way",
        Defaults { payload: 56, ..ATTACK }, Build::Model(flood::echo);
    IcmpFloodAnswered = "icmp_flood_answered", true, "echo requests of 84 octets, each answered",
        Defaults { payload: 56, ..ATTACK }, Build::Model(flood::echo_answered);
    Icmpv6Flood = "icmpv6_flood", true, "ICMPv6 echo requests, one-way",
        Defaults { payload: 56, target: Target::HostV6(7), ..ATTACK }, Build::Model(flood::echo);
    FragmentFlood = "fragment_flood", true, "UDP fragments of up to 1500 octets, two in three without ports",
        Defaults { port: 0, ..SPOOFED }, Build::Model(flood::fragments);
    DnsAmplification = "dns_amplification", true, "unsolicited DNS answers (TXT, RRSIG) of `payload` octets; rate in datagrams a second",
        Defaults { payload: 1372, ..REFLECTED }, Build::Model(amplification::dns);
    NtpAmplification = "ntp_amplification", true, "unsolicited monlist replies, 440 octets of six items",
        Defaults { payload: 440, ..REFLECTED }, Build::Model(amplification::ntp);
    SnmpAmplification = "snmp_amplification", true, "unsolicited GetBulk responses of up to `payload` octets",
        Defaults { payload: 1400, ..REFLECTED }, Build::Model(amplification::snmp);
    MemcachedAmplification = "memcached_amplification", true, "unsolicited memcached values, 1400 octets a datagram",
        Defaults { payload: 1400, sources: 50, ..REFLECTED }, Build::Model(amplification::memcached);
    CldapAmplification = "cldap_amplification", true, "unsolicited searchResEntry of half to all of `payload` octets, with fragments",
        Defaults { payload: 3000, ..REFLECTED }, Build::Model(amplification::cldap);
    SsdpAmplification = "ssdp_amplification", true, "unsolicited answers to M-SEARCH, about 300 octets",
        Defaults { payload: 310, ..REFLECTED }, Build::Model(amplification::ssdp);
    ChargenAmplification = "chargen_amplification", true, "unsolicited characters, `payload` octets",
        Defaults { payload: 1022, ..REFLECTED }, Build::Template(&templates::CHARGEN);
    QotdAmplification = "qotd_amplification", true, "unsolicited quotes, `payload` octets",
        Defaults { payload: 400, ..REFLECTED }, Build::Template(&templates::QOTD);
    PortmapAmplification = "portmap_amplification", true, "unsolicited lists of RPC programs, `payload` octets",
        Defaults { payload: 486, ..REFLECTED }, Build::Template(&templates::PORTMAP);
    NetbiosAmplification = "netbios_amplification", true, "unsolicited node status responses, `payload` octets",
        Defaults { payload: 229, ..REFLECTED }, Build::Template(&templates::NETBIOS);
    TftpAmplification = "tftp_amplification", true, "unsolicited first blocks of files, `payload` octets",
        Defaults { payload: 516, ..REFLECTED }, Build::Template(&templates::TFTP);
    Ripv1Amplification = "ripv1_amplification", true, "unsolicited routing tables, `payload` octets",
        Defaults { payload: 504, ..REFLECTED }, Build::Template(&templates::RIPV1);
    MdnsAmplification = "mdns_amplification", true, "unsolicited unicast mDNS responses, `payload` octets",
        Defaults { payload: 350, ..REFLECTED }, Build::Template(&templates::MDNS);
    WsDiscoveryAmplification = "ws_discovery_amplification", true, "unsolicited SOAP answers to probes, `payload` octets",
        Defaults { payload: 1100, ..REFLECTED }, Build::Template(&templates::WS_DISCOVERY);
    ArmsAmplification = "arms_amplification", true, "unsolicited replies of Apple's remote management, `payload` octets",
        Defaults { payload: 1034, ..REFLECTED }, Build::Template(&templates::ARMS);
    CoapAmplification = "coap_amplification", true, "unsolicited lists of CoAP resources, `payload` octets",
        Defaults { payload: 900, ..REFLECTED }, Build::Template(&templates::COAP);
    SlpAmplification = "slp_amplification", true, "unsolicited SLP service replies, `payload` octets",
        Defaults { payload: 1300, ..REFLECTED }, Build::Template(&templates::SLP);
    SteamAmplification = "steam_amplification", true, "unsolicited answers to A2S_INFO, `payload` octets",
        Defaults { payload: 180, ..REFLECTED }, Build::Template(&templates::STEAM);
    QuakeAmplification = "quake_amplification", true, "unsolicited answers to getstatus, `payload` octets",
        Defaults { payload: 900, ..REFLECTED }, Build::Template(&templates::QUAKE);
    MssqlAmplification = "mssql_amplification", true, "unsolicited lists of SQL Server instances, `payload` octets",
        Defaults { payload: 600, ..REFLECTED }, Build::Template(&templates::MSSQL);
    OpenvpnAmplification = "openvpn_amplification", true, "unsolicited server resets, `payload` octets",
        Defaults { payload: 26, ..REFLECTED }, Build::Template(&templates::OPENVPN);
    StunAmplification = "stun_amplification", true, "unsolicited STUN Binding responses, `payload` octets",
        Defaults { payload: 92, ..REFLECTED }, Build::Template(&templates::STUN);
    SipAmplification = "sip_amplification", true, "unsolicited SIP responses, `payload` octets",
        Defaults { payload: 620, ..REFLECTED }, Build::Template(&templates::SIP);
    IsakmpAmplification = "isakmp_amplification", true, "unsolicited IKE answers, `payload` octets",
        Defaults { payload: 84, ..REFLECTED }, Build::Template(&templates::ISAKMP);
    BacnetAmplification = "bacnet_amplification", true, "unsolicited BACnet answers, `payload` octets",
        Defaults { payload: 380, ..REFLECTED }, Build::Template(&templates::BACNET);
    UbiquitiAmplification = "ubiquiti_amplification", true, "unsolicited discovery replies, `payload` octets",
        Defaults { payload: 168, ..REFLECTED }, Build::Template(&templates::UBIQUITI);
    DhipAmplification = "dhip_amplification", true, "unsolicited discovery replies of video recorders, `payload` octets",
        Defaults { payload: 690, ..REFLECTED }, Build::Template(&templates::DHIP);
    PlexAmplification = "plex_amplification", true, "unsolicited discovery replies of media servers, `payload` octets",
        Defaults { payload: 280, ..REFLECTED }, Build::Template(&templates::PLEX);
    Tp240Amplification = "tp240_amplification", true, "unsolicited status lines of a telephony driver, `payload` octets",
        Defaults { payload: 1150, ..REFLECTED }, Build::Template(&templates::TP240);
    JenkinsAmplification = "jenkins_amplification", true, "unsolicited discovery replies, `payload` octets",
        Defaults { payload: 480, ..REFLECTED }, Build::Template(&templates::JENKINS);
    BittorrentAmplification = "bittorrent_amplification", true, "unsolicited DHT answers, `payload` octets",
        Defaults { payload: 460, ..REFLECTED }, Build::Template(&templates::BITTORRENT);
    L2tpAmplification = "l2tp_amplification", true, "unsolicited SCCRP messages, `payload` octets",
        Defaults { payload: 105, ..REFLECTED }, Build::Template(&templates::L2TP);
    RdpAmplification = "rdp_amplification", true, "unsolicited padded SYN+ACKs of RDP over UDP, `payload` octets",
        Defaults { payload: 1232, ..REFLECTED }, Build::Template(&templates::RDP);
    OtherAmplification = "other_amplification", true, "unsolicited answers of `payload` octets from a port of no known service",
        Defaults { payload: 900, ..REFLECTED }, Build::Template(&templates::UNKNOWN);
    SynAckReflection = "syn_ack_reflection", true, "SYN-ACKs of web and mail servers to SYNs that the victim never sent",
        REFLECTED, Build::Model(reflection::syn_acks);
    MiddleboxReflection = "middlebox_reflection", true, "block pages of `payload` octets and RSTs of middleboxes, to a request that the victim never sent",
        Defaults { payload: 700, ..REFLECTED }, Build::Model(reflection::pages);
    MonlistAnswered = "monlist_answered", true, "requests a second (rate) for monlist in the name of `sources` victims, each answered by the target with ten replies",
        ABUSED, Build::Model(amplification::monlist_answered);
    DnsAnyAnswered = "dns_any_answered", true, "ANY queries a second (rate) in the name of `sources` victims, each answered by the target with `payload` octets",
        Defaults { payload: 1400, rate: 500.0, ..ABUSED }, Build::Model(amplification::dns_any_answered);
    ForeignMac = "foreign_mac", true, "ARP, RARP, DHCP, MLD and neighbour discovery out of a bridge from `source_mac`; frames a second",
        Defaults { rate: 2.0, outbound_only: true, ..ATTACK }, Build::Adjusted(foreign::build);
    PortScan = "port_scan", true, "nmap's SYN scan of all ports of a host, unanswered",
        SCAN, Build::Model(flood::port_scan);
    HostSweep = "host_sweep", true, "ZMap's SYN to one port of every host of a network, unanswered",
        Defaults { port: 22, target: Target::Network, ..SCAN }, Build::Model(flood::host_sweep);
    CarpetBombing = "carpet_bombing", true, "UDP flood spread over all hosts of a network",
        Defaults { port: 0, payload: 512, target: Target::Network, ..ATTACK }, Build::Model(flood::udp);

    ArpScan = "arp_scan", true, "who-has for every address of the network from one station; requests a second",
        Defaults { rate: 200.0, ..SCAN }, Build::Adjusted(recon::arp_scan);
    BruteForce = "brute_force", true, "connections a second (rate) to a login port, each with a refused try",
        Defaults { port: 22, rate: 10.0, ..SCAN }, Build::Model(recon::brute_force);
    Backscatter = "backscatter", true, "SYN-ACKs and RSTs of one web server elsewhere to all hosts of a network",
        Defaults { rate: 40.0, target: Target::Network, ..SCAN }, Build::Model(recon::backscatter);

    ArpRouter = "arp_router", false, "who-has of a router for the same thirty neighbours over and over",
        Defaults { rate: 10.0, ..BENIGN }, Build::Adjusted(recon::arp_router);
    HttpFlood = "http_flood", true, "HULK: requests a second (rate) for one path with a random query, each over a new connection, answered",
        TOOL, Build::Model(application::hulk);
    HttpFloodPaths = "http_flood_paths", true, "LOIC: as http_flood, without headers, each for a path of its own",
        Defaults { sources: 3, ..TOOL }, Build::Model(application::loic);
    SlowHttp = "slow_http", true, "slowloris.py: connections a second (rate) with half a head each, then a header every 15 s",
        Defaults { rate: 200.0, ..TOOL }, Build::Model(application::slowloris);
    SlowHttpPost = "slow_http_post", true, "R-U-Dead-Yet: connections a second (rate) with the head of a form, of which a letter comes every 10 s",
        Defaults { rate: 100.0, ..TOOL }, Build::Model(application::slow_post);
    SlowHttpRead = "slow_http_read", true, "slowhttptest -X: requests a second (rate) whose answer the client does not take",
        Defaults { rate: 50.0, ..TOOL }, Build::Model(application::slow_read);
    TlsFlood = "tls_handshake_flood", true, "TLS hellos a second (rate), answered, after which the client goes",
        Defaults { port: 443, ..TOOL }, Build::Model(application::hellos);
    TlsRenegotiation = "tls_renegotiation", true, "thc-ssl-dos: connections a second (rate), each with 50 handshakes a second",
        Defaults { port: 443, rate: 20.0, ..TOOL }, Build::Model(application::renegotiations);
    ConnectionFlood = "connection_flood", true, "connections a second (rate) that are completed and kept without a word",
        Defaults { sources: 200, ..TOOL }, Build::Model(application::silent);
    DnsQueryFlood = "dns_query_flood", true, "queries a second (rate) for one name from spoofed sources, unanswered",
        Defaults { port: 53, ..SPOOFED }, Build::Model(application::queries);
    DnsWaterTorture = "dns_water_torture", true, "queries a second (rate) for made-up names below one zone, through `sources` resolvers; NXDOMAIN",
        Defaults { port: 53, rate: 500.0, sources: 500, ..ATTACK }, Build::Model(application::water_torture);

    Download = "download", false, "one TCP connection that fills `mbit` towards the target",
        host(20, Defaults { sources: 1, ..BENIGN }), Build::Model(benign_tcp::download);
    Upload = "upload", false, "a backup: one TCP connection that fills `mbit` from the target to one peer",
        host(21, Defaults { sources: 1, ..BENIGN }), Build::Model(benign_tcp::upload);
    SpeedTest = "speed_test", false, "16 connections at once, `mbit` in sum: down in the first half, then up",
        host(22, Defaults { sources: 4, ..BENIGN }), Build::Model(benign_tcp::speed_test);
    Browser = "browser", false, "pages a second (rate), each 60 TLS connections of the target to many servers in a second",
        host(23, Defaults { rate: 0.5, sources: 40, ..BENIGN }), Build::Model(benign_tcp::browser);
    WebServer = "web_server", false, "new connections a second (rate) of many clients, each with request and response",
        host(24, BENIGN), Build::Model(benign_tcp::web_server);
    FlashCrowd = "flash_crowd", false, "as web_server, growing from `rate` to ten times that",
        host(25, Defaults { sources: 20_000, ..BENIGN }), Build::Model(benign_tcp::flash_crowd);
    Restart = "restart", false, "`sources` clients, `rate` requests a second of them all until the middle; then each connects anew within 0.1 s",
        host(24, Defaults { rate: 1_000.0, sources: 2_000, ..BENIGN }), Build::Model(restart::answered);
    Reboot = "reboot", false, "the same, but the host is silent from the middle on: each client sends its SYN again after 1 s, 3 s, 7 s …",
        host(24, Defaults { rate: 1_000.0, sources: 2_000, ..BENIGN }), Build::Model(restart::silent);
    DnsResolver = "dns_resolver", false, "queries a second (rate) of a resolver for inside clients, with large answers among them",
        host(53, Defaults { port: 53, sources: 1_000, ..BENIGN }), Build::Model(benign_udp::dns_resolver);
    DnsServer = "dns_server", false, "queries a second (rate) of outside clients to an authoritative server",
        host(54, Defaults { port: 53, ..BENIGN }), Build::Model(benign_udp::dns_server);
    NtpServer = "ntp_server", false, "requests a second (rate) of many clients, 48 octets both ways",
        host(55, Defaults { port: 123, ..BENIGN }), Build::Model(benign_udp::ntp_server);
    NtpClient = "ntp_client", false, "requests a second (rate) of one client to `sources` servers in turn",
        host(56, Defaults { port: 123, rate: 4.0, sources: 4, ..BENIGN }), Build::Model(benign_udp::ntp_client);
    QuicDownload = "quic_download", false, "`mbit` over UDP 443 towards the target, one acknowledgement for 2 to 4 packets",
        host(26, Defaults { sources: 1, payload: 1_252, ..BENIGN }), Build::Model(benign_udp::quic_download);
    Voip = "voip", false, "`sources` calls of RTP, `rate` packets a second each way in each",
        host(27, Defaults { rate: 50.0, sources: 5, ..BENIGN }), Build::Model(benign_udp::voip);
    Wireguard = "wireguard", false, "a tunnel with `mbit` each way",
        host(28, Defaults { port: 51_820, sources: 1, payload: 1_452, mbit: 200.0, ..BENIGN }), Build::Model(benign_udp::wireguard);
    NfsFragments = "nfs_fragments", false, "writes and reads a second (rate) of 8 KiB over UDP, in fragments both ways",
        host(29, Defaults { port: 2049, sources: 2, payload: 8_192, ..BENIGN }), Build::Model(benign_udp::nfs_fragments);
    PingMonitor = "ping_monitor", false, "echo requests a second (rate) of one host to `sources` others in turn, answered",
        host(30, Defaults { rate: 200.0, sources: 200, payload: 56, ..BENIGN }), Build::Model(benign_udp::ping_monitor);
    MulticastIptv = "multicast_iptv", false, "a television stream to a multicast group, one-way",
        Defaults { port: 5004, rate: 1_000.0, sources: 1, payload: 1_328, target: Target::Group(1), ..BENIGN }, Build::Model(benign_udp::multicast_iptv);
    MdnsSsdpChatter = "mdns_ssdp_chatter", false, "messages a second (rate) of 40 inside hosts to the groups of mDNS and SSDP",
        host(31, Defaults { rate: 5.0, ..BENIGN }), Build::Model(benign_udp::chatter);
    GameServer = "game_server", false, "`sources` players, `rate` small packets a second each way for each",
        host(32, Defaults { port: 27_015, rate: 30.0, sources: 64, ..BENIGN }), Build::Model(benign_udp::game_server);
    SipTrunk = "sip_trunk", false, "SIP requests a second (rate) both ways between a switchboard and `sources` providers, three answers each",
        host(33, Defaults { sources: 4, ..BENIGN }), Build::Talks(&services::SIP_TRUNK);
    OpenvpnGateway = "openvpn_gateway", false, "data packets a second (rate) each way of `sources` clients, some of which connect anew",
        host(34, Defaults { sources: 200, ..BENIGN }), Build::Talks(&services::OPENVPN_GATEWAY);
    TurnServer = "turn_server", false, "packets a second (rate) each way of `sources` clients of a relay: media and bindings",
        host(35, Defaults { sources: 200, ..BENIGN }), Build::Talks(&services::TURN_SERVER);
    GameQueries = "game_queries", false, "queries a second (rate) of players to servers of Steam and Quake on one host",
        host(36, Defaults { sources: 500, ..BENIGN }), Build::Talks(&services::GAME_QUERIES);
    ServerBrowser = "server_browser", false, "queries a second (rate) of one player to `sources` game servers",
        host(37, Defaults { sources: 1_000, ..BENIGN }), Build::Talks(&services::SERVER_BROWSER);
    TftpBoot = "tftp_boot", false, "blocks a second (rate) that a host fetches from a server which keeps its port",
        host(38, Defaults { sources: 1, ..BENIGN }), Build::Talks(&services::TFTP_BOOT);
    IkeGateway = "ike_gateway", false, "exchanges a second (rate) with `sources` VPN gateways, begun by either side, all on port 500",
        host(39, Defaults { sources: 200, ..BENIGN }), Build::Talks(&services::IKE_GATEWAY);
    CoapSensors = "coap_sensors", false, "readings a second (rate) that one host gets from `sources` sensors",
        host(40, Defaults { sources: 500, ..BENIGN }), Build::Talks(&services::COAP_SENSORS);
    DhtNode = "dht_node", false, "queries a second (rate) of a BitTorrent node to `sources` others, and theirs to it",
        host(41, Defaults { sources: 2_000, ..BENIGN }), Build::Talks(&services::DHT_NODE);
    Discovery = "discovery", false, "searches a second (rate) of an inside host, each answered by 30 neighbours over mDNS, SSDP and WS-Discovery",
        host(42, Defaults { rate: 0.5, ..BENIGN }), Build::Model(services::discovery);

    GreTunnel = "gre_tunnel", false, "a GRE tunnel with `mbit` each way",
        host(33, Defaults { sources: 1, payload: 1_428, mbit: 200.0, ..BENIGN }), Build::Model(benign_udp::gre_tunnel);
    EspTunnel = "esp_tunnel", false, "an IPsec tunnel with `mbit` each way",
        host(34, Defaults { sources: 1, payload: 1_428, mbit: 200.0, ..BENIGN }), Build::Model(benign_udp::esp_tunnel);
    RoutingChatter = "routing_chatter", false, "messages a second (rate) of OSPF, VRRP, PIM and IGMP, nearly all to groups",
        host(1, Defaults { rate: 20.0, ..BENIGN }), Build::Model(benign_udp::routing_chatter);
    BfdEcho = "bfd_echo", false, "echo packets of BFD a second (rate): a router sends them to itself, by way of its neighbour",
        host(1, Defaults { port: 3_785, ..BENIGN }), Build::Model(benign_udp::bfd_echo);
    GroupPing = "group_ping", false, "echo requests a second (rate) to all nodes, each answered by 40 of them",
        host(35, Defaults { rate: 5.0, payload: 56, ..BENIGN }), Build::Model(benign_udp::group_ping);
    Http3Site = "http3_site", false, "new QUIC connections a second (rate) of many clients, each with request and response",
        host(36, BENIGN), Build::Model(benign_udp::http3_site);
    HealthChecks = "health_checks", false, "connections a second (rate) of a load balancer that end as soon as they are open",
        host(37, Defaults { sources: 4, ..BENIGN }), Build::Model(benign_tcp::health_checks);
    Keepalives = "keepalives", false, "keepalive probes a second (rate) on connections that nothing else happens on, answered",
        host(38, Defaults { sources: 20_000, ..BENIGN }), Build::Model(benign_tcp::keepalives);
    MassReset = "mass_reset", false, "connections a second (rate) that a server resets as it starts anew, and that are opened again",
        host(39, BENIGN), Build::Model(benign_tcp::mass_reset);
    HttpPages = "http_pages", false, "visitors a second (rate), each with a page and eight files that belong to it, in cleartext",
        host(33, Defaults { port: 80, sources: 20_000, ..BENIGN }), Build::Model(application::pages);
    HttpProxy = "http_proxy", false, "requests a second (rate) of `sources` reverse proxies for many things over connections that they keep",
        host(34, Defaults { port: 80, sources: 8, rate: 1_000.0, ..BENIGN }), Build::Model(application::proxy);
    HttpProgram = "http_program", false, "calls a second (rate) of `sources` programs to one interface over connections that they keep",
        host(35, Defaults { port: 80, sources: 4, rate: 500.0, ..BENIGN }), Build::Model(application::program);
    HttpSplitHeads = "http_split_heads", false, "requests a second (rate) of clients that send their head in two pieces",
        host(36, Defaults { port: 80, ..BENIGN }), Build::Model(application::split_heads);
    DnsBlockList = "dns_block_list", false, "queries a second (rate) of one mail server for addresses on a block list; NXDOMAIN",
        host(57, Defaults { port: 53, sources: 1, rate: 400.0, ..BENIGN }), Build::Model(application::block_list);
    MailIn = "mail_in", false, "messages a second (rate) of `sources` mail servers to the target, each looked up in three block lists",
        host(25, Defaults { port: 25, rate: 2.0, sources: 500, ..BENIGN }), Build::Model(mail::received);
    MailOut = "mail_out", false, "messages a second (rate) of the target to `sources` mail servers, which it asks its resolver for",
        host(25, Defaults { port: 25, rate: 1.0, sources: 500, ..BENIGN }), Build::Model(mail::sent);
    Imap = "imap", false, "mailboxes a second (rate) that clients open over TLS, read and leave",
        host(43, Defaults { port: 993, rate: 2.0, ..BENIGN }), Build::Model(mail::read);

    SegmentLife = "segment_life", false, "`sources` hosts and the gateway (at `source_mac`) look each other up by ARP and ND, and talk `rate` times a second each",
        SEGMENT, Build::Script(life::ordinary);
    ArpSpoof = "arp_spoof", true, "arpspoof -r, ettercap: forged replies to victim (target) and gateway, `rate` a second each, and what they say passes the attacker",
        SEGMENT, Build::Script(spoof::both_ways);
    ArpSpoofOneWay = "arp_spoof_one_way", true, "Cain: one forged reply to the victim, that the gateway is at the attacker",
        SEGMENT, Build::Script(spoof::once);
    ArpSpoofGratuitous = "arp_spoof_gratuitous", true, "forged replies to everybody every 2 s, while the gateway goes on to answer",
        SEGMENT, Build::Script(spoof::to_everybody);
    NdSpoof = "nd_spoof", true, "parasite6, fake_advertise6: forged advertisements with override for router and victim, `rate` a second each",
        SEGMENT, Build::Script(spoof::advertised);
    NdSpoofDad = "nd_spoof_dad", true, "dos-new-ip6: every address that a new guest tests is taken, says the attacker",
        SEGMENT, Build::Script(spoof::every_address_taken);
    SpoofingGuest = "spoofing_guest", true, "guest 52:54:00:00:01:04 sends, asks and answers as 203.0.113.105, `rate` times a second",
        Defaults { rate: 5.0, ..SEGMENT }, Build::Stream(spoof::as_another_guest);
    TwoGuests = "two_guests", false, "guests 104 and 105 talk as themselves, on `interface` and the next",
        SEGMENT, Build::Script(spoof::two_guests);
    GatewayChange = "gateway_change", true, "segment_life whose gateway is at another MAC (`source_mac`) than before, unannounced",
        SEGMENT, Build::Script(gateway::moved);
    RouterReplaced = "router_replaced", true, "the same, announced by ARP and ND as the new router starts",
        SEGMENT, Build::Script(gateway::replaced_router);
    GatewayFailover = "gateway_failover", true, "keepalived without virtual MAC: five gratuitous replies, the old router lives on as 203.0.113.2",
        SEGMENT, Build::Script(gateway::failover);
    VrrpFailover = "vrrp_failover", false, "two routers with one virtual MAC; in the middle the second, on the next interface, takes over after 3.6 s",
        SEGMENT, Build::Script(gateway::vrrp);
    GatewaySilent = "gateway_silent", true, "`sources` hosts ask for the gateway once a second each, in vain",
        SEGMENT, Build::Script(gateway::silent);
    GatewaySilentV6 = "gateway_silent_v6", true, "the router's last advertisement holds for 3 s; `sources` hosts solicit it in vain",
        SEGMENT, Build::Script(gateway::silent_v6);
    QuietNight = "quiet_night", false, "`sources` hosts talk with each other only; nobody asks for the gateway after the first seconds",
        SEGMENT, Build::Script(life::quiet_night);
    WrongGateway = "wrong_gateway", false, "one host asks every second for an address that never answered",
        SEGMENT, Build::Script(life::wrong_gateway);
    IpConflict = "ip_conflict", true, "two hosts announce and answer for the same address (target)",
        SEGMENT, Build::Script(conflict::two_hosts);
    ArpFlux = "arp_flux", false, "a Linux host with two cards in one network, both of which answer for both addresses",
        SEGMENT, Build::Script(conflict::flux);
    ArpBalance = "arp_balance", false, "balance-alb: `sources` clients are told one of two MACs, some of them another one in the middle",
        Defaults { sources: 12, ..SEGMENT }, Build::Script(conflict::balance);
    MacFlap = "mac_flap", true, "a MAC enters on `interface` and the next in turn, `rate` changes a second",
        Defaults { rate: 2.0, ..SEGMENT }, Build::Script(switch::flapping);
    Migration = "migration", false, "a guest moves from `interface` to the next in the middle, announced by RARP five times",
        SEGMENT, Build::Script(switch::migration);
    StpFromGuest = "stp_from_guest", true, "yersinia: a guest claims the root of the spanning tree every 2 s",
        SEGMENT, Build::Script(switch::root_claim);
    StpSwitch = "stp_switch", false, "the switch above tells of the spanning tree every 2 s",
        SEGMENT, Build::Script(switch::tree_above);
    MacFlood = "mac_flood", true, "macof: SYN from and to random MACs and addresses",
        Defaults { rate: 2_000.0, ..SEGMENT }, Build::Stream(storm::macof);
    PowerCut = "power_cut", false, "`sources` guests with drawn MACs boot within 3 s: DHCP, ARP, ND, MLD, mDNS, and then traffic",
        Defaults { sources: 200, ..SEGMENT }, Build::Script(boot::power_cut);
    Pods = "pods", false, "`sources` containers with drawn MACs start within 5 s in 172.17.0.0/16 and talk to the world",
        Defaults { sources: 150, ..SEGMENT }, Build::Script(boot::pods);
    DhcpBoot = "dhcp_boot", false, "one guest (target) boots by DHCP, tests and announces its addresses, and talks",
        SEGMENT, Build::Script(boot::one);
    GuestReboots = "guest_reboots", false, "the same `sources` times in the span",
        Defaults { sources: 10, ..SEGMENT }, Build::Script(boot::again_and_again);
    GuestRenews = "guest_renews", false, "guest 104 uses its addresses, link-local, none, and one leased by DHCP, which it renews",
        SEGMENT, Build::Script(boot::renewals);
    Slaac = "slaac", false, "`sources` guests, one a second, configure themselves: MLD, DAD, RS, RA",
        Defaults { sources: 20, ..SEGMENT }, Build::Script(boot::slaac);
    ArpFlood = "arp_flood", true, "requests of one station for four addresses",
        Defaults { rate: 3_000.0, ..SEGMENT }, Build::Stream(storm::arp);
    GratuitousStorm = "gratuitous_storm", true, "gratuitous replies of one station for one address",
        Defaults { rate: 400.0, ..SEGMENT }, Build::Stream(storm::gratuitous_arp);
    GarpFailover = "garp_failover", false, "a load balancer announces `sources` addresses five times within a second, once",
        Defaults { sources: 200, ..SEGMENT }, Build::Script(storm::takeover);
    BroadcastStorm = "broadcast_storm", true, "UDP of `payload` octets from one station to everybody",
        Defaults { rate: 5_000.0, payload: 200, ..SEGMENT }, Build::Stream(storm::broadcast);
    BroadcastStormMany = "broadcast_storm_many", true, "the same from `sources` stations in turn",
        Defaults { rate: 5_000.0, payload: 200, sources: 50, ..SEGMENT }, Build::Stream(storm::broadcast_of_many);
    MulticastStorm = "multicast_storm", true, "UDP of `payload` octets from one station to 16 groups of 239/8 that nobody joined",
        Defaults { rate: 8_000.0, payload: 200, ..SEGMENT }, Build::Stream(storm::multicast);
    Iptv = "iptv", false, "RTP of one source to one group, with IGMP of router and hosts",
        Defaults { rate: 1_500.0, payload: 1_316, ..SEGMENT }, Build::Stream(storm::television);
    UnknownUnicast = "unknown_unicast", true, "frames of one station to random MACs of nobody",
        Defaults { rate: 5_000.0, ..SEGMENT }, Build::Stream(storm::unknown_unicast);
    OneWayBackup = "one_way_backup", false, "TCP segments of `payload` octets to one MAC (of the target), of which no answer is seen",
        Defaults { rate: 5_000.0, payload: 1_448, target: Target::Host(22), ..SEGMENT }, Build::Stream(storm::backup);
    L2Loop = "l2_loop", true, "what five stations say to all enters over and over, octet for octet the same",
        Defaults { rate: 5_000.0, ..SEGMENT }, Build::Stream(storm::switching_loop);
    L2LoopBack = "l2_loop_back", true, "what five guests of ours say to all leaves, and enters over and over",
        Defaults { rate: 5_000.0, ..SEGMENT }, Build::Stream(storm::own_frames_return);
    ChattyBroadcast = "chatty_broadcast", false, "`sources` Windows and Linux hosts look for each other by NetBIOS, LLMNR, SSDP, mDNS and ARP",
        Defaults { rate: 35.0, sources: 300, ..SEGMENT }, Build::Stream(life::windows);
    MdnsChatter = "mdns_chatter", false, "`sources` hosts in turn tell of themselves over mDNS, twice each",
        Defaults { rate: 5.0, sources: 40, ..SEGMENT }, Build::Stream(life::mdns_chatter);
    DhcpStarvation = "dhcp_starvation", true, "DHCPig: DISCOVER of another client and card each time",
        Defaults { rate: 50.0, ..SEGMENT }, Build::Stream(servers::starvation);
    DhcpStarvationOneCard = "dhcp_starvation_one_card", true, "yersinia: DISCOVER of another client each time, all from one card",
        Defaults { rate: 50.0, ..SEGMENT }, Build::Stream(servers::starvation_one_card);
    DhcpStarvationLeases = "dhcp_starvation_leases", true, "the same with cards of their own, and each lease is taken",
        Defaults { rate: 50.0, ..SEGMENT }, Build::Stream(servers::starvation_leases);
    DhcpFlood = "dhcp_flood", true, "DISCOVER and INFORM of one client",
        Defaults { rate: 200.0, ..SEGMENT }, Build::Stream(servers::flood);
    RogueDhcp = "rogue_dhcp", true, "`rate` new guests a second, to whom the attacker offers an address beside the server",
        SEGMENT, Build::Stream(servers::rogue);
    DhcpV6 = "dhcp_v6", false, "`rate` guests a second get an address by DHCPv6",
        SEGMENT, Build::Stream(servers::leases6);
    RogueDhcpV6 = "rogue_dhcp6", true, "the same, and the attacker advertises itself beside the server",
        SEGMENT, Build::Stream(servers::rogue6);
    DhcpRelay = "dhcp_relay", false, "`rate` new guests a second, to whom both servers of a failover pair offer an address",
        SEGMENT, Build::Stream(servers::pair);
    RogueRa = "rogue_ra", true, "fake_router6: the attacker advertises another prefix, beside the router that goes on",
        SEGMENT, Build::Script(servers::rogue_router);
    RogueRaFlood = "rogue_ra_flood", true, "flood_router6: advertisements of made-up routers and prefixes",
        Defaults { rate: 500.0, ..SEGMENT }, Build::Stream(servers::router_flood);

    BenchSyn = "bench_syn", true, "for benchmarks: SYN flood of 60-octet frames from the whole IPv4 space",
        Defaults { rate: 1_000_000.0, ..SPOOFED }, Build::Bench(bench::syn);
    BenchMixed = "bench_mixed", false, "for benchmarks: 10,000 TCP and UDP flows both ways, frames of 423 octets on average",
        Defaults { rate: 500_000.0, sources: 5_000, ..ATTACK }, Build::Bench(bench::mixed);
    BenchDnsAmp = "bench_dns_amp", true, "for benchmarks: DNS answers of 1400 octets from 5,000 reflectors",
        Defaults { rate: 500_000.0, sources: 5_000, payload: 1400, ..ATTACK }, Build::Bench(bench::dns_amplification);
    BenchSources = "bench_sources", true, "for benchmarks: SYN of 60 octets to one host from `sources` addresses in turn",
        Defaults { sources: 1_000_000, network: Peers::Wide, ..BENCH }, Build::Bench(bench::spread_sources);
    BenchTargets = "bench_targets", true, "for benchmarks: SYN of 60 octets from 2,000 addresses to `targets` hosts in turn",
        Defaults { target: Target::WideNetwork, ..BENCH }, Build::Bench(bench::spread_targets);
    BenchMacs = "bench_macs", true, "for benchmarks: SYN of 60 octets from `sources` MAC addresses in turn and 2,000 addresses to one host",
        Defaults { sources: 1_000_000, ..BENCH }, Build::Bench(bench::spread_macs);
    BenchSize = "bench_size", true, "for benchmarks: UDP of `payload` octets from 2,000 addresses to one host",
        Defaults { payload: 500, ..BENCH }, Build::Bench(bench::sized);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_round_trip() {
        for spec in MODELS {
            assert_eq!(TrafficModel::from_name(spec.name), Some(spec.model));
            assert_eq!(spec.model.name(), spec.name);
            assert!(spec.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
        }
        assert_eq!(TrafficModel::from_name("no_such"), None);
    }
}
