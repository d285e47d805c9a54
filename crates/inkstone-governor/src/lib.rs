//! The port a service is governed through: health, metrics, build information, effective configuration.
