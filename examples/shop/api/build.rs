//! Generates the shop's messages, clients and servers.

fn main() -> Result<(), inkstone_build::Error> {
    inkstone_build::protos(
        &["../proto/shop/v1/catalog.proto", "../proto/shop/v1/orders.proto"],
        &["../proto"],
    )
}
