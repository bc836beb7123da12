//! The registry of models: name, summary, defaults and what builds it.

use super::defaults::{ABUSED, ATTACK, BENCH, BENIGN, REFLECTED, SCAN, SEGMENT, SPOOFED, TOOL, host};
use super::frames::FrameBuffer;
use super::lan::{
    self, Act, Lan, boot, conflict, gateway, groups, inside, life, owners, pairing, servers, spoof, storm, switch,
};
use super::rng::Rng;
use super::schedule::{Model, ModelPlayer, Pace, Pacing, Traffic};
use super::services::Exchange;
use super::setting::{Defaults, Params, Peers, Setting, Span, Target};
use super::templates::Template;
use super::{
    amplification, application, bench, benign_tcp, benign_udp, conversations, evasion, flood, foreign, mail, recon,
    reflection, restart, services, templates,
};
use ipnet::IpNet;

/// How the traffic of a model is generated.
enum Build {
    Model(fn(&Setting) -> (Box<dyn Model>, Pacing)),
    /// As `Model`, and may change the setting.
    Adjusted(fn(&mut Setting) -> (Box<dyn Model>, Pacing)),
    /// Unsolicited messages of a service.
    Template(&'static Template),
    /// Requests and responses.
    Exchanges(&'static [Exchange]),
    /// Frames of a LAN, all planned at the start, or planned `rate` times per second.
    LanOnce(Act),
    LanRepeated(Act),
    /// Frames without a model.
    Bench(fn(&Setting, Pace, Rng) -> Box<dyn Traffic>),
}

/// A row of the registry.
pub struct ModelSpec {
    /// The model that this row describes.
    pub model: TrafficModel,
    /// Unique name in snake case, as in scenario files.
    pub name: &'static str,
    /// One line; explains `rate`, `sources` and `payload` if they differ from `Params`.
    pub summary: &'static str,
    /// Whether a detector should report it as an attack.
    pub attack: bool,
    defaults: Defaults,
    build: Build,
}

impl ModelSpec {
    /// Whether `rate` does not determine the number of frames.
    #[cfg(test)]
    pub(crate) const fn ignores_rate(&self) -> bool {
        matches!(self.build, Build::LanOnce(_) | Build::LanRepeated(_))
    }
}

macro_rules! models {
    ($($variant:ident = $name:literal, $attack:literal, $summary:literal, $defaults:expr, $build:expr;)*) => {
        /// A kind of traffic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum TrafficModel {
            $(
                #[doc = concat!("`", $name, "`: ", $summary, ".")]
                $variant,
            )*
        }

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
            /// The name as in scenario files, e.g. `syn_flood`.
            pub const fn name(self) -> &'static str {
                match self { $(TrafficModel::$variant => $name,)* }
            }
        }
    };
}

impl TrafficModel {
    /// The model with this name.
    pub fn from_name(name: &str) -> Option<TrafficModel> {
        MODELS.iter().find(|spec| spec.name == name).map(|spec| spec.model)
    }
}

/// The traffic of `model` over `span`, drawn by `rng`.
pub(crate) fn traffic(model: TrafficModel, params: &Params, span: Span, mut rng: Rng) -> Box<dyn Traffic> {
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
        Pace::new(pacing, setting.burst, setting.start, setting.seconds).with_hours(setting.hours)
    };
    let (model, pacing) = match spec.build {
        Build::Bench(build) => return build(&setting, pace(&setting, Pacing::Rate(setting.rate)), rng),
        Build::Model(build) => build(&setting),
        Build::Template(template) => amplification::template(&setting, template),
        Build::Exchanges(exchanges) => services::exchanges(&setting, exchanges),
        Build::Adjusted(build) => build(&mut setting),
        Build::LanOnce(act) => lan::planned_once(Lan::new(&setting, &params), act),
        Build::LanRepeated(act) => lan::repeated(Lan::new(&setting, &params), act),
    };
    Box::new(ModelPlayer::new(model, pace(&setting, pacing), rng, setting.macs))
}

/// No traffic at all.
struct Silence;

impl Traffic for Silence {
    fn next(&mut self, _frame: &mut FrameBuffer) -> bool {
        false
    }
}

