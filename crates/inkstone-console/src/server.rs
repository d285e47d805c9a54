//! The whole console as one axum router.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;

use crate::console::Console;
use crate::{assets, headers, routes};

/// A ConfigMap holds at most 1 MiB; JSON quotes some of it.
const LARGEST_BODY: usize = 2 << 20;

impl Console {
    /// The API and the front end, under the base path. Serve it with
    /// `into_make_service_with_connect_info::<SocketAddr>()`, so that it knows where requests come from.
    pub fn router(&self) -> Router {
        let api = routes::router(self).layer(DefaultBodyLimit::max(LARGEST_BODY));
        let base = self.options.base_path.trim_end_matches('/');
        Router::new()
            .nest(&format!("{base}/api/v1"), api)
            .fallback(assets::serve)
            .with_state(self.clone())
            .layer(from_fn(headers::secure))
    }
}
