use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::Reason;
use inkstone_grpc::Code;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::echo::Echo;
use crate::fixture::{Backend, Caller};

/// What a server does to each call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Reset(Reason),
    /// Closes the connection without a word, after it has read the call.
    HangUp,
}

/// An HTTP/2 server that answers nothing.
struct Rude {
    addr: SocketAddr,
    calls: Arc<AtomicUsize>,
    _serving: AbortOnDropHandle<()>,
}

impl Rude {
    async fn start(fate: Fate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((mut request, mut respond))) = connection.accept().await {
                    counted.fetch_add(1, Ordering::Relaxed);
                    match fate {
                        Fate::Reset(reason) => {
                            respond.send_reset(reason);
                        }
                        Fate::HangUp => {
                            let _body = request.body_mut();
                            break;
                        }
                    }
                }
            }
        });
        Self { addr, calls, _serving: AbortOnDropHandle::new(serving) }
    }
}

/// Answers of a caller that has a polite and a rude endpoint, both connected.
async fn answers(rude: &Rude) -> Vec<Result<String, Code>> {
    let polite = Backend::start(Echo::new("polite")).await;
    let caller = Caller::of("guard.timeout = \"20s\"", &[&polite]).await;
    caller.endpoints([polite.addr, rude.addr]);
    let mut answers = Vec::new();
    while rude.calls.load(Ordering::Relaxed) < 3 {
        answers.push(caller.say("who").await.map_err(|status| status.code()));
    }
    answers
}

#[tokio::test]
async fn a_call_that_was_refused_unseen_is_sent_to_another_endpoint() {
    let rude = Rude::start(Fate::Reset(Reason::REFUSED_STREAM)).await;
    let answers = answers(&rude).await;
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("polite")), "{answers:?}");
}

#[tokio::test]
async fn a_call_that_may_have_begun_is_not_sent_again() {
    for (fate, code) in [
        (Fate::Reset(Reason::INTERNAL_ERROR), Code::Internal),
        (Fate::Reset(Reason::CANCEL), Code::Cancelled),
        (Fate::HangUp, Code::Unavailable),
    ] {
        let rude = Rude::start(fate).await;
        let answers = answers(&rude).await;
        let failed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
        assert_eq!(failed, [&code; 3], "{fate:?}");
    }
}