models! {
    SynFlood = "syn_flood", true, "SYN as hping3 sends it: 40 octets, TTL 64, spoofed sources; one-way",
        SPOOFED, Build::Model(flood::syn);
    SynFloodOptions = "syn_flood_options", true, "SYN as Mirai sends it: 60 octets with Linux's options, random TTLs, spoofed sources; one-way",
        SPOOFED, Build::Model(flood::syn_options);
    SynFloodAnswered = "syn_flood_answered", true, "SYN flood whose victim answers and retransmits each SYN-ACK; one spoofed host in ten resets",
        SPOOFED, Build::Model(flood::syn_answered);
    SynFloodEcn = "syn_flood_ecn", true, "SYN flood with ECE and CWR, as in SYNs of hosts with ECN (RFC 3168)",
        SPOOFED, Build::Model(flood::syn_ecn);
    SynAckFlood = "syn_ack_flood", true, "unsolicited SYN-ACK from any port, 40 octets", SPOOFED, Build::Model(flood::syn_ack);
    FinFlood = "fin_flood", true, "FIN without any connection, 40 octets", SPOOFED, Build::Model(flood::fin);
    TcpNullFlood = "tcp_null_flood", true, "TCP without any flag, 40 octets", SPOOFED, Build::Model(flood::null);
    XmasFlood = "xmas_flood", true, "TCP with FIN, PSH and URG, 40 octets", SPOOFED, Build::Model(flood::xmas);
    TcpFlood = "tcp_flood", true, "TCP with random combinations of its six flags, 40 octets", SPOOFED, Build::Model(flood::mixed);
    LandAttack = "land_attack", true, "SYN from the victim's own address and port, 40 octets",
        Defaults { rate: 200.0, port: 139, ..ATTACK }, Build::Model(flood::land);
    AckFlood = "ack_flood", true, "ACK without any connection, 40 octets", SPOOFED, Build::Model(flood::ack);
    ForgedOpenings = "forged_openings", true, "ACK flood with data; every hundredth packet is a SYN that the 99 after it follow; the victim answers each",
        Defaults { payload: 96, ..SPOOFED }, Build::Model(evasion::forged_openings);
    AdvancingSegments = "advancing_segments", true, "ACK flood with data in `sources` flows, whose numbers advance as in a transfer; the victim refuses each tenth",
        Defaults { payload: 1_000, sources: 10, ..ATTACK }, Build::Model(evasion::advancing);
    UdpPairs = "udp_pairs", true, "UDP from spoofed sources, two packets in each flow",
        Defaults { payload: 512, ..SPOOFED }, Build::Model(evasion::pairs);
    IcmpErrors = "icmp_errors", true, "ICMP errors that quote datagrams which the target never sent",
        Defaults { network: Peers::Outside, ..SPOOFED }, Build::Model(evasion::errors);
    RstFlood = "rst_flood", true, "RST without any connection, 40 octets", SPOOFED, Build::Model(flood::rst);
    UdpFlood = "udp_flood", true, "UDP with random payload to one port or (target_port = 0) to random ones",
        Defaults { port: 0, payload: 512, ..ATTACK }, Build::Model(flood::udp);
    QuicFlood = "quic_flood", true, "QUIC Initials of 1200 octets from spoofed sources, one-way",
        Defaults { port: 443, payload: 1_200, ..SPOOFED }, Build::Model(flood::quic);
    QuicFloodAnswered = "quic_flood_answered", true, "as quic_flood; the victim answers each",
        Defaults { port: 443, payload: 1_200, ..SPOOFED }, Build::Model(flood::quic_answered);
    GreFlood = "gre_flood", true, "GRE around UDP as Mirai sends it: GREIP and GREETH, 512 octets inside",
        Defaults { payload: 512, ..ATTACK }, Build::Model(flood::gre);
    IpProtoFlood = "ip_proto_flood", true, "IP protocols of T50 in turn: IGMP, EGP, DCCP, RSVP, EIGRP, OSPF",
        Defaults { payload: 64, ..SPOOFED }, Build::Model(flood::protocols);
    Smurf = "smurf", true, "unsolicited echo replies of `sources` hosts of one network",
        Defaults { payload: 1_024, sources: 200, network: Peers::Neighbours, ..ATTACK }, Build::Model(flood::replies);
    SmurfRequests = "smurf_requests", true, "echo requests with the target as spoofed source to all nodes of a network, as smurf6 sends them",
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
    DnsAmplification = "dns_amplification", true, "unsolicited DNS responses (TXT, RRSIG) of `payload` octets; rate in datagrams per second",
        Defaults { payload: 1372, ..REFLECTED }, Build::Model(amplification::dns);
    NtpAmplification = "ntp_amplification", true, "unsolicited monlist replies, 440 octets of six items",
        Defaults { payload: 440, ..REFLECTED }, Build::Model(amplification::ntp);
    SnmpAmplification = "snmp_amplification", true, "unsolicited GetBulk responses of up to `payload` octets",
        Defaults { payload: 1400, ..REFLECTED }, Build::Model(amplification::snmp);
    MemcachedAmplification = "memcached_amplification", true, "unsolicited memcached values, 1400 octets a datagram",
        Defaults { payload: 1400, sources: 50, ..REFLECTED }, Build::Model(amplification::memcached);
    CldapAmplification = "cldap_amplification", true, "unsolicited searchResEntry of half to all of `payload` octets, with fragments",
        Defaults { payload: 3000, ..REFLECTED }, Build::Model(amplification::cldap);
    SsdpAmplification = "ssdp_amplification", true, "unsolicited responses to M-SEARCH, about 300 octets",
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
    WsDiscoveryAmplification = "ws_discovery_amplification", true, "unsolicited SOAP responses to probes, `payload` octets",
        Defaults { payload: 1100, ..REFLECTED }, Build::Template(&templates::WS_DISCOVERY);
    ArmsAmplification = "arms_amplification", true, "unsolicited replies of Apple's remote management, `payload` octets",
        Defaults { payload: 1034, ..REFLECTED }, Build::Template(&templates::ARMS);
    CoapAmplification = "coap_amplification", true, "unsolicited lists of CoAP resources, `payload` octets",
        Defaults { payload: 900, ..REFLECTED }, Build::Template(&templates::COAP);
    SlpAmplification = "slp_amplification", true, "unsolicited SLP service replies, `payload` octets",
        Defaults { payload: 1300, ..REFLECTED }, Build::Template(&templates::SLP);
    SteamAmplification = "steam_amplification", true, "unsolicited responses to A2S_INFO, `payload` octets",
        Defaults { payload: 180, ..REFLECTED }, Build::Template(&templates::STEAM);
    QuakeAmplification = "quake_amplification", true, "unsolicited responses to getstatus, `payload` octets",
        Defaults { payload: 900, ..REFLECTED }, Build::Template(&templates::QUAKE);
    MssqlAmplification = "mssql_amplification", true, "unsolicited lists of SQL Server instances, `payload` octets",
        Defaults { payload: 600, ..REFLECTED }, Build::Template(&templates::MSSQL);
    OpenvpnAmplification = "openvpn_amplification", true, "unsolicited server resets, `payload` octets",
        Defaults { payload: 26, ..REFLECTED }, Build::Template(&templates::OPENVPN);
    StunAmplification = "stun_amplification", true, "unsolicited STUN Binding responses, `payload` octets",
        Defaults { payload: 92, ..REFLECTED }, Build::Template(&templates::STUN);
    SipAmplification = "sip_amplification", true, "unsolicited SIP responses, `payload` octets",
        Defaults { payload: 620, ..REFLECTED }, Build::Template(&templates::SIP);
    IsakmpAmplification = "isakmp_amplification", true, "unsolicited IKE responses, `payload` octets",
        Defaults { payload: 84, ..REFLECTED }, Build::Template(&templates::ISAKMP);
    BacnetAmplification = "bacnet_amplification", true, "unsolicited BACnet responses, `payload` octets",
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
    BittorrentAmplification = "bittorrent_amplification", true, "unsolicited DHT responses, `payload` octets",
        Defaults { payload: 460, ..REFLECTED }, Build::Template(&templates::BITTORRENT);
    L2tpAmplification = "l2tp_amplification", true, "unsolicited SCCRP messages, `payload` octets",
        Defaults { payload: 105, ..REFLECTED }, Build::Template(&templates::L2TP);
    RdpAmplification = "rdp_amplification", true, "unsolicited padded SYN+ACKs of RDP over UDP, `payload` octets",
        Defaults { payload: 1232, ..REFLECTED }, Build::Template(&templates::RDP);
    OtherAmplification = "other_amplification", true, "unsolicited responses of `payload` octets from the port of an unknown service",
        Defaults { payload: 900, ..REFLECTED }, Build::Template(&templates::UNKNOWN);
    SynAckReflection = "syn_ack_reflection", true, "SYN-ACKs of web and mail servers to SYNs that the victim never sent",
        REFLECTED, Build::Model(reflection::syn_acks);
    MiddleboxReflection = "middlebox_reflection", true, "block pages of `payload` octets and RSTs of middleboxes, to requests with the spoofed address of the victim",
        Defaults { payload: 700, ..REFLECTED }, Build::Model(reflection::pages);
    MonlistAnswered = "monlist_answered", true, "requests per second (rate) for monlist with the spoofed addresses of `sources` victims, each answered by the target with ten replies",
        ABUSED, Build::Model(amplification::monlist_answered);
    DnsAnyAnswered = "dns_any_answered", true, "ANY queries per second (rate) with the spoofed addresses of `sources` victims, each answered by the target with `payload` octets",
        Defaults { payload: 1400, rate: 500.0, ..ABUSED }, Build::Model(amplification::dns_any_answered);
    ForeignMac = "foreign_mac", true, "ARP, RARP, DHCP, MLD and neighbour discovery of a guest with `source_mac`; rate in frames per second",
        Defaults { rate: 2.0, outbound_only: true, ..ATTACK }, Build::Adjusted(foreign::build);
    PortScan = "port_scan", true, "nmap's SYN scan of all ports of a host, unanswered",
        SCAN, Build::Model(flood::port_scan);
    HostSweep = "host_sweep", true, "ZMap's SYN to one port of every host of a network, unanswered",
        Defaults { port: 22, target: Target::Network, ..SCAN }, Build::Model(flood::host_sweep);
    CarpetBombing = "carpet_bombing", true, "UDP flood spread over all hosts of a network",
        Defaults { port: 0, payload: 512, target: Target::Network, ..ATTACK }, Build::Model(flood::udp);

    ArpScan = "arp_scan", true, "who-has for every address of the network from one station; rate in requests per second",
        Defaults { rate: 200.0, ..SCAN }, Build::Adjusted(recon::arp_scan);
    BruteForce = "brute_force", true, "connections per second (rate) to a login port, each with a failed login",
        Defaults { port: 22, rate: 10.0, ..SCAN }, Build::Model(recon::brute_force);
    Backscatter = "backscatter", true, "SYN-ACKs and RSTs of one web server elsewhere to all hosts of a network",
        Defaults { rate: 40.0, target: Target::Network, ..SCAN }, Build::Model(recon::backscatter);

    ArpRouter = "arp_router", false, "who-has of a router for the same thirty neighbours repeatedly",
        Defaults { rate: 10.0, ..BENIGN }, Build::Adjusted(recon::arp_router);
    HttpFlood = "http_flood", true, "HULK: requests per second (rate) for one path with a random query, each over a new connection, answered",
        TOOL, Build::Model(application::hulk);
    HttpFloodPaths = "http_flood_paths", true, "LOIC: as http_flood, without headers, each for a different path",
        Defaults { sources: 3, ..TOOL }, Build::Model(application::loic);
    HttpFloodTwoPaths = "http_flood_two_paths", true, "as http_flood, each for one of two paths in turn",
        TOOL, Build::Model(application::two_paths);
    HttpFloodForwarded = "http_flood_forwarded", true, "as http_flood for one path, each with X-Forwarded-For as a proxy sends it",
        TOOL, Build::Model(application::forwarded);
    SlowHttp = "slow_http", true, "slowloris.py: connections per second (rate) with half a head each, then a header every 15 s",
        Defaults { rate: 200.0, ..TOOL }, Build::Model(application::slowloris);
    SlowHttpPost = "slow_http_post", true, "R-U-Dead-Yet: connections per second (rate) with the head of a form, then one octet every 10 s",
        Defaults { rate: 100.0, ..TOOL }, Build::Model(application::slow_post);
    SlowHttpRead = "slow_http_read", true, "slowhttptest -X: requests per second (rate) whose response the client does not read",
        Defaults { rate: 50.0, ..TOOL }, Build::Model(application::slow_read);
    TlsFlood = "tls_handshake_flood", true, "ClientHellos per second (rate), answered, after which the client closes",
        Defaults { port: 443, ..TOOL }, Build::Model(application::hellos);
    TlsRenegotiation = "tls_renegotiation", true, "thc-ssl-dos: connections per second (rate), each with 50 handshakes per second",
        Defaults { port: 443, rate: 20.0, ..TOOL }, Build::Model(application::renegotiations);
    ConnectionFlood = "connection_flood", true, "connections per second (rate) that are completed and kept open without data",
        Defaults { sources: 200, ..TOOL }, Build::Model(application::silent);
    DnsQueryFlood = "dns_query_flood", true, "queries per second (rate) for one name from spoofed sources, unanswered",
        Defaults { port: 53, ..SPOOFED }, Build::Model(application::queries);
    DnsWaterTorture = "dns_water_torture", true, "queries per second (rate) for random names below one zone, through `sources` resolvers; NXDOMAIN",
        Defaults { port: 53, rate: 500.0, sources: 500, ..ATTACK }, Build::Model(application::water_torture);

    DnsWaterTortureNumbers = "dns_water_torture_numbers", true, "as dns_water_torture, for names that are numbers",
        Defaults { port: 53, rate: 500.0, sources: 500, ..ATTACK }, Build::Model(application::number_torture);

    Download = "download", false, "one TCP connection that fills `mbit` towards the target",
        host(20, Defaults { sources: 1, ..BENIGN }), Build::Model(benign_tcp::download);
    Upload = "upload", false, "a backup: one TCP connection that fills `mbit` from the target to one peer",
        host(21, Defaults { sources: 1, ..BENIGN }), Build::Model(benign_tcp::upload);
    SpeedTest = "speed_test", false, "16 parallel connections, `mbit` in total: down in the first half, then up",
        host(22, Defaults { sources: 4, ..BENIGN }), Build::Model(benign_tcp::speed_test);
    Browser = "browser", false, "pages per second (rate), each 60 TLS connections of the target to many servers within a second",
        host(23, Defaults { rate: 0.5, sources: 40, ..BENIGN }), Build::Model(benign_tcp::browser);
    WebServer = "web_server", false, "new connections per second (rate) of many clients, each with request and response",
        host(24, BENIGN), Build::Model(benign_tcp::web_server);
    FlashCrowd = "flash_crowd", false, "as web_server, growing from `rate` to ten times that",
        host(25, Defaults { sources: 20_000, ..BENIGN }), Build::Model(benign_tcp::flash_crowd);
    Restart = "restart", false, "`sources` clients, `rate` requests per second in total until the middle; then all reconnect within 0.1 s",
        host(24, Defaults { rate: 1_000.0, sources: 2_000, ..BENIGN }), Build::Model(restart::answered);
    Reboot = "reboot", false, "as restart, but the host is silent from the middle on: each client retransmits its SYN after 1 s, 3 s, 7 s …",
        host(24, Defaults { rate: 1_000.0, sources: 2_000, ..BENIGN }), Build::Model(restart::silent);
    DnsResolver = "dns_resolver", false, "queries per second (rate) of a resolver for inside clients, with large answers among them",
        host(53, Defaults { port: 53, sources: 1_000, ..BENIGN }), Build::Model(benign_udp::dns_resolver);
    DnsServer = "dns_server", false, "queries per second (rate) of outside clients to an authoritative server",
        host(54, Defaults { port: 53, ..BENIGN }), Build::Model(benign_udp::dns_server);
    NtpServer = "ntp_server", false, "requests per second (rate) of many clients, 48 octets both ways",
        host(55, Defaults { port: 123, ..BENIGN }), Build::Model(benign_udp::ntp_server);
    NtpClient = "ntp_client", false, "requests per second (rate) of one client to `sources` servers in turn",
        host(56, Defaults { port: 123, rate: 4.0, sources: 4, ..BENIGN }), Build::Model(benign_udp::ntp_client);
    QuicDownload = "quic_download", false, "`mbit` over UDP 443 towards the target, one acknowledgement for 2 to 4 packets",
        host(26, Defaults { sources: 1, payload: 1_252, ..BENIGN }), Build::Model(benign_udp::quic_download);
    Voip = "voip", false, "`sources` calls of RTP, `rate` packets per second each way in each",
        host(27, Defaults { rate: 50.0, sources: 5, ..BENIGN }), Build::Model(benign_udp::voip);
    Wireguard = "wireguard", false, "a tunnel with `mbit` each way",
        host(28, Defaults { port: 51_820, sources: 1, payload: 1_452, mbit: 200.0, ..BENIGN }), Build::Model(benign_udp::wireguard);
    NfsFragments = "nfs_fragments", false, "writes and reads per second (rate) of 8 KiB over UDP, in fragments both ways",
        host(29, Defaults { port: 2049, sources: 2, payload: 8_192, ..BENIGN }), Build::Model(benign_udp::nfs_fragments);
    PingMonitor = "ping_monitor", false, "echo requests per second (rate) of one host to `sources` others in turn, answered",
        host(30, Defaults { rate: 200.0, sources: 200, payload: 56, ..BENIGN }), Build::Model(benign_udp::ping_monitor);
    MulticastIptv = "multicast_iptv", false, "a television stream to a multicast group, one-way",
        Defaults { port: 5004, rate: 1_000.0, sources: 1, payload: 1_328, target: Target::Group(1), ..BENIGN }, Build::Model(benign_udp::multicast_iptv);
    MdnsSsdpChatter = "mdns_ssdp_chatter", false, "messages per second (rate) of 40 inside hosts to the groups of mDNS and SSDP",
        host(31, Defaults { rate: 5.0, ..BENIGN }), Build::Model(benign_udp::chatter);
    GameServer = "game_server", false, "`sources` players, `rate` small packets per second each way for each",
        host(32, Defaults { port: 27_015, rate: 30.0, sources: 64, ..BENIGN }), Build::Model(benign_udp::game_server);
    SipFlood = "sip_flood", true, "SIP REGISTER, OPTIONS and INVITE requests of a botnet, unanswered",
        host(7, Defaults { sources: 20_000, network: Peers::Anywhere, rate: 2_000.0, ..ATTACK }), Build::Exchanges(&services::SIP_FLOOD);
    SipFloodChallenged = "sip_flood_challenged", true, "SIP REGISTER requests of a botnet, each challenged by 401",
        host(7, Defaults { sources: 500, network: Peers::Anywhere, rate: 2_000.0, ..ATTACK }), Build::Exchanges(&services::SIP_FLOOD_CHALLENGED);
    SipFloodTcp = "sip_flood_tcp", true, "SIP REGISTER requests over TCP, each over a new connection and challenged by 401",
        Defaults { port: 5060, ..TOOL }, Build::Model(application::sip_tcp);
    SipRegistrar = "sip_registrar", false, "REGISTER requests per second (rate) of `sources` phones: challenged, then accepted",
        host(33, Defaults { sources: 5_000, ..BENIGN }), Build::Exchanges(&services::SIP_REGISTRAR);
    SipMonitor = "sip_monitor", false, "OPTIONS requests per second (rate) of `sources` monitors, accepted",
        host(33, Defaults { sources: 3, rate: 20.0, ..BENIGN }), Build::Exchanges(&services::SIP_MONITOR);
    SipTrunk = "sip_trunk", false, "SIP requests per second (rate) both ways between a switchboard and `sources` providers, three responses each",
        host(33, Defaults { sources: 4, ..BENIGN }), Build::Exchanges(&services::SIP_TRUNK);
    OpenvpnGateway = "openvpn_gateway", false, "data packets per second (rate) each way of `sources` clients, some of which reconnect",
        host(34, Defaults { sources: 200, ..BENIGN }), Build::Exchanges(&services::OPENVPN_GATEWAY);
    TurnServer = "turn_server", false, "packets per second (rate) each way of `sources` clients of a relay: media and bindings",
        host(35, Defaults { sources: 200, ..BENIGN }), Build::Exchanges(&services::TURN_SERVER);
    GameQueries = "game_queries", false, "queries per second (rate) of players to servers of Steam and Quake on one host",
        host(36, Defaults { sources: 500, ..BENIGN }), Build::Exchanges(&services::GAME_QUERIES);
    ServerBrowser = "server_browser", false, "queries per second (rate) of one player to `sources` game servers",
        host(37, Defaults { sources: 1_000, ..BENIGN }), Build::Exchanges(&services::SERVER_BROWSER);
    TftpBoot = "tftp_boot", false, "blocks per second (rate) that a host fetches from a server that keeps its port",
        host(38, Defaults { sources: 1, ..BENIGN }), Build::Exchanges(&services::TFTP_BOOT);
    IkeGateway = "ike_gateway", false, "exchanges per second (rate) with `sources` VPN gateways, started by either end, all on port 500",
        host(39, Defaults { sources: 200, ..BENIGN }), Build::Exchanges(&services::IKE_GATEWAY);
    CoapSensors = "coap_sensors", false, "readings per second (rate) that one host requests from `sources` sensors",
        host(40, Defaults { sources: 500, ..BENIGN }), Build::Exchanges(&services::COAP_SENSORS);
    DhtNode = "dht_node", false, "queries per second (rate) between a BitTorrent node and `sources` others, in both directions",
        host(41, Defaults { sources: 2_000, ..BENIGN }), Build::Exchanges(&services::DHT_NODE);
    Discovery = "discovery", false, "searches per second (rate) of an inside host, each answered by 30 neighbours over mDNS, SSDP and WS-Discovery",
        host(42, Defaults { rate: 0.5, ..BENIGN }), Build::Model(services::discovery);

    GreTunnel = "gre_tunnel", false, "a GRE tunnel with `mbit` each way",
        host(33, Defaults { sources: 1, payload: 1_428, mbit: 200.0, ..BENIGN }), Build::Model(benign_udp::gre_tunnel);
    EspTunnel = "esp_tunnel", false, "an IPsec tunnel with `mbit` each way",
        host(34, Defaults { sources: 1, payload: 1_428, mbit: 200.0, ..BENIGN }), Build::Model(benign_udp::esp_tunnel);
    RoutingChatter = "routing_chatter", false, "messages per second (rate) of OSPF, VRRP, PIM and IGMP, nearly all to groups",
        host(1, Defaults { rate: 20.0, ..BENIGN }), Build::Model(benign_udp::routing_chatter);
    BfdEcho = "bfd_echo", false, "echo packets of BFD per second (rate): a router sends them to itself through its neighbour",
        host(1, Defaults { port: 3_785, ..BENIGN }), Build::Model(benign_udp::bfd_echo);
    GroupPing = "group_ping", false, "echo requests per second (rate) to all nodes, each answered by 40 of them",
        host(35, Defaults { rate: 5.0, payload: 56, ..BENIGN }), Build::Model(benign_udp::group_ping);
    Http3Site = "http3_site", false, "new QUIC connections per second (rate) of many clients, each with request and response",
        host(36, BENIGN), Build::Model(benign_udp::http3_site);
    HealthChecks = "health_checks", false, "connections per second (rate) of a load balancer that close as soon as they are open",
        host(37, Defaults { sources: 4, ..BENIGN }), Build::Model(benign_tcp::health_checks);
    Keepalives = "keepalives", false, "keepalive probes per second (rate) on idle connections, answered",
        host(38, Defaults { sources: 20_000, ..BENIGN }), Build::Model(benign_tcp::keepalives);
    MassReset = "mass_reset", false, "connections per second (rate) that a restarting server resets, and that are reopened",
        host(39, BENIGN), Build::Model(benign_tcp::mass_reset);
    HttpPages = "http_pages", false, "visitors per second (rate), each with a page and eight assets, unencrypted",
        host(33, Defaults { port: 80, sources: 20_000, ..BENIGN }), Build::Model(application::pages);
    HttpProxy = "http_proxy", false, "requests per second (rate) of `sources` reverse proxies for many paths over persistent connections",
        host(34, Defaults { port: 80, sources: 8, rate: 1_000.0, ..BENIGN }), Build::Model(application::proxy);
    HttpProgram = "http_program", false, "calls per second (rate) of `sources` clients to one API over persistent connections",
        host(35, Defaults { port: 80, sources: 4, rate: 500.0, ..BENIGN }), Build::Model(application::program);
    HttpSplitHeads = "http_split_heads", false, "requests per second (rate) of clients that send the request head in two TCP segments",
        host(36, Defaults { port: 80, ..BENIGN }), Build::Model(application::split_heads);
    DnsBlockList = "dns_block_list", false, "queries per second (rate) of one mail server for addresses on a block list; NXDOMAIN",
        host(57, Defaults { port: 53, sources: 1, rate: 400.0, ..BENIGN }), Build::Model(application::block_list);
    MailIn = "mail_in", false, "messages per second (rate) of `sources` mail servers to the target, each with lookups in three block lists",
        host(25, Defaults { port: 25, rate: 2.0, sources: 500, ..BENIGN }), Build::Model(mail::received);
    MailOut = "mail_out", false, "messages per second (rate) of the target to `sources` mail servers, with lookups at its resolver",
        host(25, Defaults { port: 25, rate: 1.0, sources: 500, ..BENIGN }), Build::Model(mail::sent);
    Imap = "imap", false, "mailboxes per second (rate) that clients open over TLS, read and close",
        host(43, Defaults { port: 993, rate: 2.0, ..BENIGN }), Build::Model(mail::read);

    SegmentLife = "segment_life", false, "`sources` hosts and the gateway (at `source_mac`) resolve each other by ARP and ND and exchange `rate` datagrams per second each with a remote host",
        SEGMENT, Build::LanOnce(life::ordinary);
    ArpSpoof = "arp_spoof", true, "arpspoof -r, ettercap: forged replies to victim (target) and gateway, `rate` per second each; the attacker forwards their traffic",
        SEGMENT, Build::LanOnce(spoof::both_ways);
    ArpSpoofOneWay = "arp_spoof_one_way", true, "Cain: one forged reply of the gateway to the victim",
        SEGMENT, Build::LanOnce(spoof::once);
    ArpSpoofGratuitous = "arp_spoof_gratuitous", true, "forged broadcast replies every 2 s, while the gateway still answers",
        SEGMENT, Build::LanOnce(spoof::to_all);
    NdSpoof = "nd_spoof", true, "parasite6, fake_advertise6: forged advertisements with override for router and victim, `rate` per second each",
        SEGMENT, Build::LanOnce(spoof::advertised);
    NdSpoofDad = "nd_spoof_dad", true, "dos-new-ip6: the attacker claims every address that a new guest tests",
        SEGMENT, Build::LanOnce(spoof::all_addresses_taken);
    SpoofingGuest = "spoofing_guest", true, "guest 52:54:00:00:01:04 sends, requests and replies as 203.0.113.105, `rate` times per second",
        Defaults { rate: 5.0, ..SEGMENT }, Build::LanRepeated(spoof::as_another_guest);
    TwoGuests = "two_guests", false, "guests 104 and 105 use their own addresses, on `interface` and the next",
        SEGMENT, Build::LanOnce(spoof::two_guests);
    GatewayChange = "gateway_change", true, "segment_life whose gateway is at another MAC address (`source_mac`) than before, unannounced",
        SEGMENT, Build::LanOnce(gateway::moved);
    RouterReplaced = "router_replaced", true, "as gateway_change, announced by ARP and ND when the new router starts",
        SEGMENT, Build::LanOnce(gateway::replaced_router);
    GatewayFailover = "gateway_failover", true, "keepalived without virtual MAC: five gratuitous replies; the old router remains as 203.0.113.2",
        SEGMENT, Build::LanOnce(gateway::failover);
    VrrpFailover = "vrrp_failover", false, "two routers with one virtual MAC; in the middle the second, on the next interface, takes over after 3.6 s",
        SEGMENT, Build::LanOnce(gateway::vrrp);
    GatewaySilent = "gateway_silent", true, "`sources` hosts request the gateway once a second each, without a reply",
        SEGMENT, Build::LanOnce(gateway::silent);
    GatewaySilentV6 = "gateway_silent_v6", true, "the router's last advertisement has a lifetime of 3 s; `sources` hosts solicit it without a reply",
        SEGMENT, Build::LanOnce(gateway::silent_v6);
    NewStations = "new_stations", true, "`sources` stations with static addresses start, 50 ms apart; the first is at `source_mac`",
        Defaults { sources: 1, ..SEGMENT }, Build::LanOnce(pairing::arrivals);
    StationReplaced = "station_replaced", true, "the station at `source_mac` announces and uses the address of the target, which is off",
        SEGMENT, Build::LanOnce(pairing::replaced);
    StationRestored = "station_restored", true, "the target announces and uses its address again",
        SEGMENT, Build::LanOnce(pairing::restored);
    AddressReused = "address_reused", false, "a station gets a lease, in the middle, for the address that the target used",
        SEGMENT, Build::LanOnce(pairing::leased_again);
    QuietNight = "quiet_night", false, "traffic between `sources` hosts only; no requests for the gateway after the first seconds",
        SEGMENT, Build::LanOnce(life::quiet_night);
    WrongGateway = "wrong_gateway", false, "one host requests every second an address that does not exist",
        SEGMENT, Build::LanOnce(life::wrong_gateway);
    IpConflict = "ip_conflict", true, "two hosts announce and answer for the same address (target)",
        SEGMENT, Build::LanOnce(conflict::two_hosts);
    ArpFlux = "arp_flux", false, "a Linux host with two NICs in one network, both of which answer for both addresses",
        SEGMENT, Build::LanOnce(conflict::flux);
    ArpBalance = "arp_balance", false, "balance-alb: `sources` clients get one of two MAC addresses, some of them the other one in the middle",
        Defaults { sources: 12, ..SEGMENT }, Build::LanOnce(conflict::balance);
    ArpRefresh = "arp_refresh", false, "the owner of the target refreshes one peer's cache by unsolicited replies, `rate` per second, and uses the address after 3 s", SEGMENT, Build::LanOnce(owners::refreshed);
    ArpRefreshGratuitous = "arp_refresh_gratuitous", false, "as arp_refresh, by gratuitous replies to the one peer", SEGMENT, Build::LanOnce(owners::refreshed_gratuitously);
    ArpRefreshOnly = "arp_refresh_only", false, "as arp_refresh_gratuitous; the owner sends nothing else", SEGMENT, Build::LanOnce(owners::refreshed_only);
    ArpRefreshDualStack = "arp_refresh_dual_stack", false, "as arp_refresh; the owner uses IPv6 as well", SEGMENT, Build::LanOnce(owners::refreshed_by_dual_stack);
    ArpRequestsForged = "arp_requests_forged", true, "NetCut: a station with its own address asks the router as the target and the target as the router, unicast, `rate` per second each", SEGMENT, Build::LanOnce(owners::asked_in_name);
    ArpRequestsForgedHost = "arp_requests_forged_host", true, "as arp_requests_forged, one neighbour as another (target)", SEGMENT, Build::LanOnce(owners::asked_in_name_of_host);
    ArpAnnounce = "arp_announce", false, "a Linux host with two NICs in one network (arp_announce = 0), each of which asks with the addresses of both", SEGMENT, Build::LanOnce(owners::asked_from_both);
    ArpAnnounceOne = "arp_announce_one", false, "as arp_announce; only the first NIC's address is in use, and the second NIC, which has announced its own if `sources` is above 1, asks with it", SEGMENT, Build::LanOnce(owners::asked_from_second);
    ArpTakeover = "arp_takeover", false, "a station with its own address asks as the target, which is silent from the middle on", SEGMENT, Build::LanOnce(owners::asked_after_takeover);
    SplitCluster = "split_cluster", true, "two nodes with their own addresses announce, answer for and use one service address", SEGMENT, Build::LanOnce(owners::split_cluster);
    ClusterMoves = "cluster_moves", false, "a service address moves from one node to another in the middle, announced five times", SEGMENT, Build::LanOnce(owners::cluster_moves);
    RouterDenied = "router_denied", true, "a station answers the probes of the router, which reboots, for its IPv4 address", SEGMENT, Build::LanOnce(owners::router_denied);
    RouterDeniedV6 = "router_denied_v6", true, "as router_denied, for IPv6", SEGMENT, Build::LanOnce(owners::router_denied_v6);
    RouterReboots = "router_reboots", false, "the router reboots and tests its addresses, which are free", SEGMENT, Build::LanOnce(owners::router_reboots);
    OwnerDefends = "owner_defends", false, "two new guests test the address of the target, which defends it", SEGMENT, Build::LanOnce(owners::owner_defends);
    MacFlap = "mac_flap", true, "a MAC address enters on `interface` and the next in turn, `rate` changes per second",
        Defaults { rate: 2.0, ..SEGMENT }, Build::LanOnce(switch::flapping);
    Migration = "migration", false, "a guest moves from `interface` to the next in the middle, announced by RARP five times",
        SEGMENT, Build::LanOnce(switch::migration);
    StpFromGuest = "stp_from_guest", true, "yersinia: a guest claims the root of the spanning tree every 2 s",
        SEGMENT, Build::LanOnce(switch::root_claim);
    StpSwitch = "stp_switch", false, "the upstream switch sends BPDUs every 2 s",
        SEGMENT, Build::LanOnce(switch::tree_above);
    MacFlood = "mac_flood", true, "macof: SYN between random MAC and IP addresses",
        Defaults { rate: 2_000.0, ..SEGMENT }, Build::LanRepeated(storm::macof);
    MacFloodStations = "mac_flood_stations", true, "as mac_flood, without group addresses as sources", Defaults { rate: 2_000.0, ..SEGMENT }, Build::LanRepeated(storm::macof_stations);
    PowerCut = "power_cut", false, "`sources` guests with random MAC addresses boot within 3 s: DHCP, ARP, ND, MLD, mDNS, and then traffic",
        Defaults { sources: 200, ..SEGMENT }, Build::LanOnce(boot::power_cut);
    StationsArrive = "stations_arrive", false, "`sources` stations come up one after the other within two thirds of the span and communicate", Defaults { sources: 600, ..SEGMENT }, Build::LanOnce(boot::one_by_one);
    Pods = "pods", false, "`sources` containers with random MAC addresses start within 5 s in 172.17.0.0/16 and send to a remote host",
        Defaults { sources: 150, ..SEGMENT }, Build::LanOnce(boot::pods);
    DhcpBoot = "dhcp_boot", false, "one guest (target) boots by DHCP, tests and announces its addresses, and communicates",
        SEGMENT, Build::LanOnce(boot::one);
    GuestReboots = "guest_reboots", false, "dhcp_boot `sources` times in the span",
        Defaults { sources: 10, ..SEGMENT }, Build::LanOnce(boot::again_and_again);
    GuestRenews = "guest_renews", false, "guest 104 uses its addresses, link-local, none, and one leased by DHCP, which it renews",
        SEGMENT, Build::LanOnce(boot::renewals);
    Slaac = "slaac", false, "`sources` guests, one per second, configure themselves: MLD, DAD, RS, RA",
        Defaults { sources: 20, ..SEGMENT }, Build::LanOnce(boot::slaac);
    ArpFlood = "arp_flood", true, "requests of one station for four addresses",
        Defaults { rate: 3_000.0, ..SEGMENT }, Build::LanRepeated(storm::arp);
    GratuitousStorm = "gratuitous_storm", true, "gratuitous replies of one station for one address",
        Defaults { rate: 400.0, ..SEGMENT }, Build::LanRepeated(storm::gratuitous_arp);
    GarpFailover = "garp_failover", false, "a load balancer announces `sources` addresses five times within a second, once",
        Defaults { sources: 200, ..SEGMENT }, Build::LanOnce(storm::takeover);
    PairFailover = "pair_failover", false, "a VRRP pair moves `sources` addresses and moves them back; each router announces each five times, and again after 5 s", Defaults { sources: 600, ..SEGMENT }, Build::LanOnce(storm::pair_takes_over);
    NetbiosStorm = "netbios_storm", true, "NetBIOS answers of one station to its network's broadcast address", Defaults { rate: 5_000.0, ..SEGMENT }, Build::LanRepeated(storm::netbios_answers);
    BroadcastStorm = "broadcast_storm", true, "UDP broadcasts of `payload` octets from one station",
        Defaults { rate: 5_000.0, payload: 200, ..SEGMENT }, Build::LanRepeated(storm::broadcast);
    BroadcastStormMany = "broadcast_storm_many", true, "broadcast_storm from `sources` stations in turn",
        Defaults { rate: 5_000.0, payload: 200, sources: 50, ..SEGMENT }, Build::LanRepeated(storm::broadcast_of_many);
    MulticastStorm = "multicast_storm", true, "UDP of `payload` octets from one station to `sources` groups of 239/8 without members",
        Defaults { rate: 8_000.0, payload: 200, sources: 16, ..SEGMENT }, Build::LanRepeated(storm::multicast);
    Iptv = "iptv", false, "RTP of one source to one group, with IGMP of router and hosts",
        Defaults { rate: 1_500.0, payload: 1_316, ..SEGMENT }, Build::LanRepeated(storm::television);
    IptvIgmp2 = "iptv_igmp2", false, "RTP of the router to `sources` groups, `rate` in all, each joined by IGMPv2", Defaults { rate: 5_760.0, payload: 1_316, sources: 12, ..SEGMENT }, Build::LanRepeated(groups::igmp2);
    IptvIgmp3 = "iptv_igmp3", false, "as iptv_igmp2, by IGMPv3", Defaults { rate: 5_760.0, payload: 1_316, sources: 12, ..SEGMENT }, Build::LanRepeated(groups::igmp3);
    IptvMld2 = "iptv_mld2", false, "as iptv_igmp2, over IPv6, by MLDv2", Defaults { rate: 5_760.0, payload: 1_228, sources: 12, ..SEGMENT }, Build::LanRepeated(groups::mld2);
    JoinedStorm = "joined_storm", true, "UDP of one station to `sources` groups that hosts have joined", Defaults { rate: 7_000.0, payload: 200, sources: 1, ..SEGMENT }, Build::LanRepeated(groups::flooded);
    SynFloodInternal = "syn_flood_internal", true, "SYN of `sources` guests with their own addresses from random ports to a neighbour (target)", Defaults { rate: 3_000.0, sources: 3, ..SEGMENT }, Build::LanRepeated(inside::syn);
    UnknownUnicast = "unknown_unicast", true, "frames of one station to unknown MAC addresses",
        Defaults { rate: 5_000.0, ..SEGMENT }, Build::LanRepeated(storm::unknown_unicast);
    OneWayBackup = "one_way_backup", false, "TCP segments of `payload` octets to one MAC address (of the target), without responses in the capture",
        Defaults { rate: 5_000.0, payload: 1_448, target: Target::Host(22), ..SEGMENT }, Build::LanRepeated(storm::backup);
    L2Loop = "l2_loop", true, "broadcasts and multicasts of five stations enter repeatedly, octet for octet the same",
        Defaults { rate: 5_000.0, ..SEGMENT }, Build::LanRepeated(storm::switching_loop);
    L2LoopBack = "l2_loop_back", true, "broadcasts and multicasts of five inside guests leave once and enter repeatedly",
        Defaults { rate: 5_000.0, ..SEGMENT }, Build::LanRepeated(storm::own_frames_return);
    ChattyBroadcast = "chatty_broadcast", false, "discovery between `sources` Windows and Linux hosts by NetBIOS, LLMNR, SSDP, mDNS and ARP",
        Defaults { rate: 35.0, sources: 300, ..SEGMENT }, Build::LanRepeated(life::windows);
    MdnsChatter = "mdns_chatter", false, "`sources` hosts in turn announce themselves over mDNS, twice each",
        Defaults { rate: 5.0, sources: 40, ..SEGMENT }, Build::LanRepeated(life::mdns_chatter);
    DhcpStarvation = "dhcp_starvation", true, "DHCPig: DISCOVER of a different client and MAC address each time",
        Defaults { rate: 50.0, ..SEGMENT }, Build::LanRepeated(servers::starvation);
    DhcpStarvationOneCard = "dhcp_starvation_one_card", true, "yersinia: DISCOVER of a different client each time, all from one MAC address",
        Defaults { rate: 50.0, ..SEGMENT }, Build::LanRepeated(servers::starvation_one_mac);
    DhcpStarvationLeases = "dhcp_starvation_leases", true, "as dhcp_starvation; each client accepts its lease",
        Defaults { rate: 50.0, ..SEGMENT }, Build::LanRepeated(servers::starvation_leases);
    DhcpFlood = "dhcp_flood", true, "DISCOVER and INFORM of one client",
        Defaults { rate: 200.0, ..SEGMENT }, Build::LanRepeated(servers::flood);
    RogueDhcp = "rogue_dhcp", true, "`rate` new guests per second, which receive an offer of the attacker in addition to that of the server",
        SEGMENT, Build::LanRepeated(servers::rogue);
    DhcpV6 = "dhcp_v6", false, "`rate` guests per second obtain an address by DHCPv6",
        SEGMENT, Build::LanRepeated(servers::leases6);
    RogueDhcpV6 = "rogue_dhcp6", true, "as dhcp_v6; the attacker advertises itself in addition to the server",
        SEGMENT, Build::LanRepeated(servers::rogue6);
    DhcpRelay = "dhcp_relay", false, "`rate` new guests per second, which receive offers of both servers of a failover pair",
        SEGMENT, Build::LanRepeated(servers::pair);
    DhcpLatePair = "dhcp_late_pair", false, "`rate` new guests per second; a second server for half of them, with the same router, begins in the middle",
        SEGMENT, Build::LanRepeated(servers::late_pair);
    RogueDhcpAlone = "rogue_dhcp_alone", true, "`rate` new guests per second, which the attacker alone answers, naming itself as router",
        SEGMENT, Build::LanRepeated(servers::rogue_alone);
    DhcpFromElsewhere = "dhcp_from_elsewhere", false, "what resembles DHCP and comes through the router: random octets, offers, DISCOVERs",
        Defaults { rate: 30.0, ..SEGMENT }, Build::LanRepeated(servers::from_elsewhere);
    DhcpRepeater = "dhcp_repeater", false, "`sources` stations take leases behind a wireless bridge that sends under its own MAC address",
        Defaults { sources: 12, ..SEGMENT }, Build::LanOnce(servers::repeater);
    RogueRaClient = "rogue_ra_client", true, "a client of the router begins in the middle to advertise another prefix every 8 s",
        SEGMENT, Build::LanOnce(servers::client_turns_router);
    MoreRouters = "more_routers", false, "a second router with the same prefix, and a third with its own that it advertises rarely",
        SEGMENT, Build::LanOnce(servers::more_routers);
    KillRouter = "kill_router", true, "kill_router6: the attacker withdraws the router in its name every 3 s",
        SEGMENT, Build::LanOnce(servers::kill_router);
    RouterRestarts = "router_restarts", false, "the router withdraws itself and is back after 5 s",
        SEGMENT, Build::LanOnce(servers::router_restarts);
    RogueRa = "rogue_ra", true, "fake_router6: the attacker advertises another prefix in addition to the router",
        SEGMENT, Build::LanOnce(servers::rogue_router);
    RogueRaFlood = "rogue_ra_flood", true, "flood_router6: advertisements of random routers and prefixes",
        Defaults { rate: 500.0, ..SEGMENT }, Build::LanRepeated(servers::router_flood);

    BenchSyn = "bench_syn", true, "for benchmarks: SYN flood of 60-octet frames from the whole IPv4 space",
        Defaults { rate: 1_000_000.0, ..SPOOFED }, Build::Bench(bench::syn);
    BenchMixed = "bench_mixed", false, "for benchmarks: 10,000 bidirectional TCP and UDP flows, frames of 423 octets on average",
        Defaults { rate: 500_000.0, sources: 5_000, ..ATTACK }, Build::Bench(bench::mixed);
    BenchConversations = "bench_conversations", false, "for benchmarks: `sources` conversations at a time (TCP with handshakes, DNS, QUIC, pings) between clients and servers on either side",
        Defaults { rate: 100_000.0, sources: 10_000, target: Target::WideNetwork, ..ATTACK }, Build::Bench(conversations::bench);
    BenchDnsAmp = "bench_dns_amp", true, "for benchmarks: DNS responses of 1400 octets from 5,000 reflectors",
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
