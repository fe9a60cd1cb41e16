//! The requests that browsers make before a page of another origin may send or read anything.

use serde_json::json;

use super::client::*;
use super::*;

const ORIGIN: &str = "origin: https://shop.example\r\n";

#[tokio::test]
async fn browsers_may_send_what_they_request() {
    let server = EventServer::start().await;
    let asks = format!(
        "{ORIGIN}access-control-request-method: POST\r\n\
         access-control-request-headers: content-type,content-encoding\r\n"
    );
    for path in ["/2/httpapi", "/batch", "/identify"] {
        let answer = send(server.address, &request("OPTIONS", path, &asks, b"")).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        for (name, wanted) in [
            ("access-control-allow-origin", "https://shop.example"),
            ("access-control-allow-credentials", "true"),
            // The answer names headers, because with cookies `*` stands only for itself.
            (
                "access-control-allow-headers",
                "content-type,content-encoding",
            ),
            ("access-control-allow-methods", "post, options"),
            ("access-control-max-age", "86400"),
            ("vary", "origin, access-control-request-headers"),
        ] {
            assert_eq!(answer.header(name), Some(wanted), "{name}");
        }
    }
    let answer = send(server.address, &request("OPTIONS", "/batch", "", b"")).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("*"));
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_may_read_every_answer() {
    let server = EventServer::start().await;
    let good = body(&json!([view("ann")]));
    for (path, body, status) in [
        ("/2/httpapi", good.as_str(), 200),
        ("/2/httpapi", "{}", 400),
        ("/nothing", "", 404),
    ] {
        // The headers that `sendBeacon` sends for a text.
        let headers = format!("{ORIGIN}content-type: text/plain;charset=UTF-8\r\n");
        let answer = post_with(server.address, path, &headers, body).await;
        assert_eq!(answer.status, status);
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("https://shop.example"));
        let cookies = answer.header("access-control-allow-credentials");
        assert_eq!(cookies, Some("true"));
        assert_eq!(answer.header("vary"), Some("origin"));
    }
    // A request without an origin comes from no page.
    let answer = post(server.address, "/2/httpapi", good).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    server.stop().await;
}
