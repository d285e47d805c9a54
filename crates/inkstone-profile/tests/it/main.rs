//! Profiles of this process. They take turns: there is one at a time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use inkstone_profile::{Error, Profile, Sampling};

static TURN: Mutex<()> = Mutex::new(());

/// Uses CPU until it is told to stop.
#[inline(never)]
fn burn_for_the_profile(stop: &AtomicBool) -> u64 {
    let mut value = 1_u64;
    while !stop.load(Ordering::Relaxed) {
        let mut round = 0;
        // Nothing is called here: without frame pointers the innermost function is all that is certain.
        while round < 1_000_000 {
            value ^= value << 13;
            value ^= value >> 7;
            round += 1;
        }
    }
    value
}

/// A profile of a thread that burns, with so much CPU time in it at least.
fn profile(cpu: Duration) -> Profile {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| black_box(burn_for_the_profile(&stop)));
        let sampling = Sampling::start(99, Duration::from_secs(60)).unwrap();
        // CPU time, not time on the clock: the machine may be busy with something else.
        let until = cpu_time() + cpu;
        #[allow(clippy::disallowed_methods, reason = "there is no runtime here to block")]
        while cpu_time() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let profile = sampling.finish();
        stop.store(true, Ordering::Relaxed);
        profile
    })
}

/// Of this process, user and system.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[test]
fn the_function_that_burns_cpu_time_is_where_it_is_spent() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let profile = profile(Duration::from_secs(2));
    let total: u64 = profile.stacks.iter().map(|stack| stack.count).sum();
    let burning = |stack: &&inkstone_profile::Stack| {
        stack.frames.iter().any(|frame| frame.function.contains("burn_for_the_profile"))
    };
    let burnt: u64 = profile.stacks.iter().filter(burning).map(|stack| stack.count).sum();
    assert!(total > 20 && burnt * 4 > total, "{burnt} of {total}\n{}", profile.collapsed());
    assert_eq!(profile.lost, 0);
    assert!(profile.collapsed().contains("burn_for_the_profile"));
    assert!(!profile.pprof().is_empty());
}

#[test]
fn there_is_one_profile_at_a_time_and_then_the_next() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let first = Sampling::start(99, Duration::from_secs(1)).unwrap();
    assert!(matches!(Sampling::start(99, Duration::from_secs(1)), Err(Error::Busy)));
    drop(first);
    for _ in 0..50 {
        let next = Sampling::start(250, Duration::from_secs(1)).unwrap();
        let _profile = next.finish();
    }
}

#[test]
fn a_program_that_is_profiled_goes_on_as_before() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let sampling = Sampling::start(250, Duration::from_secs(5)).unwrap();
    let ends = Instant::now() + Duration::from_secs(1);
    let threads: Vec<_> = (0..4)
        .map(|seed: u64| {
            std::thread::spawn(move || {
                let mut kept = std::collections::HashMap::new();
                let mut rounds = 0_u64;
                while Instant::now() < ends {
                    for key in 0..200 {
                        kept.insert(key, format!("{}", key * seed));
                    }
                    // Unwinding uses what a careless handler would lock.
                    assert!(std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(seed))).is_err());
                    rounds += 1;
                }
                assert_eq!(kept[&7], format!("{}", 7 * seed));
                rounds
            })
        })
        .collect();
    for thread in threads {
        assert!(thread.join().unwrap() > 0);
    }
    let profile = sampling.finish();
    assert!(!profile.stacks.is_empty());
}
