//! A component that the app can do without.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

use crate::component::{Component, Health};
use crate::error::Error;
use crate::load::{Loader, said};

/// A component that may not be there yet. Made by [`Loader::optional`]. A handle.
#[derive(Clone)]
pub struct Optional<C> {
    state: watch::Receiver<State<C>>,
}

#[derive(Clone)]
enum State<C> {
    Built(C),
    /// Why it is not.
    Away(String),
}

/// How long to wait before it is built again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

impl<C: Component> Optional<C> {
    pub(crate) fn built(component: C) -> Self {
        Self { state: watch::channel(State::Built(component)).1 }
    }

    /// Builds it in the background, until that works or the app stops.
    pub(crate) fn later(loader: Loader<C>, error: &Error) -> Self {
        let (sender, state) = watch::channel(State::Away(said(error)));
        let this = Self { state };
        let cx = loader.cx.clone();
        tracing::warn!(name = %cx.name, "started without it: {}", said(error));
        cx.app().add(&cx, loader.required.clone(), this.clone());
        let stopping = cx.stopping();
        cx.app().clone().spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                component = until_built(&loader, &sender) => {
                    tracing::info!(kind = C::KIND, name = %loader.cx.name, "built");
                    sender.send_replace(State::Built(component));
                }
            }
        });
        this
    }

    /// The component, if it has been built.
    #[must_use]
    pub fn get(&self) -> Option<C> {
        match &*self.state.borrow() {
            State::Built(component) => Some(component.clone()),
            State::Away(_) => None,
        }
    }

    /// Waits until it has been built. If the app stops before that, this waits for ever: wait beside something that ends.
    pub async fn wait(&self) -> C {
        let mut state = self.state.clone();
        loop {
            if let State::Built(component) = &*state.borrow_and_update() {
                return component.clone();
            }
            if state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(crate) async fn health(&self) -> Health {
        let away = match &*self.state.borrow() {
            State::Built(_) => None,
            State::Away(why) => Some(Health::Down(format!("not there yet, tried again: {why}"))),
        };
        match (away, self.get()) {
            (Some(away), _) => away,
            (None, Some(component)) => component.health().await,
            (None, None) => Health::Up,
        }
    }

    pub(crate) async fn close(&self) {
        if let Some(component) = self.get() {
            component.close().await;
        }
    }
}

async fn until_built<C: Component>(loader: &Loader<C>, state: &watch::Sender<State<C>>) -> C {
    let mut pause = AGAIN.0;
    loop {
        tokio::time::sleep(pause).await;
        match loader.attempt().await {
            Ok(component) => return component,
            Err(error) => {
                tracing::debug!(name = %loader.cx.name, "still away: {}", said(&error));
                state.send_replace(State::Away(said(&error)));
            }
        }
        pause = (pause * 2).min(AGAIN.1);
    }
}

impl<C> fmt::Debug for Optional<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let built = matches!(&*self.state.borrow(), State::Built(_));
        f.debug_struct("Optional").field("built", &built).finish()
    }
}
