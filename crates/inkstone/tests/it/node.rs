//! A service with both kinds of server, which calls another one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inkstone::grpc::{GrpcClient, GrpcServer, Request, Response, Status};
use inkstone::http::HttpServer;
use inkstone::http::axum::extract::{Path, State};
use inkstone::http::axum::http::{HeaderMap, StatusCode};
use inkstone::http::axum::{Router, routing::get};
use inkstone::sql::{Sqlite, sqlx};
use inkstone::trace::{self, Context};
use inkstone::{App, AppHandle, Phase};
use shop_api::catalog_service_client::CatalogServiceClient;
use shop_api::catalog_service_server::{CatalogService, CatalogServiceServer};
use shop_api::{GetProductRequest, GetProductResponse, ListProductsRequest, ListProductsResponse};
use tokio::task::JoinHandle;

const SOON: Duration = Duration::from_secs(20);

/// Whom a node calls while it serves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next {
    Nobody,
    Http(SocketAddr),
    Grpc(SocketAddr),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) app: AppHandle,
    inner: Inner,
    running: JoinHandle<inkstone::Result>,
}

/// What the handlers share.
#[derive(Debug, Clone)]
struct Inner {
    app: AppHandle,
    database: Sqlite,
    http: Option<(reqwest::Client, SocketAddr)>,
    grpc: Option<CatalogServiceClient<GrpcClient>>,
    seen: Arc<Mutex<Vec<Context>>>,
}

impl Node {
    /// `trace` are lines of the table `[trace]`.
    pub(crate) async fn start(trace: &str, next: Next) -> Self {
        let called = match next {
            Next::Grpc(addr) => format!("[grpc.next]\naddr = \"{addr}\""),
            _ => String::new(),
        };
        let text = format!(
            "[app]\ndrain = \"0s\"\n[trace]\n{trace}\n[server.http]\nport = 0\n[server.grpc]\nport = 0\n[sqlite.main]\naddr = \"sqlite::memory:\"\n{called}"
        );
        let app = App::from_toml("t.toml", &text);
        let handle = app.handle().clone();
        let (http, grpc) = (app.load::<HttpServer>("server.http"), app.load::<GrpcServer>("server.grpc"));
        let database = app.load::<Sqlite>("sqlite.main");
        let client = matches!(next, Next::Grpc(_)).then(|| app.load::<GrpcClient>("grpc.next"));
        let client = match client {
            Some(client) => Some(CatalogServiceClient::new(client.build().await.unwrap())),
            None => None,
        };
        let inner = Inner {
            app: handle.clone(),
            database: database.build().await.unwrap(),
            http: match next {
                Next::Http(addr) => Some((plain(), addr)),
                _ => None,
            },
            grpc: client,
            seen: Arc::default(),
        };
        let routes = Router::new().route("/call/{id}", get(call)).with_state(inner.clone());
        let services =
            grpc.descriptors(shop_api::FILE_DESCRIPTOR_SET).add(CatalogServiceServer::new(inner.clone()));
        let running = tokio::spawn(app.serve(http.routes(routes)).serve(services).run());
        let mut phase = handle.phase();
        tokio::time::timeout(SOON, phase.wait_for(|phase| *phase == Phase::Ready)).await.unwrap().unwrap();
        let endpoint = |kind: &str| {
            let offers = handle.offers();
            offers.iter().find(|offer| offer.kind == kind).and_then(|offer| offer.endpoint).unwrap()
        };
        Self { http: endpoint("server.http"), grpc: endpoint("server.grpc"), app: handle, inner, running }
    }

    /// Asks over HTTP; status and headers of the answer.
    pub(crate) async fn ask_http(&self, id: &str, headers: &HeaderMap) -> (StatusCode, HeaderMap) {
        let url = format!("http://{}/call/{id}?secret=hunter2", self.http);
        let answer = plain().get(url).headers(headers.clone()).send().await.unwrap();
        (answer.status(), answer.headers().clone())
    }

    /// Asks over gRPC.
    pub(crate) async fn ask_grpc(&self, id: i64, headers: &HeaderMap) -> Result<(), Status> {
        let endpoint = tonic::transport::Endpoint::new(format!("http://{}", self.grpc)).unwrap();
        let mut client = CatalogServiceClient::new(endpoint.connect().await.unwrap());
        let mut request = Request::new(GetProductRequest { id });
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers.clone());
        client.get_product(request).await.map(|_| ())
    }

    /// What the handlers' work belonged to, in order.
    pub(crate) fn seen(&self) -> Vec<Context> {
        self.inner.seen.lock().unwrap().clone()
    }

    pub(crate) async fn stop(self) {
        self.app.stop();
        tokio::time::timeout(SOON, self.running).await.expect("stops in time").unwrap().unwrap();
    }
}

impl Inner {
    async fn work(&self, id: i64) -> Result<(), Status> {
        let context = trace::current().expect("a handler belongs to a trace");
        self.seen.lock().unwrap().push(context.clone());
        sqlx::query("SELECT ?").bind(id).execute(&self.database).await.unwrap();
        match id {
            404 => return Err(Status::not_found("no such thing")),
            500 => return Err(Status::internal("out of ink")),
            13 => panic!("unlucky"),
            _ => {}
        }
        if let Some((client, addr)) = &self.http {
            // There is no HTTP client component: whoever brings a client hands the context on.
            let mut headers = HeaderMap::new();
            self.app.tracer().inject(&context, &mut headers);
            client.get(format!("http://{addr}/call/{id}")).headers(headers).send().await.unwrap();
        }
        if let Some(client) = &self.grpc {
            client.clone().get_product(GetProductRequest { id }).await?;
        }
        Ok(())
    }
}

fn plain() -> reqwest::Client {
    // The first installed stays.
    let _already = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::new()
}

async fn call(State(inner): State<Inner>, Path(id): Path<i64>) -> StatusCode {
    match inner.work(id).await {
        Ok(()) => StatusCode::OK,
        Err(status) if status.code() == tonic::Code::NotFound => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[tonic::async_trait]
impl CatalogService for Inner {
    async fn get_product(
        &self,
        request: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        self.work(request.into_inner().id).await?;
        Ok(Response::new(GetProductResponse::default()))
    }

    async fn list_products(
        &self,
        _request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}
