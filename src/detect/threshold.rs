//! Thresholds that are part of a method: not settings, but each with its reason and the scenario that guards it.

/// A number that a detector compares with. It has a name, so that no condition holds a bare numeral, and it is part of
/// the detector's page in the book.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    /// Name in the book, unique within the detector or the shared module.
    pub name: &'static str,
    /// The number itself, in `unit`.
    pub value: f64,
    /// Unit for the book, e.g. "times the limit" or "share of SYNs".
    pub unit: &'static str,
    /// Why this value: what a lower and a higher one would cost.
    pub reason: &'static str,
    /// The scenario under `tests/scenarios` that fails, or comes closest to failing, when the value is wrong.
    pub guarded_by: &'static str,
}

impl Threshold {
    /// Whether `part` is at least this share of `whole`. Nothing is a share of nothing.
    pub fn is_reached_by(&self, part: u64, whole: u64) -> bool {
        whole > 0 && part as f64 >= self.value * whole as f64
    }
}
