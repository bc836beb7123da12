pub mod base;
pub mod capture;
pub mod detect;
pub mod incident;
pub mod inventory;
pub mod meter;
pub mod packet;
