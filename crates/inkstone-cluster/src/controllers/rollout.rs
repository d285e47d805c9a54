//! The arithmetic of a rolling update: how many pods each version of a deployment may have next.
use serde_json::Value;

/// More pods than anyone has; the API's numbers have 32 bits.
const MOST: i64 = i32::MAX as i64;

/// How far a rolling update may stray from the wanted number of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Pods wanted.
    pub(crate) replicas: i64,
    /// Pods that may exist beyond that.
    pub(crate) surge: i64,
    /// Pods that may be missing from that.
    pub(crate) unavailable: i64,
}

/// What one replica set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// Pods that it is told to have.
    pub(crate) desired: i64,
    /// Pods of it that serve.
    pub(crate) available: i64,
}

impl Bounds {
    /// Reads `maxSurge` and `maxUnavailable`, numbers or percentages: the first is rounded up, the second down.
    pub(crate) fn new(replicas: i64, surge: &Value, unavailable: &Value) -> Self {
        let replicas = replicas.clamp(0, MOST);
        let surge = share(surge, replicas, 99);
        let mut unavailable = share(unavailable, replicas, 0).min(replicas);
        if surge == 0 && unavailable == 0 {
            // Otherwise nothing could ever move.
            unavailable = 1;
        }
        Self { replicas, surge, unavailable }
    }

    /// How many pods the new version is to have, when all versions together now have `total`.
    pub(crate) fn grow(self, new: i64, total: i64) -> i64 {
        if new >= self.replicas {
            return self.replicas;
        }
        let room = (self.replicas + self.surge - total).max(0);
        new + room.min(self.replicas - new)
    }

    /// How many pods each old version is to have. `olds` begins with the oldest.
    pub(crate) fn shrink(self, new: Count, olds: &[Count]) -> Vec<i64> {
        let least = self.replicas - self.unavailable;
        let total = new.desired + olds.iter().map(|old| old.desired).sum::<i64>();
        let mut desired: Vec<i64> = olds.iter().map(|old| old.desired).collect();
        // Pods of the new version that do not serve yet must not be counted on.
        let mut spare = total - least - (new.desired - new.available).max(0);
        if spare <= 0 {
            return desired;
        }
        // First the pods that serve nobody: removing them costs nothing.
        for (wanted, old) in desired.iter_mut().zip(olds) {
            let broken = (old.desired - old.available).clamp(0, spare);
            *wanted -= broken;
            spare -= broken;
        }
        // Pods that were told to go may still be counted as available.
        let staying = |count: &Count| count.available.min(count.desired);
        let available = staying(&new) + olds.iter().map(staying).sum::<i64>();
        let mut spare = available - least;
        for wanted in &mut desired {
            let gone = (*wanted).clamp(0, spare.max(0));
            *wanted -= gone;
            spare -= gone;
        }
        desired
    }
}

/// A number, or a percentage of `whole`; `round` hundredths are added before cutting off.
fn share(value: &Value, whole: i64, round: i64) -> i64 {
    let percent = || value.as_str()?.strip_suffix('%')?.trim().parse::<i64>().ok();
    value
        .as_i64()
        .or_else(|| percent().map(|percent| (whole * percent.clamp(0, MOST) + round) / 100))
        .unwrap_or(0)
        .clamp(0, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bounds(replicas: i64, surge: &Value, unavailable: &Value) -> Bounds {
        Bounds::new(replicas, surge, unavailable)
    }

    #[test]
    fn percentages_round_towards_more_pods() {
        let cases = [
            (10, json!("25%"), json!("25%"), (3, 2)),
            (2, json!("25%"), json!("25%"), (1, 0)),
            (1, json!("25%"), json!("25%"), (1, 0)),
            (4, json!(2), json!(1), (2, 1)),
            (3, json!(0), json!("10%"), (0, 1)),
            (0, json!("25%"), json!("25%"), (0, 1)),
            (1, json!(i64::MAX), json!(i64::MAX), (MOST, 1)),
            (1, json!("-5%"), json!("9999999999999%"), (0, 1)),
        ];
        for (replicas, surge, unavailable, expected) in cases {
            let found = bounds(replicas, &surge, &unavailable);
            assert_eq!((found.surge, found.unavailable), expected, "{found:?}");
        }
    }

    #[test]
    fn the_new_version_grows_into_the_surge() {
        let bounds = bounds(4, &json!(1), &json!(0));
        assert_eq!(bounds.grow(0, 4), 1);
        assert_eq!(bounds.grow(1, 5), 1);
        assert_eq!(bounds.grow(1, 4), 2);
        assert_eq!(bounds.grow(6, 6), 4);
    }

    #[test]
    fn old_versions_give_way_only_to_pods_that_serve() {
        let bounds = bounds(4, &json!(1), &json!(0));
        let old = Count { desired: 4, available: 4 };
        assert_eq!(bounds.shrink(Count { desired: 1, available: 0 }, &[old]), [4]);
        assert_eq!(bounds.shrink(Count { desired: 1, available: 1 }, &[old]), [3]);
    }

    #[test]
    fn a_pod_that_was_told_to_go_is_not_counted_on() {
        let bounds = bounds(3, &json!(1), &json!(0));
        let old = Count { desired: 2, available: 3 };
        assert_eq!(bounds.shrink(Count { desired: 2, available: 1 }, &[old]), [2]);
        assert_eq!(bounds.shrink(Count { desired: 1, available: 1 }, &[old]), [2]);
    }

    #[test]
    fn broken_old_pods_go_first() {
        let bounds = bounds(4, &json!(1), &json!(1));
        let olds = [Count { desired: 3, available: 3 }, Count { desired: 1, available: 0 }];
        assert_eq!(bounds.shrink(Count { desired: 1, available: 0 }, &olds), [3, 0]);
    }

    /// Plays a whole update, with pods that become available one step after they are made.
    #[test]
    fn an_update_ends_and_never_strays_from_its_bounds() {
        for (replicas, surge, unavailable) in [(1, 1, 0), (2, 1, 0), (4, 0, 1), (5, 2, 2), (10, 3, 2)] {
            let bounds = Bounds { replicas, surge, unavailable };
            let (mut new, mut old) =
                (Count { desired: 0, available: 0 }, Count { desired: replicas, available: replicas });
            let mut steps = 0;
            while (new.available, old.desired) != (replicas, 0) {
                let before = new.desired;
                new.desired = bounds.grow(new.desired, new.desired + old.desired);
                if new.desired == before {
                    old.desired = bounds.shrink(new, &[old])[0];
                    old.available = old.available.min(old.desired);
                }
                assert!(new.desired + old.desired <= replicas + surge, "too many pods");
                assert!(new.available + old.available >= replicas - unavailable, "too few pods serve");
                new.available = new.desired;
                steps += 1;
                assert!(steps < 100, "{bounds:?} never ends");
            }
        }
    }
}
