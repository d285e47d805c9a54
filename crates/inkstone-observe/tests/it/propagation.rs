//! What holds for every header.

use http::{HeaderMap, HeaderName, HeaderValue};
use inkstone_observe::trace::{Baggage, TraceIds, TraceState, extract, inject};
use proptest::prelude::*;

fn headers(all: &[(&'static str, Vec<u8>)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in all {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(*name, value);
        }
    }
    headers
}

proptest! {
    #[test]
    fn whatever_comes_in_what_goes_out_is_well_formed_and_says_the_same(
        parent in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,9})?|.{0,60}",
        state in prop::collection::vec("[a-z@]{1,4}=[ -~]{0,140}(,[a-z]=x){0,40}|.{0,20}", 0..3),
        baggage in prop::collection::vec("([a-z%]{1,3}=[!-~é]{0,9},?){0,70}|.{0,20}", 0..3),
        key in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut all = vec![("traceparent", parent.into_bytes()), ("x-key", key)];
        all.extend(state.into_iter().map(|text| ("tracestate", text.into_bytes())));
        all.extend(baggage.into_iter().map(|text| ("baggage", text.into_bytes())));
        let keys = [HeaderName::from_static("x-key")];
        let came = extract(&headers(&all), &keys);
        let parent = came.parent();
        let begun = came.begin(|| TraceIds::root(false));
        prop_assert!(parent.is_none_or(|parent| parent.trace == begun.ids().trace && parent.span != begun.ids().span));

        let mut sent = HeaderMap::new();
        inject(&begun, &keys, &mut sent);
        let state = begun.state().and_then(TraceState::as_str).unwrap_or_default();
        prop_assert!(state.len() <= 512 && begun.baggage().to_string().len() <= 8192 && begun.baggage().iter().count() <= 64);
        let again = extract(&sent, &keys).begin(|| panic!("what was sent has a parent"));
        prop_assert_eq!(again.ids().trace, begun.ids().trace);
        prop_assert_eq!(again.ids().sampled, begun.ids().sampled);
        prop_assert_eq!(again.state().and_then(TraceState::as_str).unwrap_or_default(), state);
        prop_assert_eq!(again.baggage(), begun.baggage());
        prop_assert!(again.keys().eq(begun.keys()));
    }

    #[test]
    fn any_value_comes_through_the_baggage_unchanged(pairs in prop::collection::vec(("[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,8}", any::<String>()), 0..9)) {
        let mut baggage = Baggage::default();
        for (key, value) in &pairs {
            baggage = baggage.with(key, value).unwrap();
            prop_assert_eq!(baggage.get(key), Some(value.as_str()));
        }
        prop_assert_eq!(Baggage::parse([baggage.to_string().as_str()]), baggage);
    }
}
