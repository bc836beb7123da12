//! Options of DHCP, DHCPv6 and neighbour discovery, one by one, as far as they were captured.

/// Options read of one message: no honest message has more.
pub(super) const MOST: usize = 64;

/// The code and value of each DHCP option after the magic cookie (RFC 2132 §2), to the end option or the first that is cut
/// off. `message` is the whole message.
pub(super) fn dhcp(message: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = message.get(240..).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            let (&code, after) = rest.split_first()?;
            if code != 0 {
                let (&length, after) = after.split_first().filter(|_| code != 255)?;
                let (value, after) = after.split_at_checked(length.into())?;
                rest = after;
                return Some((code, value));
            }
            rest = after;
        }
    })
    .take(MOST)
}

/// The code, value and announced length of each DHCPv6 option (RFC 8415 §21.1); the value of the last one may be cut off.
pub(super) fn dhcpv6(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8], usize)> {
    std::iter::from_fn(move || {
        let (&[c0, c1, l0, l1], after) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let (value, after) = after.split_at(length.min(after.len()));
        rest = after;
        Some((u16::from_be_bytes([c0, c1]), value, length))
    })
    .take(MOST)
}

/// The type and content (from the third octet) of each option of neighbour discovery (RFC 4861 §4.6), to the first that is
/// cut off. An option of no length, which is invalid, has no content and is the last.
pub(super) fn discovery(mut rest: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let &[kind, units] = rest.first_chunk::<2>()?;
        let (option, after) = rest.split_at_checked(usize::from(units) * 8)?;
        rest = if units == 0 { &[] } else { after };
        Some((kind, option.get(2..).unwrap_or_default()))
    })
    .take(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_where_they_are_cut_off() {
        let mut message = vec![0; 240];
        message.extend([0, 0, 53, 1, 2, 3, 4, 10, 0, 0, 1, 6, 4, 10]);
        assert_eq!(dhcp(&message).collect::<Vec<_>>(), [(53, &[2][..]), (3, &[10, 0, 0, 1])]);
        message.truncate(247);
        assert_eq!(dhcp(&message).count(), 1);
        assert_eq!(dhcpv6(&[0, 8, 0, 1, 9, 0, 2, 0, 5, 1]).collect::<Vec<_>>(), [(8, &[9][..], 1), (2, &[1], 5)]);
        assert_eq!(discovery(&[1, 1, 2, 3, 4, 5, 6, 7, 3, 4, 0]).collect::<Vec<_>>(), [(1, &[2, 3, 4, 5, 6, 7][..])]);
    }

    #[test]
    fn an_option_of_no_length_is_the_last() {
        assert_eq!(discovery(&[1, 0, 2, 3, 4, 5, 6, 7, 1, 1, 0, 0, 0, 0, 0, 0]).collect::<Vec<_>>(), [(1, &[][..])]);
    }
}
