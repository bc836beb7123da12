//! A configuration: it has errors, each a line, or it is printed as one that gives the same again.
//!
//! Input: the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pegel::config::{Config, render};

fuzz_target!(|input: &str| {
    match Config::parse(input, "fuzz") {
        Ok(config) => {
            let printed = render(&config, false);
            match Config::parse(&printed, "printed") {
                Ok(again) => assert!(again == config, "printed as another one:\n{printed}"),
                Err(errors) => panic!("printed as an invalid one: {errors}\n{printed}"),
            }
            assert!(config.needs_restart(&config).is_empty());
        }
        Err(errors) => {
            assert!(!errors.errors.is_empty());
            for error in &errors.errors {
                assert!(!error.contains('\n') && error.contains(": "), "{error:?}");
            }
        }
    }
});
