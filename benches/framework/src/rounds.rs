//! Rounds and their medians.

use std::time::{Duration, Instant};

use anstream::println;

/// One contender: its name, and what it does once.
pub(crate) type Contender<'a> = (&'static str, &'a mut dyn FnMut());

/// The median time of each contender for doing its work once, in nanoseconds. It does so `times` in each round, and their
/// rounds are interleaved.
pub(crate) fn nanos<const N: usize>(rounds: u32, times: u32, mut contenders: [Contender<'_>; N]) -> [f64; N] {
    let mut figures = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (figures, (_, work)) in figures.iter_mut().zip(&mut contenders) {
            let started = Instant::now();
            for _ in 0..times {
                work();
            }
            figures.push(started.elapsed().as_nanos() as f64 / f64::from(times));
        }
    }
    let medians = figures.map(median);
    for ((name, _), nanos) in contenders.iter().zip(medians) {
        println!("{name:<34} {nanos:>8.1} ns");
    }
    medians
}

/// The median of durations, in milliseconds.
pub(crate) fn millis(durations: &[Duration]) -> f64 {
    median(durations.iter().map(|duration| duration.as_secs_f64() * 1e3).collect())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
