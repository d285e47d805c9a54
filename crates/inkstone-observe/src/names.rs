//! The fixed names: every metric that Inkstone itself exports, in one place.
//!
//! OpenTelemetry's semantic conventions are followed where they have a name; Inkstone's own begin with `inkstone_`.
//! Units (`_seconds`) and `_total` are appended by the encoder, as OpenMetrics asks.

/// Server side of an RPC, from the request's head to the end of the response's stream.
pub const RPC_SERVER: &str = "rpc_server_call_duration";
/// Client side of an RPC, retries included.
pub const RPC_CLIENT: &str = "rpc_client_call_duration";
/// Server side of an HTTP request, to the end of the response's body.
pub const HTTP_SERVER: &str = "http_server_request_duration";
/// Client side of an HTTP request, to the end of the response's body.
pub const HTTP_CLIENT: &str = "http_client_request_duration";
/// One operation on a database.
pub const DB_CLIENT: &str = "db_client_operation_duration";
/// One run of a scheduled task.
pub const TASK: &str = "inkstone_task_duration";
/// Constant 1, labelled with what was built, from what, by whom.
pub const BUILD_INFO: &str = "inkstone_build_info";
/// Constant 1, labelled with the hash of the configuration in force.
pub const CONFIG_INFO: &str = "inkstone_config_info";
/// How often the configuration was read again, by result.
pub const CONFIG_RELOADS: &str = "inkstone_config_reload";

/// Upper bounds of the latency histograms, in seconds: OpenTelemetry's advice for RPC and HTTP, with two finer steps
/// below 5 ms because calls inside a cluster usually end there.
pub const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0];
