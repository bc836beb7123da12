//! Posture: what must hold on this host, and whether it does. A firewall that silently did not start is found here, not
//! in any packet.
//!
//! The kernel's word is read from files ([`kernel`]); that of systemd and nftables is asked for by their own tools
//! ([`tool`]), each with a time limit. [`Watch`] keeps what was found over many looks. Nothing is changed on the host.

mod check;
mod kernel;
mod nftables;
mod outcome;
mod systemd;
mod tool;
mod watch;

pub use check::{Check, Family, Must, Posture};
pub use kernel::Kernel;
pub use tool::Tools;
pub use watch::{Watch, unknown};

use outcome::Found;
