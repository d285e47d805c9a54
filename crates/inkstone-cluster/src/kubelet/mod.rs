//! Kubelet: placeholder.

use tokio_util::sync::CancellationToken;

use crate::{Options, store::Store};

pub async fn run(_store: Store, _options: Options, stop: CancellationToken) {
    stop.cancelled().await;
}
