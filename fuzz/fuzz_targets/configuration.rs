//! Configuration of any content is read, merged over another and reported on without a panic; every fault points into
//! the text, and no secret is shown.
//!
//! The input is one or two texts with a zero byte between them; the first letter of each names its format.
#![no_main]

use inkstone_config::{Settings, Sources, check_text};
use inkstone_fuzz::{CANARY, KINDS, holds_secret, load_all, report, shown};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let mut sources = Sources::new();
    let mut secret = true;
    for part in input.splitn(2, '\0') {
        let mut rest = part.chars();
        let name = match rest.next() {
            Some('t') => "f.toml",
            Some('y') => "f.yaml",
            _ => "f.json",
        };
        let text = rest.as_str();
        let checked = report(&check_text(name, text, KINDS));
        if holds_secret(name, text) {
            assert!(!checked.contains(CANARY), "{checked}");
        } else {
            // Where it stands in a place that is no secret, it may be shown.
            secret &= !text.contains(CANARY);
        }
        sources = sources.text(name, text);
    }
    let settings = Settings::open(sources);
    load_all(&settings);
    let shown = shown(&settings);
    assert!(!secret || !shown.contains(CANARY), "{shown}");
});
