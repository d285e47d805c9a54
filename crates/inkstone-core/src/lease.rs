//! A lease: what one replica of a service holds for a time, so that it alone does something.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;

/// Who wants a lease, and for how long at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The lease: replicas that use the same name compete.
    pub name: String,
    /// Who asks; no two replicas may call themselves the same.
    pub holder: String,
    /// How long the lease holds when it is not renewed.
    pub duration: Duration,
    /// How often it is renewed, and how often one that another holds is asked for.
    pub renew: Duration,
}

impl Claim {
    /// A claim on `name` by `holder`.
    pub fn new(
        name: impl Into<String>,
        holder: impl Into<String>,
        duration: Duration,
        renew: Duration,
    ) -> Self {
        Self { name: name.into(), holder: holder.into(), duration, renew }
    }
}

/// Grows with each change of the holder. Give it along with a write, and refuse there what comes with a smaller one than
/// was seen: then a holder that was asleep when it lost the lease can do no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where leases are kept, seen by all replicas: the Kubernetes API, a database.
pub trait LeaseStore: Send + Sync + 'static {
    /// Takes the lease if it is free or has run out, or renews it if `holder` has it. `None` if another has it.
    ///
    /// Whether a lease of another has run out is judged by how long it has not been renewed on this machine's own
    /// clock, or on one that all replicas share; never by comparing the clocks of two machines.
    fn hold<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Option<Token>, Error>>;

    /// Lets go of the lease if `holder` has it, so that another need not wait until it runs out.
    fn release<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<(), Error>>;
}

/// Where an app's leases are kept, for [`App::provide`](crate::App::provide).
#[derive(Clone)]
pub struct Leases(Arc<dyn LeaseStore>);

impl Leases {
    /// Leases kept in `store`.
    pub fn new(store: impl LeaseStore) -> Self {
        Self(Arc::new(store))
    }

    /// Leases that only this value and its clones see: for tests, and for a service of which there is one replica.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Memory::default())
    }

    /// Competes for a lease until the returned value is dropped or released.
    pub fn compete(&self, claim: Claim) -> Tenure {
        let state = watch::Sender::new(None);
        let seen = state.subscribe();
        let (store, claimed) = (Arc::clone(&self.0), claim.clone());
        let task =
            AbortOnDropHandle::new(tokio::spawn(
                async move { compete(store.as_ref(), &claimed, &state).await },
            ));
        Tenure { store: Arc::clone(&self.0), claim, state: seen, task }
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases").finish_non_exhaustive()
    }
}

/// A standing claim on a lease, which is held from time to time. Made by [`Leases::compete`].
#[must_use = "the lease is given up when this is dropped"]
pub struct Tenure {
    store: Arc<dyn LeaseStore>,
    claim: Claim,
    state: watch::Receiver<Option<Token>>,
    task: AbortOnDropHandle<()>,
}

impl Tenure {
    /// The token of the lease if it is held now.
    #[must_use]
    pub fn token(&self) -> Option<Token> {
        *self.state.borrow()
    }

    /// Waits until the lease has been gained or lost. Cancel safe.
    pub async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            // Whoever competed has ended, which only happens when this is given up.
            std::future::pending().await
        }
    }

    /// Stops competing, and lets go of the lease if it is held. It is not taken again.
    ///
    /// # Errors
    /// The lease could not be let go of: another replica waits until it runs out.
    pub async fn release(self) -> Result<(), Error> {
        let Self { store, claim, state, task } = self;
        task.abort();
        let _ = task.await;
        let held = state.borrow().is_some();
        if held { store.release(&claim).await } else { Ok(()) }
    }
}

impl fmt::Debug for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenure")
            .field("claim", &self.claim)
            .field("token", &self.token())
            .finish_non_exhaustive()
    }
}

