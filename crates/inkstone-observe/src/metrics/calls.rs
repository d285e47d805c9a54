//! Where calls are counted: a handle for each method, a series for each of its codes.
//!
//! A call looks its method up once, without a lock, and its code in a short list. Both are limited, so no caller, peer or
//! bug can make the metrics grow without end: what is too much is counted under [`OTHER`], and that is said.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::metrics::config::MetricsConfig;
use crate::metrics::series::{Bounds, Series};
use crate::record::Protocol;
use crate::trace::TraceIds;

/// The label's value for everything that was too much.
pub(crate) const OTHER: &str = "other";

/// Most codes of one method. Codes are words of the program; gRPC has 17, HTTP 64.
const MOST_CODES: usize = 100;

/// Most bytes of a method's name that become a label.
const LONGEST: usize = 256;

/// The calls of one app, by component instance.
#[derive(Debug)]
pub(crate) struct Calls {
    config: MetricsConfig,
    /// Asked when a component is built, never when it is called.
    instances: Mutex<Instances>,
}

type Instances = BTreeMap<(Protocol, Arc<str>), Arc<Instance>>;

/// The calls of one component instance.
pub(crate) struct Instance {
    pub(crate) protocol: Protocol,
    pub(crate) name: Arc<str>,
    methods: ArcSwap<HashMap<Arc<str>, Method>>,
    other: Arc<Counted>,
    bounds: Bounds,
    max_methods: usize,
    exemplars: bool,
    pub(crate) folded_methods: AtomicU64,
    pub(crate) folded_codes: AtomicU64,
    warned: AtomicBool,
}

/// One method of one component instance, and where its calls are counted. A handle: cheap to clone and to keep.
#[derive(Clone)]
pub struct Method(Arc<Named>);

struct Named {
    name: Arc<str>,
    counted: Arc<Counted>,
}

/// The values of one label `method`.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) label: Arc<str>,
    pub(crate) started: AtomicU64,
    ended: AtomicU64,
    codes: OnceLock<Box<Code>>,
}

/// One code, and the next in the order in which they came.
#[derive(Debug)]
struct Code {
    code: &'static str,
    series: Series,
    next: OnceLock<Box<Self>>,
}

/// A call in flight: counted as active until this is dropped.
#[derive(Debug)]
pub struct Active(Method);

impl Calls {
    pub(crate) fn new(config: MetricsConfig) -> Self {
        Self { config, instances: Mutex::default() }
    }

    /// The calls of the instance `name`, which is a key of the configuration.
    pub(crate) fn instance(&self, protocol: Protocol, name: Arc<str>) -> Arc<Instance> {
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let instance = instances.entry((protocol, name.clone()));
        instance.or_insert_with(|| Arc::new(Instance::new(&self.config, protocol, name))).clone()
    }

    pub(crate) fn instances(&self) -> Vec<Arc<Instance>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl Instance {
    fn new(config: &MetricsConfig, protocol: Protocol, name: Arc<str>) -> Self {
        Self {
            protocol,
            name,
            methods: ArcSwap::default(),
            other: Arc::new(Counted::new(OTHER.into())),
            bounds: Bounds::new(config.bounds(&protocol.metric())),
            max_methods: config.max_methods,
            exemplars: config.exemplars,
            folded_methods: AtomicU64::new(0),
            folded_codes: AtomicU64::new(0),
            warned: AtomicBool::new(false),
        }
    }

    /// The handle of a method. Allocates only when it is called for the first time, or is one too many.
    pub(crate) fn method(&self, name: &str) -> Method {
        if let Some(method) = self.methods.load().get(name) {
            return method.clone();
        }
        self.add(name).unwrap_or_else(|| {
            self.folded_methods.fetch_add(1, Ordering::Relaxed);
            self.warn("methods (metrics.max_methods)", self.max_methods, name);
            Method(Arc::new(Named { name: name.into(), counted: self.other.clone() }))
        })
    }

    /// A call has ended.
    pub(crate) fn observe(
        &self,
        method: &Method,
        code: &'static str,
        cost: Duration,
        trace: Option<TraceIds>,
    ) {
        let exemplar = trace.filter(|trace| trace.sampled && self.exemplars);
        method.0.counted.series(code, self).observe(cost, exemplar);
    }

    /// Makes room for a method, if there is some.
    fn add(&self, name: &str) -> Option<Method> {
        if name.len() > LONGEST || self.methods.load().len() >= self.max_methods {
            return None;
        }
        let label: Arc<str> = name.into();
        let counted = Arc::new(Counted::new(label.clone()));
        let method = Method(Arc::new(Named { name: label.clone(), counted }));
        self.methods.rcu(|methods| {
            let mut methods = HashMap::clone(methods);
            // Several may come at once, and others of the same name.
            if methods.len() < self.max_methods {
                methods.entry(label.clone()).or_insert_with(|| method.clone());
            }
            methods
        });
        self.methods.load().get(name).cloned()
    }

    /// Says it once: where names come from without end, so would lines.
    fn warn(&self, what: &str, limit: usize, example: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            let example = &example[..example.floor_char_boundary(LONGEST)];
            let name = &self.name;
            tracing::warn!(
                component = %name, limit, example,
                "more {what} than metrics have room for; further ones are counted as `{OTHER}`"
            );
        }
    }

    /// What was counted, by method.
    pub(crate) fn counted(&self) -> Vec<Arc<Counted>> {
        let methods = self.methods.load();
        let mut counted: Vec<_> = methods.values().map(|method| method.0.counted.clone()).collect();
        counted.push(self.other.clone());
        counted
            .retain(|counted| counted.started.load(Ordering::Relaxed) > 0 || counted.codes.get().is_some());
        counted.sort_by(|a, b| a.label.cmp(&b.label));
        counted
    }
}

impl Method {
    /// Its name. Also where its calls are counted under another label because there are too many.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// A call of it begins.
    #[must_use]
    pub fn start(&self) -> Active {
        self.0.counted.started.fetch_add(1, Ordering::Relaxed);
        Active(self.clone())
    }
}

impl Counted {
    fn new(label: Arc<str>) -> Self {
        Self { label, started: AtomicU64::new(0), ended: AtomicU64::new(0), codes: OnceLock::new() }
    }

    fn series(&self, code: &'static str, instance: &Instance) -> &Series {
        let new = |code| {
            Box::new(Code { code, series: Series::new(instance.bounds.clone()), next: OnceLock::new() })
        };
        let mut place = &self.codes;
        for _ in 0..MOST_CODES {
            let here = place.get_or_init(|| new(code));
            if std::ptr::eq(here.code, code) || here.code == code {
                return &here.series;
            }
            place = &here.next;
        }
        instance.folded_codes.fetch_add(1, Ordering::Relaxed);
        instance.warn("codes of one method", MOST_CODES, code);
        &place.get_or_init(|| new(OTHER)).series
    }

    /// Its series by code.
    pub(crate) fn codes(&self) -> impl Iterator<Item = (&'static str, &Series)> {
        let first = self.codes.get();
        std::iter::successors(first, |code| code.next.get()).map(|code| (code.code, &code.series))
    }

    /// Calls in flight.
    pub(crate) fn active(&self) -> u64 {
        // In this order, or a call that begins and ends between the two would make it negative.
        let ended = self.ended.load(Ordering::Acquire);
        self.started.load(Ordering::Acquire).saturating_sub(ended)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.0.counted.ended.fetch_add(1, Ordering::Release);
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Method").field(&self.0.name).finish()
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("protocol", &self.protocol)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
