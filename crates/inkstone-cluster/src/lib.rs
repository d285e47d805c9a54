//! A local cluster that speaks the Kubernetes API and runs pods as processes.
