//! The one list of kinds: every table of a configuration file that Inkstone itself reads.

use inkstone_config::Kind;

/// Every table that Inkstone itself reads, in the order in which the reference shows them.
///
/// With it a file is checked without its program. Which kinds are in it depends on the features.
pub const KINDS: &[Kind] = &[
    Kind::table::<inkstone_core::AppConfig>("app"),
    Kind::table::<inkstone_observe::LogConfig>("log"),
    Kind::table::<inkstone_observe::MetricsConfig>("metrics"),
    Kind::table::<inkstone_observe::trace::TraceConfig>("trace"),
    #[cfg(feature = "http")]
    Kind::table::<inkstone_http::HttpServerConfig>("server.http"),
    #[cfg(feature = "grpc")]
    Kind::table::<inkstone_grpc::GrpcServerConfig>("server.grpc"),
    #[cfg(feature = "grpc")]
    Kind::of::<inkstone_core::Table<inkstone_grpc::GrpcClientConfig>>("grpc"),
    #[cfg(feature = "governor")]
    Kind::table::<inkstone_governor::GovernorConfig>("server.governor"),
    #[cfg(feature = "sql")]
    Kind::of::<inkstone_core::Table<inkstone_sql::SqliteConfig>>("sqlite"),
    #[cfg(feature = "etcd")]
    Kind::of::<inkstone_core::Table<inkstone_etcd::EtcdConfig>>("etcd"),
    #[cfg(feature = "task")]
    Kind::of::<inkstone_task::CronConfig>("cron"),
];
