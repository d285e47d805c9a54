//! The gRPC server and client components, on tonic.
