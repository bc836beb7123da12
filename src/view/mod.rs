//! What people look at: one second of a running Pegel, for the web page, the terminal and the API. Types only; the runtime
//! fills them in.

mod inventory;
mod overview;
mod percent;
mod sensor;
mod words;

pub use inventory::{GuestView, InterfaceView, InventoryView, NicView, ProblemView, TrafficView};
pub use overview::{
    ClassRates, HostRates, KEPT_SECONDS, Overview, Rate, SourceNetwork, SourceNetworks, StationRates, TrafficSecond,
};
pub use percent::percent;
pub use sensor::{CaptureView, CheckView, OutputView, SensorView, StoreView, TableView};
pub use words::{attack, event, is_subsiding, lasted, words};