/// Takes the lease whenever it can be had, renews it, and says when it is lost: at the latest when it would run out.
async fn compete(store: &dyn LeaseStore, claim: &Claim, state: &watch::Sender<Option<Token>>) {
    // How long a lease certainly holds, counted from before it was asked for: a little less than others wait.
    let safe = claim.duration - claim.duration / 8;
    let mut until = Instant::now();
    loop {
        let (asked, held) = (Instant::now(), *state.borrow());
        let patience = if held.is_some() { until.saturating_duration_since(asked) } else { claim.duration };
        let token = match timeout(patience, store.hold(claim)).await {
            Ok(Ok(token)) => {
                until = asked + safe;
                token
            }
            failed => {
                let why = failed.map_or_else(
                    |_| "no answer in time".to_owned(),
                    |said| match said {
                        Err(error) => error.to_string(),
                        Ok(_) => String::new(),
                    },
                );
                tracing::warn!(lease = claim.name, "the lease could not be asked for: {}", why.trim_end());
                held.filter(|_| Instant::now() < until)
            }
        };
        if token != held {
            match token {
                Some(token) => {
                    tracing::info!(lease = claim.name, holder = claim.holder, %token, "lease taken")
                }
                None => tracing::warn!(lease = claim.name, holder = claim.holder, "lease lost"),
            }
            state.send_replace(token);
        }
        let left = until.saturating_duration_since(Instant::now());
        sleep(if token.is_some() { claim.renew.min(left) } else { claim.renew }).await;
    }
}

/// Leases of one process.
#[derive(Default)]
struct Memory(Mutex<HashMap<String, Entry>>);

struct Entry {
    holder: Option<String>,
    until: Instant,
    token: Token,
}

impl LeaseStore for Memory {
    fn hold<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        let now = Instant::now();
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lease =
            leases.entry(claim.name.clone()).or_insert(Entry { holder: None, until: now, token: Token(0) });
        let mine = lease.holder.as_deref() == Some(&*claim.holder);
        let free = lease.holder.is_none() || lease.until <= now;
        if mine || free {
            // Who let it run out has it anew, and may have been followed by itself.
            if !mine || free {
                lease.token = Token(lease.token.0 + 1);
            }
            lease.holder = Some(claim.holder.clone());
            lease.until = now + claim.duration;
        }
        let token = (mine || free).then_some(lease.token);
        drop(leases);
        Box::pin(async move { Ok(token) })
    }

    fn release<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<(), Error>> {
        let mut leases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lease) = leases.get_mut(&claim.name)
            && lease.holder.as_deref() == Some(&*claim.holder)
        {
            lease.holder = None;
        }
        drop(leases);
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(holder: &str) -> Claim {
        Claim::new("sweep", holder, Duration::from_millis(800), Duration::from_millis(100))
    }

    async fn until(tenure: &mut Tenure, held: bool) -> Option<Token> {
        let wait = async {
            while tenure.token().is_some() != held {
                tenure.changed().await;
            }
        };
        timeout(Duration::from_secs(10), wait).await.expect("within ten seconds");
        tenure.token()
    }

    #[tokio::test(start_paused = true)]
    async fn one_holds_a_lease_and_the_next_gets_it_with_a_greater_token() {
        let leases = Leases::in_memory();
        let mut first = leases.compete(claim("a"));
        let taken = until(&mut first, true).await.unwrap();
        let mut second = leases.compete(claim("b"));
        sleep(Duration::from_secs(5)).await;
        assert_eq!(
            (first.token(), second.token()),
            (Some(taken), None),
            "renewed for as long as it is wanted"
        );
        first.release().await.unwrap();
        assert!(until(&mut second, true).await.unwrap() > taken);
    }

    /// A store that stops answering.
    struct Silent(Leases, watch::Receiver<bool>);

    impl LeaseStore for Silent {
        fn hold<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Option<Token>, Error>> {
            match *self.1.borrow() {
                true => Box::pin(std::future::pending()),
                false => self.0.0.hold(claim),
            }
        }

        fn release<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<(), Error>> {
            self.0.0.release(claim)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_renew_gives_up_before_another_may_take_it() {
        let shared = Leases::in_memory();
        let (silence, silent) = watch::channel(false);
        let mut cut_off = Leases::new(Silent(shared.clone(), silent)).compete(claim("a"));
        let taken = until(&mut cut_off, true).await.unwrap();
        let mut other = shared.compete(claim("b"));
        silence.send_replace(true);
        until(&mut cut_off, false).await;
        assert_eq!(other.token(), None, "lost before the other has it");
        assert!(until(&mut other, true).await.unwrap() > taken);
        silence.send_replace(false);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(cut_off.token(), None, "the other keeps it");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_does_not_take_the_lease_again() {
        let leases = Leases::in_memory();
        let mut first = leases.compete(claim("a"));
        until(&mut first, true).await;
        drop(first);
        let mut second = leases.compete(claim("b"));
        until(&mut second, true).await;
        sleep(Duration::from_secs(5)).await;
        assert!(second.token().is_some());
    }
}
