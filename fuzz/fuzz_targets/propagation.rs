//! Whatever headers come in, what goes out is well-formed, within its limits, and says the same to the next service.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use inkstone_observe::trace::{TraceIds, TraceState, extract, inject};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 4] = ["traceparent", "tracestate", "baggage", "x-key"];

// A line each: the number of a name, and a value.
fuzz_target!(|data: &[u8]| {
    let mut came = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some((name, value)) = line.split_first() else { continue };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            came.append(NAMES[usize::from(*name) % NAMES.len()], value);
        }
    }
    let keys = [HeaderName::from_static("x-key")];
    let context = extract(&came, &keys).begin(|| TraceIds::root(false));
    let state = context.state().and_then(TraceState::as_str).unwrap_or_default();
    assert!(state.len() <= 512 && state.split(',').count() <= 32);
    assert!(context.baggage().to_string().len() <= 8192 && context.baggage().iter().count() <= 64);
    assert!(context.keys().all(|(_, value)| value.len() <= 256));

    let mut sent = HeaderMap::new();
    inject(&context, &keys, &mut sent);
    let again = extract(&sent, &keys).begin(|| panic!("what was sent has a parent"));
    assert_eq!((again.ids().trace, again.ids().sampled), (context.ids().trace, context.ids().sampled));
    assert_eq!(again.state().and_then(TraceState::as_str).unwrap_or_default(), state);
    assert_eq!(again.baggage(), context.baggage());
    assert!(again.keys().eq(context.keys()));
});
