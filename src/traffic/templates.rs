//! Messages with a fixed beginning: requests to the services on reflectors, and their responses. The rest of a message
//! does not matter; it repeats a pattern, or is random if there is none.

/// The beginning of a message, and the pattern that fills the rest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// Port of the service that receives the request or sends the response.
    pub(crate) port: u16,
    pub(crate) head: &'static [u8],
    pub(crate) fill: &'static [u8],
}

const fn new(port: u16, head: &'static [u8], fill: &'static [u8]) -> Template {
    Template { port, head, fill }
}

/// NTP mode 7 (private), implementation 3 (XNTPD), request 42 (MON_GETLIST_1).
pub(crate) static MONLIST_REQUEST: Template = new(123, &[0x17, 0, 3, 0x2a], &[0]);
pub(crate) static CHARGEN: Template = new(19, b"", b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n");
pub(crate) static QOTD: Template = new(17, b"\"", b"We have more to fear than the bungling of the incompetent. ");
/// Accepted reply to DUMP: a list of program, version, protocol, port.
pub(crate) static PORTMAP: Template = new(
    111,
    &[0x65, 0x72, 0x0a, 0x37, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[0, 0, 0, 1, 0, 1, 0x86, 0xa0, 0, 0, 0, 2, 0, 0, 0, 17, 0, 0, 0, 111],
);
/// Node status response to `*`.
pub(crate) static NETBIOS: Template = new(
    137,
    b"\x80\xf0\x84\0\0\0\0\x01\0\0\0\0\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\x01\0\0\0\0\0\x89\x05",
    b"FILESERVER     \0\x04\0",
);
/// First block of a file.
pub(crate) static TFTP: Template = new(69, &[0, 3, 0, 1], b"!hostname gw1\ninterface GigabitEthernet0/0\n");
pub(crate) static TFTP_ACK: Template = new(69, &[0, 4, 0, 1], &[0]);
/// Routes: family, address, metric.
pub(crate) static RIPV1: Template =
    new(520, &[2, 1, 0, 0], &[0, 2, 0, 0, 10, 9, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
/// The response to a query for `_services._dns-sd._udp.local`.
pub(crate) static MDNS: Template = new(
    5353,
    b"\0\0\x84\0\0\x01\0\x06\0\0\0\0\x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\x01",
    b"\xc0\x0c\0\x0c\0\x01\0\0\0\x0a\0\x0e\x0b_googlecast\xc0\x23",
);
pub(crate) static WS_DISCOVERY: Template = new(
    3702,
    b"<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"><soap:Body><wsd:ProbeMatches>",
    b"<wsd:ProbeMatch><wsd:Types>dn:NetworkVideoTransmitter</wsd:Types></wsd:ProbeMatch>",
);
pub(crate) static ARMS: Template = new(3283, &[0, 1, 3, 0xea, 0x31, 0, 0, 0], &[0]);
/// An acknowledgement with code 2.05 (Content): the list of resources.
pub(crate) static COAP: Template =
    new(5683, b"\x61\x45\x12\x34\x7a\xc1\x28\xff", b"</sensors/temp>;rt=\"temperature-c\";if=\"sensor\",");
pub(crate) static COAP_GET: Template = new(5683, b"\x41\x01\x12\x34\x7a\xb7sensors", &[0]);
/// Service reply with URL entries.
pub(crate) static SLP: Template = new(
    427,
    b"\x02\x02\0\x04\0\0\0\0\0\0\x12\x34\0\x02en\0\0\0\x10",
    b"\0\x2a\x30\0\x1cservice:VMwareInfrastructure\0",
);
/// Response to A2S_INFO.
pub(crate) static STEAM: Template = new(27015, b"\xff\xff\xff\xffI\x11Counter-Strike Source\0", b"de_dust2\0cstrike\0");
pub(crate) static STEAM_QUERY: Template = new(27015, b"\xff\xff\xff\xffTSource Engine Query\0", &[0]);
pub(crate) static QUAKE: Template = new(
    27960,
    b"\xff\xff\xff\xffstatusResponse\n\\gamename\\baseq3\\sv_maxclients\\16\\mapname\\q3dm17\n",
    b"0 48 \"UnnamedPlayer\"\n",
);
pub(crate) static QUAKE_QUERY: Template = new(27960, b"\xff\xff\xff\xffgetstatus\n", &[0]);
pub(crate) static MSSQL: Template = new(
    1434,
    b"\x05\x0a\x02",
    b"ServerName;DB1;InstanceName;SQLEXPRESS;IsClustered;No;Version;10.50.1600.1;tcp;1433;;",
);
/// P_CONTROL_HARD_RESET_SERVER_V2: only the opcode is fixed.
pub(crate) static OPENVPN: Template = new(1194, &[0x40], &[]);
/// P_DATA_V2 with its peer ID.
pub(crate) static OPENVPN_DATA: Template = new(1194, &[0x48, 0, 0, 7], &[]);
/// Binding success response that begins with XOR-MAPPED-ADDRESS. The text of a SOFTWARE attribute fills the rest.
pub(crate) static STUN: Template = new(
    3478,
    &[1, 1, 0, 0x30, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0x20, 0, 8, 0, 1],
    b"Coturn-4.5.2 'dan Eider'\0\0\0\0",
);
pub(crate) static STUN_REQUEST: Template = new(3478, &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], &[]);
/// A ChannelData message of TURN (RFC 8656 §12.4) that carries RTP.
pub(crate) static TURN_DATA: Template = new(3478, &[0x40, 1, 0, 0xac, 0x80, 8], &[]);
pub(crate) static SIP: Template = new(
    5060,
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK-1;rport\r\nFrom: <sip:100@pbx.example>;tag=1\r\n",
    b"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO\r\n",
);
pub(crate) static SIP_REGISTER: Template = new(
    5060,
    b"REGISTER sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK-2;rport\r\n",
    b"Max-Forwards: 70\r\n",
);
pub(crate) static SIP_INVITE: Template = new(
    5060,
    b"INVITE sip:100@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK-3;rport\r\n",
    b"Max-Forwards: 70\r\n",
);
pub(crate) static SIP_CHALLENGE: Template = new(
    5060,
    b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK-2;rport\r\n",
    b"WWW-Authenticate: Digest realm=\"pbx.example\", nonce=\"1\"\r\n",
);
pub(crate) static SIP_REQUEST: Template = new(
    5060,
    b"OPTIONS sip:100@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK-1;rport\r\n",
    b"Max-Forwards: 70\r\n",
);
/// Main mode of IKEv1: the responder's choice of proposal.
pub(crate) static ISAKMP: Template = new(
    500,
    &[
        1, 2, 3, 4, 5, 6, 7, 8, 0x6e, 0x1b, 0x77, 0x0c, 0x52, 0x21, 9, 8, 1, 0x10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x54, 0,
        0, 0, 0x38, 0, 0, 0, 1, 0, 0, 0, 1,
    ],
    &[0x80, 1, 0, 5],
);
pub(crate) static ISAKMP_REQUEST: Template = new(
    500,
    &[1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x54, 0, 0, 0, 0x38],
    &[0x80, 1, 0, 5],
);
/// Acknowledgement (Complex-ACK) of ReadPropertyMultiple.
pub(crate) static BACNET: Template =
    new(47808, &[0x81, 0x0a, 1, 0x80, 1, 0, 0x30, 1, 0x0e, 0x0c, 2, 0, 0, 1], b"\x29\x4d\x4e\x75\x10\0Controller\x4f");
pub(crate) static UBIQUITI: Template =
    new(10001, &[1, 0, 0, 0x9d], b"\x02\0\x0a\x24\xa4\x3c\x12\x34\x56\xc0\xa8\x01\x14");
pub(crate) static DHIP: Template = new(
    37810,
    b"\x20\0\0\0DHIP\0\0\0\0\0\0\0\0\x8a\x02\0\0\0\0\0\0\x8a\x02\0\0\0\0\0\0{\"mac\":\"3c:ef:8c:01:02:03\",\"method\":\"client.notifyDevInfo\",",
    b"\"DeviceType\":\"DHI-NVR4104\",",
);
pub(crate) static PLEX: Template = new(
    32414,
    b"HTTP/1.0 200 OK\r\nContent-Type: plex/media-server\r\nName: media\r\nPort: 32400\r\n",
    b"Resource-Identifier: 0123456789abcdef\r\n",
);
pub(crate) static TP240: Template = new(10074, b"Starting Call, Call_ID= testcall_0  ", b" ");
pub(crate) static JENKINS: Template =
    new(33848, b"<hudson><version>2.204.1</version><url>http://ci.example/</url><server-id>", b"0123456789abcdef");
/// Response to find_node or get_peers: compact nodes.
pub(crate) static BITTORRENT: Template = new(6881, b"d1:rd2:id20:abcdefghij01234567895:nodes416:", &[]);
pub(crate) static BITTORRENT_QUERY: Template =
    new(6881, b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe", &[0]);
/// Start-Control-Connection-Reply: message type, version, capabilities, host name.
pub(crate) static L2TP: Template = new(
    1701,
    &[
        0xc8, 2, 0, 0x69, 0, 9, 0, 0, 0, 0, 0, 1, 0x80, 8, 0, 0, 0, 0, 0, 2, 0x80, 8, 0, 0, 0, 2, 1, 0, 0x80, 10, 0, 0,
        0, 3, 0, 0, 0, 3,
    ],
    b"\x80\x08\0\0\0\x07gw",
);
/// SYN+ACK datagram of MS-RDPEUDP.
pub(crate) static RDP: Template =
    new(3389, &[0x1a, 0x2b, 0x3c, 0x4d, 0, 0x40, 0, 5, 0x11, 0x22, 0x33, 0x44, 4, 0xd0, 4, 0xd0], &[0]);
/// A service that is not in the table of amplifiers.
pub(crate) static UNKNOWN: Template = new(17185, &[0, 0, 0, 0, 0, 0, 0, 1], &[]);
