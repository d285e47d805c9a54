//! The cluster from outside.
mod applying;
mod client;
mod controllers;
mod durability;
mod fixture;
mod following;
mod informers;
mod kubectl;
mod kubelet;
mod logs;
mod reading;
mod serving;
mod writing;
