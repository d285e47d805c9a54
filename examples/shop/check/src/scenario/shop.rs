//! Point 2: three services over one set of protobuf files.

use std::path::Path;

use anyhow::{Context as _, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shop_api::GetProductRequest;
use shop_api::catalog_service_client::CatalogServiceClient;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::SOON;
use crate::program::run as run_program;
use crate::report::Report;
use crate::world::World;

pub(crate) async fn run(world: &World, report: &mut Report) {
    report.see("the storefront lists the products over gRPC", SOON, products(world)).await;
    report.see("the storefront shows a page", SOON, page(world)).await;
    report.see("an order takes its quantity out of stock", SOON, order(world)).await;
    report.see("an order larger than the stock changes nothing", SOON, too_large(world)).await;
    report.see("an unknown product and a bad body are refused", SOON, unknown(world)).await;
    report.see("a gRPC client of its own can ask catalog and its health", SOON, grpc(world)).await;
    report.see("catalog --job=install,seed fills a database and exits", SOON, jobs(world)).await;
}

async fn products(world: &World) -> anyhow::Result<String> {
    let answer = world.shop("/api/products").await?;
    let count = answer["products"].as_array().map_or(0, Vec::len);
    ensure!(count > 0, "{answer}");
    Ok(format!("{count} products, from {}", answer["served_by"]))
}

async fn page(world: &World) -> anyhow::Result<String> {
    let url = world.cluster.url("storefront", "http").await? + "/";
    let text = world.http.get(&url).send().await?.error_for_status()?.text().await?;
    ensure!(text.contains("<html"), "{text}");
    Ok(url)
}

async fn stock(world: &World, product: i64) -> anyhow::Result<i64> {
    let answer = world.shop("/api/stock").await?;
    let all = answer["stock"].as_array().context("a list of stock")?;
    let of_product =
        all.iter().find(|stock| stock["product_id"] == product).context("the product's stock")?;
    of_product["quantity"].as_i64().context("a quantity")
}

/// Places an order with the storefront.
pub(super) async fn place(world: &World, body: &Value) -> anyhow::Result<(StatusCode, Value)> {
    let url = world.cluster.url("storefront", "http").await? + "/api/orders";
    let answer = world.http.post(url).json(body).send().await?;
    Ok((answer.status(), serde_json::from_str(&answer.text().await?)?))
}

async fn order(world: &World) -> anyhow::Result<String> {
    let before = stock(world, 1).await?;
    let (status, order) = place(world, &json!({ "product_id": 1, "quantity": 2 })).await?;
    ensure!(status == StatusCode::CREATED, "{status}: {order}");
    let after = stock(world, 1).await?;
    ensure!(after == before - 2, "stock was {before} and is {after}");
    let orders = world.shop("/api/orders").await?;
    ensure!(orders["orders"][0] == order, "{order} is not the newest of {orders}");
    Ok(format!("stock {before} → {after}, order {} for {} cents", order["id"], order["total_cents"]))
}

async fn too_large(world: &World) -> anyhow::Result<String> {
    let (stock_before, orders_before) = (stock(world, 1).await?, world.shop("/api/orders").await?);
    let (status, why) = place(world, &json!({ "product_id": 1, "quantity": 1_000_000 })).await?;
    ensure!(status == StatusCode::CONFLICT, "{status}: {why}");
    ensure!(stock(world, 1).await? == stock_before, "the stock has changed");
    ensure!(world.shop("/api/orders").await? == orders_before, "the orders have changed");
    Ok(format!("409 {}", why["error"]))
}

async fn unknown(world: &World) -> anyhow::Result<String> {
    let (missing, why) = place(world, &json!({ "product_id": 4711, "quantity": 1 })).await?;
    ensure!(missing == StatusCode::NOT_FOUND, "{missing}: {why}");
    let (negative, why_negative) = place(world, &json!({ "product_id": 1, "quantity": -1 })).await?;
    ensure!(negative == StatusCode::BAD_REQUEST, "{negative}: {why_negative}");
    Ok(format!("404 {}, 400 {}", why["error"], why_negative["error"]))
}

async fn grpc(world: &World) -> anyhow::Result<String> {
    let url = world.cluster.url("catalog", "grpc").await?;
    let channel = tonic::transport::Endpoint::from_shared(url.clone())?.connect().await?;
    let mut catalog = CatalogServiceClient::new(channel.clone());
    let found = catalog.get_product(GetProductRequest { id: 1 }).await?.into_inner();
    let missing = catalog.get_product(GetProductRequest { id: 4711 }).await.err().map(|status| status.code());
    ensure!(missing == Some(Code::NotFound), "an unknown product is {missing:?}");
    let health = HealthClient::new(channel).check(HealthCheckRequest::default()).await?.into_inner();
    ensure!(health.status == 1, "health is {}", health.status);
    Ok(format!("{} is {:?}, SERVING", url, found.product.unwrap_or_default().name))
}

async fn jobs(world: &World) -> anyhow::Result<String> {
    let dir = tempfile::tempdir()?;
    let config = world.shop.join("catalog/config/local.toml");
    let config = format!("--config={}", config.display());
    let database = format!("--set=sqlite.catalog.addr={}", dir.path().join("catalog.db").display());
    let catalog = world.program("catalog");
    let job = |jobs: &'static str| {
        let args = [config.clone(), database.clone(), jobs.to_owned()];
        let (catalog, dir) = (catalog.clone(), dir.path().to_owned());
        async move {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            run_program(&catalog, Path::new(&dir), &args, &[]).await
        }
    };
    job("--job=install,seed").await?.succeeded()?;
    job("--job=install,seed").await?.succeeded().context("the second time")?;
    job("--job=sed").await?.refused(&["sed", "install", "seed"])?;
    Ok("twice; an unknown job names the known".to_owned())
}
