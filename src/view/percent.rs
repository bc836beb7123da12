//! Shares as people read them.

/// A share in percent, rounded down: less than all is never shown as all, and more than nothing never as nothing.
pub fn percent(share: f64) -> String {
    // What a decimal fraction lacks in binary is not lost.
    let tenths = (share * 1000.0 + 1e-6).floor();
    match share > 0.0 && tenths < 1.0 {
        true => "< 0.1 %".to_owned(),
        false => format!("{:.1} %", tenths / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_down_to_what_is_sure() {
        let shown = [1.0, 0.99999, 0.29, 0.351, 0.103, 0.0996, 0.0004, 0.0].map(percent);
        assert_eq!(shown, ["100.0 %", "99.9 %", "29.0 %", "35.1 %", "10.3 %", "9.9 %", "< 0.1 %", "0.0 %"]);
    }
}
