//! From a key of the configuration to a built component.

use std::fmt;
use std::panic::Location;

use inkstone_config::{Config, Live};

use crate::component::Component;
use crate::cx::Cx;
use crate::error::Error;

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
    section: Section<C::Config>,
}

impl<C: Component> Loader<C> {
    pub(crate) fn new(section: Section<C::Config>) -> Self {
        Self { section }
    }

    /// Connects and warms up.
    ///
    /// # Errors
    /// The first `build` of an app returns every problem of the configuration that loading has found, all at once;
    /// then, whatever kept this component from starting. With `--check` it stops here, before anything is touched:
    /// see [`App::new`](crate::App::new).
    pub async fn build(self) -> Result<C, Error> {
        let Section { config, cx, asked_at } = self.section;
        cx.app().begin_building()?;
        let component = match C::build(config, cx.clone()).await {
            Ok(component) => component,
            Err(error) => return Err(cx.failed_to_build(&error, asked_at)),
        };
        tracing::debug!(kind = C::KIND, name = %cx.name, "built");
        cx.app().built(C::KIND, cx.name.clone(), component.clone());
        Ok(component)
    }
}

impl<C: Component> fmt::Debug for Loader<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("section", &self.section.cx).finish_non_exhaustive()
    }
}
