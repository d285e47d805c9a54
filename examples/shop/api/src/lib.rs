//! The shop's interfaces, generated from `examples/shop/proto`: messages, clients and servers.

include!(concat!(env!("OUT_DIR"), "/protos.rs"));

pub use shop::v1::*;
