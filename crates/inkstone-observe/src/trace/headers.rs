//! The context in headers: of HTTP requests, and of gRPC calls, whose metadata are headers too.

use std::sync::Arc;

use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::baggage::Baggage;
use super::context::{Carried, Context, Keys};
use super::ids::TraceIds;
use super::state::TraceState;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// The bits of `traceparent`'s flags.
const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;

/// What came with a request.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    /// The caller's span, and whether its trace id is random.
    parent: Option<(TraceIds, bool)>,
    carried: Option<Arc<Carried>>,
}

impl Incoming {
    /// The caller's span.
    #[must_use]
    pub fn parent(&self) -> Option<TraceIds> {
        self.parent.map(|(ids, _)| ids)
    }

    /// The context of a span that serves this: under the caller's, or else the one that `root` begins.
    #[must_use]
    pub fn begin(self, root: impl FnOnce() -> TraceIds) -> Context {
        match self.parent {
            Some((parent, random)) => Context::from_parts(parent.child(), random, self.carried),
            None => Context::from_parts(root(), true, self.carried),
        }
    }
}

impl From<Context> for Incoming {
    /// As if `context` were the caller.
    fn from(context: Context) -> Self {
        Self { parent: Some((context.ids(), context.random())), carried: context.carried().cloned() }
    }
}

/// Reads what came with a request: trace context, baggage, and the `keys` that are to be propagated. What is malformed,
/// too long or given twice where once is meant is left out.
#[must_use]
pub fn extract(headers: &HeaderMap, keys: &[HeaderName]) -> Incoming {
    let parent = single(headers, &TRACEPARENT).and_then(parse);
    // Without the one the other says nothing.
    let state = match parent {
        Some(_) => TraceState::parse(texts(headers, &TRACESTATE)),
        None => TraceState::default(),
    };
    let baggage = Baggage::parse(texts(headers, &BAGGAGE));
    let mut kept = Keys::default();
    for name in keys {
        if let Some(value) = headers.get(name) {
            kept.add(name.clone(), value.clone());
        }
    }
    let nothing = state.as_str().is_none() && baggage.is_empty() && kept.is_empty();
    let carried = (!nothing).then(|| Arc::new(Carried { state, baggage, keys: kept }));
    Incoming { parent, carried }
}

/// Writes `context` into the headers of an outgoing request, with those of its keys that are among `keys`. Keys and baggage
/// that whoever makes the request has set stay as they are.
pub fn inject(context: &Context, keys: &[HeaderName], headers: &mut HeaderMap) {
    headers.insert(TRACEPARENT, traceparent(context));
    let Some(carried) = context.carried() else {
        headers.remove(TRACESTATE);
        return;
    };
    match carried.state.as_str().and_then(|state| HeaderValue::from_str(state).ok()) {
        Some(state) => headers.insert(TRACESTATE, state),
        None => headers.remove(TRACESTATE),
    };
    if !carried.baggage.is_empty()
        && let Ok(baggage) = HeaderValue::try_from(carried.baggage.to_string())
        && let Entry::Vacant(vacant) = headers.entry(BAGGAGE)
    {
        vacant.insert(baggage);
    }
    for (name, value) in carried.keys.headers().filter(|(name, _)| keys.contains(name)) {
        if let Entry::Vacant(vacant) = headers.entry(name) {
            vacant.insert(value.clone());
        }
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    // Which of two would be meant is anybody's guess.
    all.next().is_none().then_some(first)
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"))
}

/// `00-<trace id>-<span id>-<flags>`
/// ([Trace Context, section 3.2](https://www.w3.org/TR/trace-context-2/#traceparent-header)).
fn parse(text: &str) -> Option<(TraceIds, bool)> {
    let bytes = text.trim_matches([' ', '\t']).as_bytes();
    let mut version = [0];
    hex(bytes.get(..2)?, &mut version)?;
    let dashes = [2, 35, 52].iter().all(|at| bytes.get(*at) == Some(&b'-'));
    // A later version may say more, behind a dash.
    let length = match version[0] {
        0xff => false,
        0 => bytes.len() == 55,
        _ => bytes.len() == 55 || bytes.get(55) == Some(&b'-'),
    };
    if !dashes || !length {
        return None;
    }
    let mut ids = TraceIds { trace: [0; 16], span: [0; 8], sampled: false };
    let mut flags = [0];
    hex(&bytes[3..35], &mut ids.trace)?;
    hex(&bytes[36..52], &mut ids.span)?;
    hex(&bytes[53..55], &mut flags)?;
    ids.sampled = flags[0] & SAMPLED != 0;
    ids.is_valid().then_some((ids, flags[0] & RANDOM != 0))
}

/// Lowercase digits only, as the recommendation has it.
fn hex(digits: &[u8], bytes: &mut [u8]) -> Option<()> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    for (pair, byte) in digits.chunks_exact(2).zip(bytes) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(())
}

