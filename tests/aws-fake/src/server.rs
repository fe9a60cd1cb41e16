//! Connections and requests, and the faults that end them.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use crate::account::Account;
use crate::answer::{FakeAnswer, FakeRefusal};
use crate::call::{Api, ReceivedCall};
use crate::faults::{FaultKind, FaultMoment, MalformedAnswer};
use crate::kinesis::{self, Execution};
use crate::put::EntryFault;
use crate::{iam, sts};

/// The longest that a hanging call hangs if its client never goes.
const HANG: Duration = Duration::from_secs(600);

/// Starts the server on a thread of its own, and returns its address.
pub(crate) fn start(
    account: Arc<Mutex<Account>>,
    mut wanted: watch::Receiver<bool>,
    ended: oneshot::Receiver<()>,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        let mut listener = Some(TcpListener::from_std(listener).unwrap());
        let of_connections = wanted.clone();
        loop {
            match &listener {
                None => {
                    if wanted.wait_for(|wanted| *wanted).await.is_err() {
                        return;
                    }
                    listener = Some(TcpListener::bind(address).await.unwrap());
                }
                Some(open) => tokio::select! {
                    accepted = open.accept() => if let Ok((stream, _)) = accepted {
                        let (account, wanted) = (Arc::clone(&account), of_connections.clone());
                        tokio::spawn(connection(stream, account, wanted));
                    },
                    changed = wanted.wait_for(|wanted| !*wanted) => match changed {
                        Ok(_) => listener = None,
                        Err(_) => return,
                    },
                },
            }
        }
    };
    std::thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                () = serve => {}
                _ = ended => {}
            }
        });
        // Hanging calls do not keep the test waiting.
        runtime.shutdown_background();
    });
    address
}

/// The way in which a connection ends without an answer.
#[derive(Clone, Copy, Debug)]
enum EndedConnection {
    Hangup,
    Reset,
}

impl std::fmt::Display for EndedConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for EndedConnection {}

async fn connection(
    stream: TcpStream,
    account: Arc<Mutex<Account>>,
    mut wanted: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let account = Arc::clone(&account);
        Box::pin(async move { respond(request, account).await })
    });
    let mut serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let result = tokio::select! {
        result = std::future::poll_fn(|context| serving.poll_without_shutdown(context)) => result,
        _ = wanted.wait_for(|wanted| !*wanted) => return reset(serving.into_parts().io.into_inner()),
    };
    let reason = result.as_ref().err().and_then(std::error::Error::source);
    let reset_on_demand = reason
        .and_then(|reason| reason.downcast_ref::<EndedConnection>())
        .is_some_and(|ended| matches!(ended, EndedConnection::Reset));
    if reset_on_demand {
        reset(serving.into_parts().io.into_inner());
    }
}

/// Ends a connection by RST.
fn reset(stream: TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn respond(
    request: Request<Incoming>,
    account: Arc<Mutex<Account>>,
) -> Result<Response<AnswerBody>, EndedConnection> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Err(EndedConnection::Hangup);
    };
    let Some(call) = ReceivedCall::read(&head.headers, body.to_bytes()) else {
        let answer = FakeRefusal::new(400, "UnknownOperationException", "").answer(Api::Kinesis);
        return Ok(response(answer, false));
    };
    let fault = {
        let mut account = account.lock();
        account.calls.push(call.clone());
        account.faults.take(&call.action)
    };
    let Some((kind, moment)) = fault else {
        return Ok(response(
            execute(&account, &call, Execution::default()),
            false,
        ));
    };
    let half = moment == FaultMoment::During;
    match kind {
        FaultKind::Slow(time) if moment == FaultMoment::Before => {
            tokio::time::sleep(time).await;
            let answer = execute(&account, &call, Execution::default());
            return Ok(response(answer, false));
        }
        FaultKind::Slow(time) => {
            let answer = execute(&account, &call, Execution::default());
            tokio::time::sleep(time).await;
            return Ok(response(answer, false));
        }
        FaultKind::Entries { code, one_in } => {
            let entries = Some(EntryFault {
                code,
                one_in,
                stored: moment == FaultMoment::After,
            });
            let answer = execute(
                &account,
                &call,
                Execution {
                    half: false,
                    entries,
                },
            );
            return Ok(response(answer, false));
        }
        _ => {}
    }
    let executed = (moment != FaultMoment::Before).then(|| {
        let entries = None;
        execute(&account, &call, Execution { half, entries })
    });
    match kind {
        FaultKind::Reset => Err(EndedConnection::Reset),
        FaultKind::Hang => {
            tokio::time::sleep(HANG).await;
            Err(EndedConnection::Hangup)
        }
        FaultKind::Error { status, code } => {
            let refusal = FakeRefusal::new(status, code, "a fault on demand");
            Ok(response(refusal.answer(call.api), false))
        }
        FaultKind::Proxy(status) => {
            let body = Bytes::from_static(b"<html><body>the service is not there</body></html>");
            Ok(response(FakeAnswer { status, body }, false))
        }
        FaultKind::Malformed(malformed) => Ok(garble(malformed, executed)),
        FaultKind::Hangup | FaultKind::Slow(_) | FaultKind::Entries { .. } => {
            Err(EndedConnection::Hangup)
        }
    }
}

fn execute(account: &Mutex<Account>, call: &ReceivedCall, execution: Execution) -> FakeAnswer {
    let mut account = account.lock();
    let answer = match call.api {
        Api::Kinesis => kinesis::answer(&mut account, call, execution),
        Api::Sts => sts::answer(&mut account, call),
        Api::Iam => iam::answer(&account, call),
    };
    answer.unwrap_or_else(|refusal| refusal.answer(call.api))
}

fn garble(malformed: MalformedAnswer, executed: Option<FakeAnswer>) -> Response<AnswerBody> {
    let plausible = || FakeAnswer {
        status: 200,
        body: Bytes::from_static(b"{\"FailedRecordCount\":0,\"Records\":[{}]}"),
    };
    let answer = executed.unwrap_or_else(plausible);
    let with_entries = |change: &dyn Fn(&mut Vec<serde_json::Value>)| {
        let mut json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if let Some(entries) = json["Records"].as_array_mut() {
            change(entries);
        }
        json.to_string().into()
    };
    let body = match malformed {
        MalformedAnswer::Text => Bytes::from_static(b"neither {JSON nor <XML"),
        MalformedAnswer::Empty => Bytes::new(),
        MalformedAnswer::Cut => answer.body.clone(),
        MalformedAnswer::FewerEntries => with_entries(&|entries| {
            entries.pop();
        }),
        MalformedAnswer::EmptyEntries => with_entries(&|entries| {
            entries.fill(serde_json::json!({}));
        }),
    };
    let answer = FakeAnswer { status: 200, body };
    response(answer, malformed == MalformedAnswer::Cut)
}

fn response(answer: FakeAnswer, cut: bool) -> Response<AnswerBody> {
    let body = AnswerBody {
        length: answer.body.len() as u64,
        data: Some(answer.body),
        cut,
    };
    Response::builder()
        .status(answer.status)
        .body(body)
        .unwrap()
}

/// A body that may end in the middle, with the connection.
struct AnswerBody {
    length: u64,
    data: Option<Bytes>,
    cut: bool,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = EndedConnection;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EndedConnection>>> {
        let cut = self.cut;
        Poll::Ready(match self.data.take() {
            Some(data) if data.is_empty() => None,
            Some(data) if cut => Some(Ok(Frame::data(data.slice(..data.len() / 2)))),
            Some(data) => Some(Ok(Frame::data(data))),
            None if cut => Some(Err(EndedConnection::Hangup)),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
