//! The storefront: the shop's HTTP API and its page. It keeps nothing and asks catalog and orders over gRPC.

use std::process::ExitCode;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use inkstone::governor::Governor;
use inkstone::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use shop_api::catalog_service_client::CatalogServiceClient;
use shop_api::order_service_client::OrderServiceClient;
use shop_api::{ListOrdersRequest, ListProductsRequest, ListStockRequest, Order, PlaceOrderRequest};
use tonic::{Code, Status};

fn main() -> ExitCode {
    inkstone::main(build_info!(), service)
}

async fn service(app: App) -> inkstone::Result {
    let app = app.provide(Resolvers::new().with(inkstone::k8s::resolver()));
    let governor = app.load::<Governor>("server.governor");
    let http = app.load::<HttpServer>("server.http");
    let catalog = app.load::<GrpcClient>("grpc.catalog");
    let orders = app.load::<GrpcClient>("grpc.orders");

    let shop = Shop {
        catalog: CatalogServiceClient::new(catalog.build().await?),
        orders: OrderServiceClient::new(orders.build().await?),
    };
    let routes = Router::new()
        .route("/", get(Html(include_str!("page.html"))))
        .route("/api/products", get(products))
        .route("/api/stock", get(stock))
        .route("/api/orders", get(list_orders).post(place_order))
        .with_state(shop);
    app.serve(governor).serve(http.routes(routes)).run().await
}

#[derive(Debug, Clone)]
struct Shop {
    catalog: CatalogServiceClient<GrpcClient>,
    orders: OrderServiceClient<GrpcClient>,
}

async fn products(State(mut shop): State<Shop>) -> Result<Json<Value>, Refused> {
    let answer = shop.catalog.list_products(ListProductsRequest {}).await?.into_inner();
    let products: Vec<_> = answer
        .products
        .into_iter()
        .map(|product| json!({ "id": product.id, "name": product.name, "price_cents": product.price_cents }))
        .collect();
    Ok(Json(json!({ "products": products, "notice": answer.notice, "served_by": answer.served_by })))
}

async fn stock(State(mut shop): State<Shop>) -> Result<Json<Value>, Refused> {
    let answer = shop.orders.list_stock(ListStockRequest {}).await?.into_inner();
    let stock: Vec<_> = answer
        .stock
        .into_iter()
        .map(|stock| json!({ "product_id": stock.product_id, "quantity": stock.quantity }))
        .collect();
    Ok(Json(json!({ "stock": stock })))
}

async fn list_orders(State(mut shop): State<Shop>) -> Result<Json<Value>, Refused> {
    let answer = shop.orders.list_orders(ListOrdersRequest {}).await?.into_inner();
    let orders: Vec<_> = answer.orders.iter().map(shown).collect();
    Ok(Json(json!({ "orders": orders })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    product_id: i64,
    quantity: i64,
}

async fn place_order(
    State(mut shop): State<Shop>,
    Json(NewOrder { product_id, quantity }): Json<NewOrder>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let answer = shop.orders.place_order(PlaceOrderRequest { product_id, quantity }).await?.into_inner();
    Ok((StatusCode::CREATED, Json(shown(&answer.order.unwrap_or_default()))))
}

fn shown(order: &Order) -> Value {
    json!({
        "id": order.id,
        "product_id": order.product_id,
        "product_name": order.product_name,
        "quantity": order.quantity,
        "total_cents": order.total_cents,
    })
}

/// A gRPC status as the HTTP answer it amounts to.
#[derive(Debug)]
struct Refused(Status);

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self.0.code() {
            Code::InvalidArgument => StatusCode::BAD_REQUEST,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::FailedPrecondition => StatusCode::CONFLICT,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": self.0.message() }))).into_response()
    }
}
