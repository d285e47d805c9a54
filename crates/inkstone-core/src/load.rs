//! From a key of the configuration to a built component.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use inkstone_config::{Code, Config, Live, Problems};
use tokio::time::Instant;

use crate::component::Component;
use crate::cx::Cx;
use crate::error::Error;
use crate::optional::Optional;
use crate::panics::Edge;
use crate::table::Table;

/// One table of the configuration, read and completed, with what is needed to build from it.
#[derive(Debug)]
pub struct Section<C: Config> {
    /// The settings, following the live configuration.
    pub config: Live<C>,
    /// Name, kind and app.
    pub cx: Cx,
    /// The line of the program that asked for it.
    pub asked_at: &'static Location<'static>,
}

/// A component that has been read and checked, and not yet built: nothing has been touched.
#[must_use = "a component does nothing until it is built"]
pub struct Loader<C: Component> {
    pub(crate) config: Live<C::Config>,
    pub(crate) required: Live<bool>,
    pub(crate) cx: Cx,
    asked_at: &'static Location<'static>,
}

/// How long to wait before a component that could not be reached is built again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

impl<C: Component> Loader<C> {
    pub(crate) fn new(section: Section<Table<C::Config>>) -> Self {
        let Section { config, cx, asked_at } = section;
        let required = config.map(|table| table.required);
        Self { config: config.map(|table| table.config.clone()), required, cx, asked_at }
    }

    /// Connects and warms up. A target that cannot be reached is waited for as long as `app.start_wait` allows.
    ///
    /// # Errors
    /// The first `build` of an app returns every problem of the configuration that loading has found, all at once;
    /// then, whatever kept this component from starting. With `--check` it stops here, before anything is touched:
    /// see [`App`](crate::App).
    pub async fn build(self) -> Result<C, Error> {
        self.cx.app().begin_building()?;
        let component = self.attempts().await.map_err(|error| match *self.required.get() {
            true => error,
            false => needs_optional(&error),
        })?;
        self.note_built(&component);
        Ok(component)
    }

    /// Connects and warms up, like [`build`](Self::build); but with `required = false` in the component's table a target
    /// that is not there keeps nothing from starting. Then it is built later, tried again until it works, and health shows
    /// the app as degraded meanwhile. For a program that can do something useful without it.
    ///
    /// # Errors
    /// As [`build`](Self::build), if the component is required; otherwise only problems of the configuration.
    pub async fn optional(self) -> Result<Optional<C>, Error> {
        self.cx.app().begin_building()?;
        if *self.required.get() {
            let component = self.attempts().await?;
            self.note_built(&component);
            return Ok(Optional::built(component));
        }
        Ok(match self.attempt().await {
            Ok(component) => {
                self.note_built(&component);
                Optional::built(component)
            }
            Err(error) => Optional::later(self, &error),
        })
    }

    fn note_built(&self, component: &C) {
        tracing::info!(kind = C::KIND, name = %self.cx.name, "built");
        self.cx.app().add(&self.cx, self.required.clone(), Optional::built(component.clone()));
    }

    pub(crate) async fn attempt(&self) -> Result<C, Error> {
        let build = C::build(self.config.clone(), self.cx.clone());
        let built = match self.cx.app().caught(Edge::Start, self.cx.name.clone(), build).await {
            Ok(built) => built,
            Err(panicked) => Err(panicked.fault().into()),
        };
        built.map_err(|error| self.cx.failed_to_build(&error, self.asked_at))
    }

    async fn attempts(&self) -> Result<C, Error> {
        let until = Instant::now() + *self.cx.app().config().start_wait;
        let mut pause = AGAIN.0;
        loop {
            let error = match self.attempt().await {
                Ok(component) => return Ok(component),
                Err(error) => error,
            };
            let away = error.problems().iter().all(|fault| fault.code == Code::ConnectFailed);
            if !away || Instant::now() + pause > until {
                return Err(error);
            }
            tracing::warn!(name = %self.cx.name, again_after = ?pause, "cannot start yet: {}", said(&error));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(AGAIN.1);
        }
    }
}

/// What an error says, on one line.
pub(crate) fn said(error: &Error) -> String {
    let problems = error.problems();
    let line = problems.iter().map(|fault| match &fault.target {
        Some(target) => format!("{target}: {}", fault.message),
        None => fault.message.clone(),
    });
    line.collect::<Vec<_>>().join("; ")
}

fn needs_optional(error: &Error) -> Error {
    let hint = "`required = false` lets a program start without it only if it loads it with `optional()`";
    error.problems().iter().map(|fault| fault.clone().hint(hint)).collect::<Problems>().into()
}

impl<C: Component> fmt::Debug for Loader<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("cx", &self.cx).finish_non_exhaustive()
    }
}
