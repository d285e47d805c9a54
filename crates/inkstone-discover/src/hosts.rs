//! The built-in resolvers: lists of `host:port`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::endpoints::{Endpoint, Publisher, Resolution};
use crate::resolver::{ResolveError, Resolver};
use crate::target::Target;

/// How often names are looked up again. The operating system's resolver does not tell how long an answer holds.
const AGAIN: Duration = Duration::from_secs(5);
/// First wait after a lookup that failed; it doubles up to [`AGAIN`].
const RETRY: Duration = Duration::from_millis(100);

/// `static:///10.0.0.7:9002,10.0.0.8:9002`: names are looked up until that succeeds once, and then stay.
pub(crate) struct Static;

/// `dns:///catalog.internal:9002`: names are looked up again and again.
pub(crate) struct Dns;

impl Resolver for Static {
    fn scheme(&self) -> &'static str {
        "static"
    }

    fn resolve(&self, target: &Target) -> Result<Resolution, ResolveError> {
        Ok(resolve(target, false))
    }
}

impl Resolver for Dns {
    fn scheme(&self) -> &'static str {
        "dns"
    }

    fn resolve(&self, target: &Target) -> Result<Resolution, ResolveError> {
        if !target.authority().is_empty() {
            let why = "the machine's own DNS servers are asked, so nothing may stand before the third slash";
            return Err(ResolveError::malformed(target, why));
        }
        Ok(resolve(target, true))
    }
}

fn resolve(target: &Target, again: bool) -> Resolution {
    let addresses: Option<Vec<Endpoint>> =
        target.hosts().map(|host| host.parse::<SocketAddr>().ok().map(Endpoint::new)).collect();
    match addresses {
        Some(endpoints) => Resolution::fixed(endpoints),
        None => {
            let names = Names::new(target.hosts());
            Resolution::follow(move |publisher| follow(publisher, names, again))
        }
    }
}

async fn follow(publisher: Publisher, mut names: Names, again: bool) {
    let mut retry = RETRY;
    loop {
        let answers = look_up(names.asked(again)).await;
        let news = names.heard(answers);
        names.publish(&publisher);
        match (&names.error, news) {
            (Some(error), true) => tracing::warn!("{error}; what was found before stays in force"),
            (None, true) => tracing::info!(names = %names, "found again"),
            (_, false) => {}
        }
        if names.error.is_some() {
            tokio::time::sleep(retry).await;
            retry = (retry * 2).min(AGAIN);
        } else if again {
            tokio::time::sleep(AGAIN).await;
            retry = RETRY;
        } else {
            // Kept alive so that followers see a set that may still change, as for every other target.
            return publisher.closed().await;
        }
    }
}

type Answers = Vec<(usize, io::Result<Vec<Endpoint>>)>;

/// Asks for all at once: one that nobody answers for must not add to the time of the others.
async fn look_up(hosts: Vec<(usize, String)>) -> Answers {
    let mut asking = JoinSet::new();
    for (at, host) in hosts {
        asking.spawn(async move {
            let found = tokio::net::lookup_host(host).await;
            (at, found.map(|found| found.map(Endpoint::new).collect()))
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_unstable_by_key(|(at, _)| *at);
    answers
}

/// The names of a list. One that is not found keeps none of the others back.
#[derive(Debug)]
struct Names {
    /// Each with what it was last found to mean.
    found: Vec<(String, Option<Vec<Endpoint>>)>,
    /// What was wrong when they were last looked up.
    error: Option<String>,
}

impl Names {
    fn new<'a>(hosts: impl Iterator<Item = &'a str>) -> Self {
        Self { found: hosts.map(|host| (host.to_owned(), None)).collect(), error: None }
    }

    /// Which are to be looked up now: all `again`, or those not found yet.
    fn asked(&self, again: bool) -> Vec<(usize, String)> {
        let names = self.found.iter().enumerate();
        let asked = names.filter(|(_, (_, found))| again || found.is_none());
        asked.map(|(at, (host, _))| (at, host.clone())).collect()
    }

    /// Notes the answers; whether what is wrong has changed.
    fn heard(&mut self, answers: Answers) -> bool {
        let mut errors = Vec::new();
        for (at, answer) in answers {
            let (host, found) = &mut self.found[at];
            match answer {
                Ok(endpoints) => *found = Some(endpoints),
                Err(error) => errors.push(format!("cannot look up `{host}`: {error}")),
            }
        }
        let error = (!errors.is_empty()).then(|| errors.join("; "));
        let news = error != self.error;
        self.error = error;
        news
    }

    fn publish(&self, publisher: &Publisher) {
        let endpoints = || self.found.iter().filter_map(|(_, found)| found.as_deref()).flatten().cloned();
        match &self.error {
            None => publisher.ready(endpoints()),
            Some(error) if endpoints().next().is_some() => publisher.incomplete(endpoints(), error),
            Some(error) => publisher.failed(error),
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<&str> = self.found.iter().map(|(host, _)| host.as_str()).collect();
        f.write_str(&hosts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(port: u16) -> Endpoint {
        Endpoint::new(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn missing() -> io::Result<Vec<Endpoint>> {
        Err(io::Error::other("no such name"))
    }

    #[test]
    fn what_is_wrong_is_news_only_when_it_changes_and_what_was_found_stays() {
        let (publisher, resolution) = Resolution::channel();
        let mut names = Names::new(["a:1", "b:2"].into_iter());
        let mut check = |answers: Answers, news: bool, ready: &[u16], error: Option<&str>| {
            assert_eq!(names.heard(answers), news);
            names.publish(&publisher);
            let now = resolution.current();
            assert_eq!(now.ready(), ready.iter().copied().map(endpoint).collect::<Vec<_>>());
            assert_eq!(now.error(), error);
        };
        let (a, b) = ("cannot look up `a:1`: no such name", "cannot look up `b:2`: no such name");
        let both = format!("{a}; {b}");
        check(vec![(0, missing()), (1, missing())], true, &[], Some(&both));
        check(vec![(0, Ok(vec![endpoint(1)])), (1, missing())], true, &[1], Some(b));
        check(vec![(0, Ok(vec![endpoint(3)])), (1, missing())], false, &[3], Some(b));
        check(vec![(0, missing()), (1, Ok(vec![endpoint(2)]))], true, &[2, 3], Some(a));
        check(vec![(0, Ok(vec![endpoint(1)])), (1, Ok(vec![endpoint(2)]))], true, &[1, 2], None);
        check(vec![(0, missing()), (1, missing())], true, &[1, 2], Some(&both));
    }

    #[test]
    fn names_that_stay_are_looked_up_until_they_are_found() {
        let mut names = Names::new(["a:1", "b:2"].into_iter());
        names.heard(vec![(0, Ok(vec![endpoint(1)])), (1, missing())]);
        assert_eq!(names.asked(false), [(1, "b:2".to_owned())]);
        assert_eq!(names.asked(true).len(), 2);
    }
}
