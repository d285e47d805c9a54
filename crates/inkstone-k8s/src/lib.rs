//! Kubernetes: services found by watching their EndpointSlices.
