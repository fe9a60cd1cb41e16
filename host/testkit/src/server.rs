//! A scripted HTTP server in place of AWS, which records its requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as the server received it.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// The whole request, as received.
    pub raw: Vec<u8>,
    /// `PutRecords`, `AssumeRole`, …
    pub action: String,
    /// The access key with which the request was signed.
    pub key: String,
    /// The body as text.
    pub body: String,
}

impl ReceivedRequest {
    /// Returns a field of a form (STS).
    pub fn field(&self, name: &str) -> Option<String> {
        let value = self
            .body
            .split('&')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
        let mut bytes = Vec::new();
        let mut rest = value.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                b'+' => b' ',
                other => other,
            });
        }
        Some(String::from_utf8(bytes).unwrap())
    }

    /// Returns the records of a PutRecords call, in base64, with their keys.
    pub fn records(&self) -> Vec<(String, String)> {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        let text =
            |record: &serde_json::Value, name: &str| record[name].as_str().unwrap().to_owned();
        let records = body["Records"].as_array().unwrap();
        records
            .iter()
            .map(|record| (text(record, "Data"), text(record, "PartitionKey")))
            .collect()
    }
}

/// The reaction of a server to a request.
pub enum ServerReply {
    /// Answers.
    Answer {
        /// The status code.
        status: u16,
        /// The body as text.
        body: String,
    },
    /// Closes the connection without an answer.
    Hangup,
    /// Forwards the request to a port of this machine, one request at a time, and returns the
    /// answer. (moto gives records of calls at the same time the same number, and keeps one.)
    Forward(u16),
}

/// A scripted HTTP server.
pub struct ScriptedServer {
    /// The address of the server.
    pub endpoint: String,
    received: Arc<Mutex<Vec<ReceivedRequest>>>,
}

impl ScriptedServer {
    /// Starts a server that answers by `answer`, whose second argument is the number of earlier
    /// requests of the same action.
    pub fn start(
        answer: impl Fn(&ReceivedRequest, usize) -> ServerReply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (answer, own) = (Arc::new(answer), Arc::clone(&received));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, received) = (Arc::clone(&answer), Arc::clone(&own));
                std::thread::spawn(move || serve(stream, &received, &*answer));
            }
        });
        Self { endpoint, received }
    }

    /// Returns the requests of an action so far.
    pub fn received(&self, action: &str) -> Vec<ReceivedRequest> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .filter(|request| request.action == action)
            .cloned()
            .collect()
    }
}

/// The lock of a request that is forwarded.
static FORWARDING: Mutex<()> = Mutex::new(());

/// Serves one request per connection.
fn serve(
    mut stream: TcpStream,
    received: &Mutex<Vec<ReceivedRequest>>,
    answer: &dyn Fn(&ReceivedRequest, usize) -> ServerReply,
) {
    let Some(request) = read_request(&stream) else {
        return;
    };
    let before = {
        let mut received = received.lock().unwrap();
        received.push(request.clone());
        received
            .iter()
            .filter(|other| other.action == request.action)
            .count()
            - 1
    };
    let bytes = match answer(&request, before) {
        ServerReply::Hangup => return,
        ServerReply::Forward(port) => {
            let _one = FORWARDING.lock();
            let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            server.write_all(&request.raw).unwrap();
            let mut bytes = Vec::new();
            server.read_to_end(&mut bytes).unwrap();
            bytes
        }
        ServerReply::Answer { status, body } => format!(
            "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    };
    let _ = stream.write_all(&bytes);
}

fn read_request(stream: &TcpStream) -> Option<ReceivedRequest> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length, mut action, mut key) =
        (String::new(), 0, String::new(), String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-amz-target" => action = value.split_once('.').unwrap().1.to_owned(),
            "authorization" => {
                let (_, credential) = value.split_once("Credential=").unwrap();
                key = credential.split('/').next().unwrap().to_owned();
            }
            "connection" => continue,
            _ => {}
        }
        head += &line;
    }
    head += "Connection: close\r\n\r\n";
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let raw = [head.as_bytes(), &body].concat();
    let mut request = ReceivedRequest {
        raw,
        action,
        key,
        body: String::from_utf8(body).unwrap(),
    };
    if let Some(action) = request.field("Action") {
        request.action = action;
    }
    Some(request)
}

/// Returns STS's answer to AssumeRole: a session with this access key until an instant, which is
/// written as ISO 8601 has it.
pub fn session_until(key: &str, end: &str) -> ServerReply {
    ServerReply::Answer {
        status: 200,
        body: format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
             <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/muster/muster-growth</Arn>\
             <AssumedRoleId>AROA:muster-growth</AssumedRoleId></AssumedRoleUser>\
             <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
             <SessionToken>token</SessionToken><Expiration>{end}</Expiration></Credentials>\
             </AssumeRoleResult></AssumeRoleResponse>"
        ),
    }
}
