//! A length of time, a size and an address of any content are read or refused, and what was read is written as
//! something that reads the same.
#![no_main]

use std::{fmt::Debug, str::FromStr};

use inkstone_config::{Addr, Dur, Size};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};

fuzz_target!(|text: &str| {
    check::<Dur>(text);
    check::<Size>(text);
    check::<Addr>(text);
    if let (Ok(dur), Ok(size)) = (text.parse::<Dur>(), text.parse::<Size>()) {
        // Only nothing can be both: a length of time needs its unit.
        assert!(dur.is_zero() && size.bytes() == 0, "{text:?} is {dur} and {size}");
    }
});

fn check<T: FromStr + Debug + PartialEq + Serialize + DeserializeOwned>(text: &str) {
    let Ok(value) = text.parse::<T>() else { return };
    let json = serde_json::to_value(&value).expect("a value is written as text");
    let again: T =
        serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{text:?} {json}: {error}"));
    assert_eq!(value, again, "{text:?} was written as {json}");
}
