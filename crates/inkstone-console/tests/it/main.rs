#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
//! The console, from outside: through its HTTP API, with a Kubernetes API and governors that the tests serve.

mod accounts;
mod applications;
mod audit;
mod cluster;
mod crash;
mod faults;
mod kubernetes;
mod pages;
mod permissions;
mod releases;
mod revisions;
mod service;
mod site;
