//! The latest event of open pages, written once for all of them.

use axum::body::Bytes;
use std::sync::{Mutex, PoisonError};

/// Pages that may be open at the same time. There are more connections, so that they do not stop scrapes.
pub(super) const MOST_STREAMS: usize = 96;

/// The last event, by the number of the news that it tells.
#[derive(Default)]
pub(super) struct LastEvent(Mutex<(u64, Bytes)>);

impl LastEvent {
    /// The event that tells this news, written unless another stream has done so.
    pub(super) fn of(&self, news: u64, write: impl FnOnce() -> String) -> Bytes {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 != news || last.1.is_empty() {
            *last = (news, format!("event: now\ndata: {}\n\n", write()).into());
        }
        last.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_once() {
        let last = LastEvent::default();
        let first = last.of(1, || "one".to_owned());
        assert_eq!(last.of(1, || unreachable!("it is known")), first);
        assert_eq!(&*last.of(2, || "two".to_owned()), b"event: now\ndata: two\n\n");
    }
}
