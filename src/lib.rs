pub mod base;
pub mod capture;