fn traceparent(context: &Context) -> HeaderValue {
    let ids = context.ids();
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    text[3..35].copy_from_slice(ids.trace_id().as_bytes());
    text[36..52].copy_from_slice(ids.span_id().as_bytes());
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags = flag(ids.sampled, SAMPLED) | flag(context.random(), RANDOM);
    text[54] = b'0' + flags;
    HeaderValue::from_bytes(&text).expect("digits and dashes are a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn a_well_formed_parent_is_continued_and_anything_else_begins_anew() {
        let check = |text: &str, expected: Option<(bool, bool)>| {
            let parsed = parse(text);
            assert_eq!(parsed.map(|(ids, random)| (ids.sampled, random)), expected, "{text}");
            if let Some((ids, _)) = parsed {
                assert_eq!((&*ids.trace_id(), &*ids.span_id()), (TRACE, SPAN), "{text}");
            }
        };
        let with = |version: &str, rest: &str| format!("{version}-{TRACE}-{SPAN}-{rest}");
        check(&with("00", "00"), Some((false, false)));
        check(&with("00", "01"), Some((true, false)));
        check(&with("00", "03"), Some((true, true)));
        check(&with("00", "ff"), Some((true, true)));
        check(&with("01", "01"), Some((true, false)));
        check(&with("cc", "01-what-the-future-will-be-like"), Some((true, false)));
        check(&with("cc", "01.what-the-future-will-be-like"), None);
        check(&with("00", "01-x"), None);
        check(&with("ff", "01"), None);
        check(&with("0", "01"), None);
        check(&with("00", "0"), None);
        check(&with("00", "0g"), None);
        check(&with("00", "0A"), None);
        check(&with("00", "01").to_uppercase(), None);
        check(&with("00", "01").replace('-', "_"), None);
        check(&format!("00-{}-{SPAN}-01", "0".repeat(32)), None);
        check(&format!("00-{TRACE}-{}-01", "0".repeat(16)), None);
        check("", None);
        check(&"é".repeat(55), None);
    }

    #[test]
    fn two_parents_are_none_and_the_state_goes_with_the_parent() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let one = headers(&[("traceparent", &parent), ("tracestate", "a=1"), ("tracestate", "b=2")]);
        let begun = extract(&one, &[]).begin(|| panic!("there is a parent"));
        assert_eq!(begun.state().unwrap().as_str(), Some("a=1,b=2"));
        let two = headers(&[("traceparent", &parent), ("traceparent", &parent), ("tracestate", "a=1")]);
        let begun = extract(&two, &[]).begin(|| TraceIds::root(false));
        assert_ne!(&*begun.ids().trace_id(), TRACE);
        assert!(begun.state().is_none());
    }

    #[test]
    fn an_unsampled_trace_tells_the_next_service_so() {
        let root = Incoming::default().begin(|| TraceIds::root(false));
        let mut sent = HeaderMap::new();
        inject(&root, &[], &mut sent);
        assert!(sent["traceparent"].to_str().unwrap().ends_with("-02"), "{sent:?}");
        // Our id is random; a caller of level 1 does not say whether its is.
        let old = headers(&[("traceparent", &format!("00-{TRACE}-{SPAN}-00"))]);
        inject(&extract(&old, &[]).begin(|| panic!("there is a parent")), &[], &mut sent);
        assert!(sent["traceparent"].to_str().unwrap().ends_with("-00"), "{sent:?}");
        assert!(!extract(&sent, &[]).parent().unwrap().sampled);
    }

    #[test]
    fn what_the_call_itself_says_is_not_overwritten() {
        let names = [HeaderName::from_static("x-tenant"), HeaderName::from_static("x-request-id")];
        let came = headers(&[("x-tenant", "a"), ("x-request-id", "7"), ("x-other", "o"), ("baggage", "a=1")]);
        let context = extract(&came, &names).begin(|| TraceIds::root(true));
        assert_eq!(context.keys().collect::<Vec<_>>(), [("x-tenant", "a"), ("x-request-id", "7")]);
        let mut sent = headers(&[("x-tenant", "mine"), ("baggage", "own=1"), ("traceparent", "stale")]);
        inject(&context, &names, &mut sent);
        assert_eq!(sent["x-tenant"], "mine");
        assert_eq!(sent["x-request-id"], "7");
        assert_eq!(sent["baggage"], "own=1");
        assert_eq!(extract(&sent, &names).parent(), Some(context.ids()));
        // Nobody forwards what is not configured any more.
        let mut sent = HeaderMap::new();
        inject(&context, &names[..1], &mut sent);
        assert!(!sent.contains_key("x-request-id") && !sent.contains_key("x-other"), "{sent:?}");
    }

    #[test]
    fn keys_are_bounded_and_the_first_value_stays() {
        let context = Context::new(TraceIds::root(false))
            .with_key(HeaderName::from_static("x-a"), HeaderValue::from_static("1"))
            .with_key(HeaderName::from_static("x-a"), HeaderValue::from_static("2"))
            .with_key(HeaderName::from_static("x-long"), HeaderValue::try_from("x".repeat(257)).unwrap())
            .with_key(HeaderName::from_static("x-binary"), HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(context.keys().collect::<Vec<_>>(), [("x-a", "1")]);
        let many = (0..40).fold(context, |context, n| {
            context.with_key(format!("x-{n}").parse().unwrap(), HeaderValue::from_static("1"))
        });
        assert_eq!(many.keys().count(), Keys::MOST);
    }
}
