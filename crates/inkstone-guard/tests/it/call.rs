use std::future::pending;
use std::time::{Duration, Instant};

use inkstone_config::{Dur, Live};
use inkstone_guard::{CallError, GuardConfig, deadline};

use crate::{Refused, calls, guard};

fn within(timeout: Duration) -> GuardConfig {
    GuardConfig { timeout: Dur::from(timeout), ..GuardConfig::default() }
}

#[tokio::test]
async fn an_answer_and_a_failure_are_recorded_with_their_codes() {
    let (guard, metrics) = guard(Live::fixed(GuardConfig::default()));
    let answer = guard.call(guard.op("SELECT"), || async { Ok::<_, Refused>(7) }).await;
    assert_eq!(answer, Ok(7));
    let failure = guard.call(guard.op("SELECT"), || async { Err::<u8, _>(Refused) }).await;
    assert_eq!(failure, Err(CallError::Failed(Refused)));
    assert_eq!((calls(&metrics, "SELECT", "OK"), calls(&metrics, "SELECT", "refused")), (1, 1));
}

#[tokio::test]
async fn a_call_is_given_up_at_its_timeout_and_the_timeout_is_live() {
    let (config, adjust) = Live::adjustable(within(Duration::from_millis(50)));
    let (guard, metrics) = guard(config);
    let hang = || guard.call(guard.op("SELECT"), pending::<Result<u8, Refused>>);
    let error = hang().await.unwrap_err();
    assert!(matches!(error, CallError::Timeout(_)), "{error}");
    adjust.set(within(Duration::from_secs(60)));
    let patient = tokio::time::timeout(Duration::from_millis(200), hang()).await;
    assert!(patient.is_err(), "the new timeout is a minute: {patient:?}");
    assert_eq!((calls(&metrics, "SELECT", "timeout"), calls(&metrics, "SELECT", "cancelled")), (1, 1));
}

#[tokio::test]
async fn the_deadline_of_what_is_served_caps_every_call_made_meanwhile() {
    let (guard, _) = guard(Live::fixed(within(Duration::from_secs(60))));
    let soon = Instant::now() + Duration::from_millis(20);
    let served = deadline::scope(soon, async {
        let late = Instant::now() + Duration::from_secs(9);
        deadline::scope(late, guard.call(guard.op("SELECT"), pending::<Result<u8, Refused>>)).await
    });
    let error = served.await.unwrap_err();
    assert!(matches!(error, CallError::Timeout(waited) if *waited <= Duration::from_millis(20)), "{error}");
}

#[tokio::test]
async fn a_call_that_is_dropped_is_recorded_as_cancelled() {
    let (guard, metrics) = guard(Live::fixed(GuardConfig::default()));
    drop(guard.enter(guard.op("SELECT")));
    assert_eq!(calls(&metrics, "SELECT", "cancelled"), 1);
}
