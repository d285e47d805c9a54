//! The catalog: what the shop sells, kept in SQLite, asked for over gRPC.

use std::num::NonZeroU32;
use std::process::ExitCode;

use inkstone::governor::Governor;
use inkstone::prelude::*;
use inkstone::sql::Sqlite;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop_api::catalog_service_server::{CatalogService, CatalogServiceServer};
use shop_api::{GetProductRequest, GetProductResponse, ListProductsRequest, ListProductsResponse, Product};
use tonic::{Request, Response, Status};

fn main() -> ExitCode {
    inkstone::main(build_info!(), service)
}

async fn service(app: App) -> inkstone::Result {
    let governor = app.load::<Governor>("server.governor");
    let grpc = app.load::<GrpcServer>("server.grpc");
    let products = app.load::<Sqlite>("sqlite.catalog");
    let shelf = app.live::<Shelf>("catalog");

    let catalog = Catalog { products: products.build().await?, shelf };
    app.job("install", catalog.products.migrate(sqlx::migrate!()))
        .job("seed", catalog.clone().seed())
        .serve(governor)
        .serve(grpc.descriptors(shop_api::FILE_DESCRIPTOR_SET).add(CatalogServiceServer::new(catalog)))
        .run()
        .await
}

/// The `[catalog]` table. A published change is applied at once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Shelf {
    /// A line for the top of the page.
    #[schemars(extend("x-live" = true))]
    notice: String,
    /// Most products in one answer.
    #[schemars(extend("x-live" = true))]
    page_size: NonZeroU32,
    /// Who answers.
    instance: String,
}

impl Default for Shelf {
    fn default() -> Self {
        Self {
            notice: String::new(),
            page_size: NonZeroU32::new(50).expect("50 is not zero"),
            instance: "catalog".to_owned(),
        }
    }
}

impl Config for Shelf {}

#[derive(Debug, Clone)]
struct Catalog {
    products: Sqlite,
    shelf: Live<Shelf>,
}

impl Catalog {
    /// Fills an empty catalog; running it again changes nothing.
    async fn seed(self) -> Result<(), sqlx::Error> {
        const PRODUCTS: [(i64, &str, i64); 5] = [
            (1, "Ink stick, pine soot", 1800),
            (2, "Inkstone, oval", 6400),
            (3, "Brush, goat hair", 1250),
            (4, "Brush rest, celadon", 2100),
            (5, "Rice paper, 50 sheets", 950),
        ];
        for (id, name, price_cents) in PRODUCTS {
            sqlx::query("INSERT OR IGNORE INTO product (id, name, price_cents) VALUES (?, ?, ?)")
                .bind(id)
                .bind(name)
                .bind(price_cents)
                .execute(&self.products)
                .await?;
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl CatalogService for Catalog {
    async fn list_products(
        &self,
        _request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        let shelf = self.shelf.get();
        let rows: Vec<Row> = sqlx::query_as("SELECT id, name, price_cents FROM product ORDER BY id LIMIT ?")
            .bind(shelf.page_size.get())
            .fetch_all(&self.products)
            .await
            .map_err(|error| cannot_read(&error))?;
        Ok(Response::new(ListProductsResponse {
            products: rows.into_iter().map(product).collect(),
            notice: shelf.notice.clone(),
            served_by: shelf.instance.clone(),
        }))
    }

    async fn get_product(
        &self,
        request: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        let id = request.into_inner().id;
        let row: Option<Row> = sqlx::query_as("SELECT id, name, price_cents FROM product WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.products)
            .await
            .map_err(|error| cannot_read(&error))?;
        let row = row.ok_or_else(|| Status::not_found(format!("the catalog has no product {id}")))?;
        Ok(Response::new(GetProductResponse { product: Some(product(row)) }))
    }
}

type Row = (i64, String, i64);

fn product((id, name, price_cents): Row) -> Product {
    Product { id, name, price_cents }
}

fn cannot_read(error: &sqlx::Error) -> Status {
    Status::internal(format!("read the catalog: {error}; did `catalog --job=install,seed` run?"))
}
