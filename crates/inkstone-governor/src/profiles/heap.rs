//! Heap profiles, by whatever allocator the program has.

use std::fmt;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State as Extract;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::access::Caller;
use crate::audit;
use crate::governor::State;
use crate::problem::{Answer, Problem};

/// What makes a heap profile of this program, for the governor's `/profile/heap`.
///
/// The allocator is the program's choice, and one that can be profiled costs compile time and a little of every
/// allocation; so the program brings it. With jemalloc and the crate `jemalloc_pprof` it is three lines:
///
/// ```no_run
/// use inkstone_core::App;
/// use inkstone_governor::HeapProfiler;
///
/// # fn dump() -> Result<Vec<u8>, String> { Ok(Vec::new()) }
/// # fn with(app: App) -> App {
/// // #[global_allocator] static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
/// // with _RJEM_MALLOC_CONF=prof:true,prof_active:true,lg_prof_sample:19 in its environment
/// app.provide(HeapProfiler::new(|| dump()))
/// # }
/// ```
#[derive(Clone)]
pub struct HeapProfiler(Arc<dyn Fn() -> Result<Vec<u8>, String> + Send + Sync>);

impl HeapProfiler {
    /// A profiler: `profile` returns what is in use now in pprof's format, or why it cannot. It runs on a thread where it
    /// may block.
    pub fn new(profile: impl Fn() -> Result<Vec<u8>, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(profile))
    }
}

impl fmt::Debug for HeapProfiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapProfiler").finish_non_exhaustive()
    }
}

pub(crate) async fn heap(
    Extract(state): Extract<State>,
    Extension(caller): Extension<Caller>,
) -> Answer<Response> {
    let profiler = state.app.provided::<HeapProfiler>().ok_or_else(|| {
        Problem::not_built_in(
            "the program has no heap profiler: let its allocator be jemalloc (crate tikv-jemallocator with its feature \
             profiling), and give the app what dumps it: app.provide(inkstone::governor::HeapProfiler::new(…))",
        )
    })?;
    audit::changed(&caller, "heap profile", "", "taken");
    let profile = tokio::task::spawn_blocking(move || profiler.0()).await;
    let profile = profile.map_err(|panic| Problem::failed(format!("the heap profiler panicked: {panic}")))?;
    let profile = profile.map_err(|why| Problem::failed(format!("no heap profile: {why}")))?;
    Ok(([(CONTENT_TYPE, "application/x-protobuf")], profile).into_response())
}
