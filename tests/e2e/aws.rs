//! A hand-written fake of AWS for what emulators leave out: the sources of credentials, a trust
//! policy with an external id, and the simulation of permissions.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The external id that the fake's role requires.
pub(crate) const EXTERNAL_ID: &str = "kept-secret-id-of-the-role";

/// The end of all credentials of the fake.
const END: &str = "2099-01-01T00:00:00Z";

/// A fake of AWS at an address of this machine.
pub(crate) struct FakeAws {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FakeAws {
    /// Starts the fake.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let requests = Arc::clone(&own);
                std::thread::spawn(move || serve(&stream, &requests));
            }
        });
        Self { endpoint, requests }
    }

    /// Returns the requests so far, each with its head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Serves one request per connection.
fn serve(mut stream: &TcpStream, requests: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request += &line;
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request += &String::from_utf8_lossy(&body);
    let (status, headers, answer) = answer(&request);
    requests.lock().unwrap().push(request);
    let _ = stream.write_all(
        format!(
            "HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{answer}",
            answer.len()
        )
        .as_bytes(),
    );
}

/// Returns status, further headers and body of an answer.
fn answer(request: &str) -> (u16, &'static str, String) {
    let ok = |body: String| (200, "", body);
    let has = |text: &str| request.contains(text);
    let path = request.split(' ').nth(1).unwrap_or_default();
    if path.starts_with("/latest/api/token") {
        let lives = "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n";
        return (200, lives, "a-token".to_owned());
    }
    if path == "/latest/meta-data/iam/security-credentials/" {
        return ok("role-of-the-instance".to_owned());
    }
    if path.starts_with("/latest/meta-data/iam/security-credentials/role-of-the-instance") {
        return ok(keys("ASIAINSTANCE"));
    }
    if path == "/task" {
        return ok(keys("ASIATASK"));
    }
    if path.starts_with("/federation/credentials") {
        return ok(
            r#"{"roleCredentials": {"accessKeyId": "ASIASSO", "secretAccessKey": "kept-secret-of-sso",
                "sessionToken": "kept-secret-token-of-sso", "expiration": 4070908800000}}"#
                .to_owned(),
        );
    }
    if has("Action=AssumeRoleWithWebIdentity") {
        return ok(session("AssumeRoleWithWebIdentity", "ASIAWEB"));
    }
    if has("Action=GetCallerIdentity") {
        let (_, key) = request.split_once("Credential=").unwrap();
        let key = key.split('/').next().unwrap();
        return ok(format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::123456789012:user/{key}</Arn><UserId>x</UserId><Account>123456789012</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        ));
    }
    if has("Action=AssumeRole") {
        // Anyone may assume the role `open`.
        if !has("role%2Fopen&")
            && !request
                .split('&')
                .any(|field| field == format!("ExternalId={EXTERNAL_ID}"))
        {
            return (
                403,
                "",
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                 <Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error>\
                 </ErrorResponse>"
                    .to_owned(),
            );
        }
        return ok(session("AssumeRole", "ASIAROLE"));
    }
    if has("Action=SimulatePrincipalPolicy") {
        return ok(
            "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <SimulatePrincipalPolicyResult><EvaluationResults>\
             <member><EvalActionName>kinesis:PutRecord</EvalActionName><EvalDecision>allowed</EvalDecision></member>\
             <member><EvalActionName>kinesis:PutRecords</EvalActionName><EvalDecision>allowed</EvalDecision></member>\
             </EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
                .to_owned(),
        );
    }
    if has("Kinesis_20131202.PutRecords") {
        return ok(
            r#"{"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1", "ShardId": "shardId-000000000000"}]}"#
                .to_owned(),
        );
    }
    (404, "", String::new())
}

/// Returns credentials as a metadata server writes them.
fn keys(key: &str) -> String {
    format!(
        r#"{{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "{key}", "SecretAccessKey": "kept-secret-of-the-machine",
            "Token": "kept-secret-token-of-the-machine", "Expiration": "{END}"}}"#
    )
}

/// Returns credentials as STS writes them.
fn session(action: &str, key: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
         <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/muster/x</Arn>\
         <AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>kept-secret-of-the-session</SecretAccessKey>\
         <SessionToken>kept-secret-token-of-the-session</SessionToken><Expiration>{END}</Expiration></Credentials>\
         </{action}Result></{action}Response>"
    )
}
