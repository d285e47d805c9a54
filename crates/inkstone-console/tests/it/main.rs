//! The console, from outside: through its HTTP API, with a Kubernetes API and governors that the tests serve.

mod accounts;
mod applications;
mod audit;
mod crash;
mod faults;
mod kubernetes;
mod pages;
mod permissions;
mod releases;
mod revisions;
mod service;
mod site;
