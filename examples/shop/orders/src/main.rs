//! Orders: what customers have ordered and what is left in stock, changed together or not at all.

use std::process::ExitCode;

use inkstone::governor::Governor;
use inkstone::prelude::*;
use inkstone::sql::Sqlite;
use shop_api::catalog_service_client::CatalogServiceClient;
use shop_api::order_service_server::{OrderService, OrderServiceServer};
use shop_api::{
    GetProductRequest, ListOrdersRequest, ListOrdersResponse, ListStockRequest, ListStockResponse, Order,
    PlaceOrderRequest, PlaceOrderResponse, Product, Stock,
};
use tonic::{Request, Response, Status};

fn main() -> ExitCode {
    inkstone::main(build_info!(), service)
}

async fn service(app: App) -> inkstone::Result {
    let app = app.provide(Resolvers::new().with(inkstone::k8s::resolver()));
    let governor = app.load::<Governor>("server.governor");
    let grpc = app.load::<GrpcServer>("server.grpc");
    let ledger = app.load::<Sqlite>("sqlite.orders");
    let catalog = app.load::<GrpcClient>("grpc.catalog");

    let orders =
        Orders { ledger: ledger.build().await?, catalog: CatalogServiceClient::new(catalog.build().await?) };
    app.job("install", orders.ledger.migrate(sqlx::migrate!()))
        .job("seed", orders.clone().seed())
        .serve(governor)
        .serve(grpc.descriptors(shop_api::FILE_DESCRIPTOR_SET).add(OrderServiceServer::new(orders)))
        .run()
        .await
}

#[derive(Debug, Clone)]
struct Orders {
    ledger: Sqlite,
    catalog: CatalogServiceClient<GrpcClient>,
}

impl Orders {
    /// Fills the stock where there is none; running it again changes nothing.
    async fn seed(self) -> Result<(), sqlx::Error> {
        for product in 1..=5 {
            sqlx::query("INSERT OR IGNORE INTO stock (product_id, quantity) VALUES (?, 1000)")
                .bind(product)
                .execute(&self.ledger)
                .await?;
        }
        Ok(())
    }

    async fn product(&self, id: i64) -> Result<Product, Status> {
        let found = self.catalog.clone().get_product(GetProductRequest { id }).await?.into_inner();
        found.product.ok_or_else(|| Status::internal("the catalog found nothing and did not say so"))
    }

    /// Takes the quantity out of stock and writes the order in one transaction; `None` when the stock is too small.
    async fn sell(
        &self,
        product: Product,
        quantity: i64,
        total_cents: i64,
    ) -> Result<Option<Order>, sqlx::Error> {
        let mut change = self.ledger.begin().await?;
        let taken =
            sqlx::query("UPDATE stock SET quantity = quantity - ?1 WHERE product_id = ?2 AND quantity >= ?1")
                .bind(quantity)
                .bind(product.id)
                .execute(&mut change)
                .await?;
        if taken.rows_affected() == 0 {
            return Ok(None);
        }
        let id = sqlx::query_scalar(
            "INSERT INTO purchase (product_id, product_name, quantity, total_cents) VALUES (?, ?, ?, ?) RETURNING id",
        )
        .bind(product.id)
        .bind(&product.name)
        .bind(quantity)
        .bind(total_cents)
        .fetch_one(&mut change)
        .await?;
        change.commit().await?;
        Ok(Some(Order { id, product_id: product.id, product_name: product.name, quantity, total_cents }))
    }
}

#[tonic::async_trait]
impl OrderService for Orders {
    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let PlaceOrderRequest { product_id, quantity } = request.into_inner();
        if quantity < 1 {
            return Err(Status::invalid_argument(format!("quantity is {quantity}: order at least 1")));
        }
        let product = self.product(product_id).await?;
        let total = product.price_cents.checked_mul(quantity);
        let total =
            total.ok_or_else(|| Status::invalid_argument(format!("quantity is {quantity}: too many")))?;
        let order = self.sell(product, quantity, total).await.map_err(|error| ledger(&error))?;
        let order = order.ok_or_else(|| {
            Status::failed_precondition(format!("product {product_id}: fewer than {quantity} are left"))
        })?;
        Ok(Response::new(PlaceOrderResponse { order: Some(order) }))
    }

    async fn list_orders(
        &self,
        _request: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        let rows: Vec<(i64, i64, String, i64, i64)> = sqlx::query_as(
            "SELECT id, product_id, product_name, quantity, total_cents FROM purchase ORDER BY id DESC LIMIT 100",
        )
        .fetch_all(&self.ledger)
        .await
        .map_err(|error| ledger(&error))?;
        let orders = rows.into_iter().map(|(id, product_id, product_name, quantity, total_cents)| Order {
            id,
            product_id,
            product_name,
            quantity,
            total_cents,
        });
        Ok(Response::new(ListOrdersResponse { orders: orders.collect() }))
    }

    async fn list_stock(
        &self,
        _request: Request<ListStockRequest>,
    ) -> Result<Response<ListStockResponse>, Status> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("SELECT product_id, quantity FROM stock ORDER BY product_id")
                .fetch_all(&self.ledger)
                .await
                .map_err(|error| ledger(&error))?;
        let stock = rows.into_iter().map(|(product_id, quantity)| Stock { product_id, quantity }).collect();
        Ok(Response::new(ListStockResponse { stock }))
    }
}

fn ledger(error: &sqlx::Error) -> Status {
    Status::internal(format!("use the orders' database: {error}; did `orders --job=install,seed` run?"))
}
