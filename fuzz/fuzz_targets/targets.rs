//! A target of any content is read or refused, and what was read prints as something that reads the same.
#![no_main]

use inkstone_discover::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(target) = text.parse::<Target>() {
        check(&target);
        assert!(!target.endpoint().is_empty() && target.hosts().count() > 0);
    }
    // As a list.
    if let Ok(target) = Target::list(text.split('\n')) {
        check(&target);
    }
});

fn check(target: &Target) {
    let again: Target = target.to_string().parse().expect("a printed target parses");
    assert_eq!((target.scheme(), target.endpoint()), (again.scheme(), again.endpoint()));
    let json = serde_json::to_value(target).expect("a target is written as text");
    let again: Target = serde_json::from_value(json).expect("a written target parses");
    assert_eq!(*target, again);
}
