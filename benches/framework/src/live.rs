//! Reading a live setting.

use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwap;
use inkstone::config::Live;
use inkstone::guard::GuardConfig;
use serde_json::{Value, json};

use crate::rounds::nanos;

pub(crate) fn run(rounds: u32) -> Value {
    let plain = Arc::new(GuardConfig::default());
    let swapped = ArcSwap::from(plain.clone());
    let (live, _adjust) = Live::adjustable(GuardConfig::default());
    let [arc, guarded, full, live] = nanos(
        rounds,
        200_000,
        [
            ("Arc, cloned", &mut || drop(black_box(plain.clone()))),
            ("arc-swap, load", &mut || drop(black_box(swapped.load()))),
            ("arc-swap, load_full", &mut || drop(black_box(swapped.load_full()))),
            ("Live, get", &mut || drop(black_box(live.get()))),
        ],
    );
    json!({
        "ns": { "arc_clone": arc, "arc_swap_load": guarded, "arc_swap_load_full": full, "live_get": live },
        "ratio": { "to_arc_clone": live / arc, "to_arc_swap_load": live / guarded, "to_arc_swap_load_full": live / full },
    })
}
