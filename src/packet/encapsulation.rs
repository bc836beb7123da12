//! Names of the encapsulations that carry other packets.

macro_rules! encapsulations {
    ($($variant:ident = $label:literal, $title:literal, $followed:literal;)*) => {
        /// An encapsulation that carries packets of others.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Encapsulation { $(#[doc = $title] $variant,)* }

        impl Encapsulation {
            /// Every encapsulation.
            pub const ALL: &'static [Encapsulation] = &[$(Encapsulation::$variant,)*];

            /// The value of the label `encapsulation` of `pegel_encapsulated_packets_total`.
            pub const fn name(self) -> &'static str {
                match self { $(Encapsulation::$variant => $label,)* }
            }

            /// The name shown to people.
            pub const fn title(self) -> &'static str {
                match self { $(Encapsulation::$variant => $title,)* }
            }

            /// Whether [`Tunnels::Inner`](super::Tunnels::Inner) follows it.
            pub const fn is_followed(self) -> bool {
                match self { $(Encapsulation::$variant => $followed,)* }
            }
        }
    };
}

encapsulations! {
    Gre = "gre", "GRE", true;
    Erspan = "erspan", "ERSPAN", true;
    IpInIp = "ip_in_ip", "IP in IP", true;
    EtherIp = "etherip", "EtherIP", true;
    Vxlan = "vxlan", "VXLAN", true;
    VxlanGpe = "vxlan_gpe", "VXLAN-GPE", true;
    Geneve = "geneve", "Geneve", true;
    GtpU = "gtp_u", "GTP-U", true;
    Pseudowire = "pseudowire", "an Ethernet pseudowire", true;
    Pbb = "pbb", "provider backbone bridging (802.1ah)", true;
    Mpls = "mpls", "MPLS with an unknown payload", false;
    L2tp = "l2tp", "L2TP", false;
    Ppp = "ppp", "compressed or multilink PPP", false;
    Nsh = "nsh", "a network service header", false;
    Trill = "trill", "TRILL", false;
    Esp = "esp", "ESP", false;
    MacSec = "macsec", "MACsec", false;
}

impl Encapsulation {
    /// Number of encapsulations.
    pub const COUNT: usize = Encapsulation::ALL.len();
}
