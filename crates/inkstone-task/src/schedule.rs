//! When to run.

use std::time::Duration;

use croner::Cron as Pattern;
use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::config::CronConfig;

/// A pattern in a time zone.
#[derive(Debug)]
pub(crate) struct Schedule {
    pattern: Pattern,
    zone: TimeZone,
}

impl Schedule {
    pub(crate) fn of(config: &CronConfig) -> Result<Self, String> {
        Ok(Self { pattern: Self::pattern(&config.schedule)?, zone: Self::zone(&config.time_zone)? })
    }

    pub(crate) fn pattern(schedule: &str) -> Result<Pattern, String> {
        if schedule.trim().is_empty() {
            return Err(
                "no schedule is set; `*/5 * * * *` is every five minutes, `@daily` is midnight".to_owned()
            );
        }
        schedule.parse().map_err(|error| {
            format!("`{schedule}` is not a schedule: {error}; expected five or six fields: [second] minute hour day month weekday")
        })
    }

    pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
        if name == "UTC" {
            return Ok(TimeZone::UTC);
        }
        TimeZone::get(name).map_err(|error| {
            format!("`{name}` is not a time zone of this machine's database: {error}; expected a name such as `Europe/Berlin`")
        })
    }

    /// The first time after `now`, if there is one: a schedule may name a year that is past.
    pub(crate) fn after(&self, now: &Zoned) -> Option<Zoned> {
        let now = now.with_time_zone(self.zone.clone());
        self.pattern.find_next_occurrence(&now, false).ok()
    }

    /// How many times lie between the two, both left out; counted up to a limit, since it is only for the log.
    pub(crate) fn between(&self, start: &Zoned, end: &Zoned) -> usize {
        std::iter::successors(self.after(start), |time| self.after(time))
            .take_while(|time| time < end)
            .take(1000)
            .count()
    }
}

/// How long it is until `time`.
pub(crate) fn until(time: &Zoned, now: &Zoned) -> Duration {
    Duration::try_from(now.duration_until(time)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(schedule: &str, time_zone: &str) -> Schedule {
        let config =
            CronConfig { schedule: schedule.into(), time_zone: time_zone.into(), ..CronConfig::default() };
        Schedule::of(&config).unwrap()
    }

    #[test]
    fn next_time_follows_the_clock_on_the_wall_in_its_zone() {
        let check = |pattern, zone, now: &str, expected: &str| {
            let next = schedule(pattern, zone).after(&now.parse().unwrap()).unwrap();
            assert_eq!(next.timestamp().to_string(), expected, "{pattern} in {zone} after {now}");
        };
        check("*/5 * * * *", "UTC", "2026-11-22T10:01:00.5Z[UTC]", "2026-11-22T10:05:00Z");
        check("*/5 * * * *", "UTC", "2026-11-22T10:05:00Z[UTC]", "2026-11-22T10:10:00Z");
        check("*/2 * * * * *", "UTC", "2026-11-22T10:01:00.25Z[UTC]", "2026-11-22T10:01:02Z");
        check("@daily", "UTC", "2026-11-22T10:01:00Z[UTC]", "2026-11-23T00:00:00Z");
        check("0 6 * * *", "Asia/Shanghai", "2026-11-22T10:01:00Z[UTC]", "2026-11-22T22:00:00Z");
        // clocks go back at 3:00 on this night: once, and in winter time
        check("30 3 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z[UTC]", "2026-10-25T02:30:00Z");
    }

    #[test]
    fn times_left_out_are_counted() {
        let every_second = schedule("* * * * * *", "UTC");
        let start = "2026-11-22T10:00:00.5Z[UTC]".parse().unwrap();
        let end = "2026-11-22T10:00:03.5Z[UTC]".parse().unwrap();
        assert_eq!(every_second.between(&start, &end), 3);
        assert_eq!(every_second.between(&start, &start), 0);
    }

    #[test]
    fn a_schedule_that_is_past_has_no_next_time() {
        assert_eq!(schedule("0 0 0 1 1 * 2020", "UTC").after(&Zoned::now()), None);
    }
}
