//! The four servers: the same handlers, with the framework around them and without.

use std::process::ExitCode;

use anyhow::bail;
use axum::routing::get;
use axum::{Json, Router};
use inkstone::prelude::*;
use serde_json::{Value, json};
use shop_api::catalog_service_server::{CatalogService, CatalogServiceServer};
use shop_api::{GetProductRequest, GetProductResponse, ListProductsRequest, ListProductsResponse, Product};
use tonic::{Request, Response, Status};

use crate::Side;

/// Answers from memory, so that the call itself is what costs.
#[derive(Debug, Clone, Copy)]
struct Catalog;

#[tonic::async_trait]
impl CatalogService for Catalog {
    async fn list_products(
        &self,
        _: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        Ok(Response::new(ListProductsResponse::default()))
    }

    async fn get_product(
        &self,
        request: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        let product =
            Product { id: request.into_inner().id, name: "Ink stick".to_owned(), price_cents: 1800 };
        Ok(Response::new(GetProductResponse { product: Some(product) }))
    }
}

fn routes() -> Router {
    Router::new().route("/api/product", get(product))
}

async fn product() -> Json<Value> {
    Json(json!({ "id": 1, "name": "Ink stick", "price_cents": 1800 }))
}

pub(crate) fn framework_grpc(port: u16) -> ExitCode {
    inkstone::main_with(flags("server.grpc", port), build_info!(), async |app: App| {
        let grpc = app.load::<GrpcServer>("server.grpc");
        app.serve(grpc.descriptors(shop_api::FILE_DESCRIPTOR_SET).add(CatalogServiceServer::new(Catalog)))
            .run()
            .await
    })
}

pub(crate) fn framework_http(port: u16) -> ExitCode {
    inkstone::main_with(flags("server.http", port), build_info!(), async |app: App| {
        let http = app.load::<HttpServer>("server.http");
        app.serve(http.routes(routes())).run().await
    })
}

fn flags(table: &str, port: u16) -> Vec<std::ffi::OsString> {
    vec!["bench".into(), format!("--set={table}.port={port}").into(), "--set=app.drain=0s".into()]
}

pub(crate) async fn bare(side: Side, port: u16) -> anyhow::Result<()> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    match side {
        Side::Tonic => {
            let server = tonic::transport::Server::builder().add_service(CatalogServiceServer::new(Catalog));
            server.serve(address).await?;
        }
        Side::Axum => axum::serve(tokio::net::TcpListener::bind(address).await?, routes()).await?,
        Side::Grpc | Side::Http => bail!("the framework runs its own runtime"),
    }
    Ok(())
}
