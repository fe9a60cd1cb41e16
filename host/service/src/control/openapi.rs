//! The description of the control API.

use utoipa::OpenApi;

use super::routes;

/// The general part of the description. The routes add the paths and the types.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Muster control API",
        description = "Requests to a running `muster run`, as HTTP/1.1 over the Unix socket `control.sock` in the store's folder. \
                       Within a version of the path, fields are only added. An answer with a status other than 200 has the body `ErrorBody`.",
        license(name = "Apache-2.0")
    ),
    servers((url = "http://localhost", description = "the Unix socket; the host is ignored"))
)]
struct Description;

/// Returns the description of the control API: OpenAPI 3.1, in JSON.
#[must_use]
pub fn openapi() -> String {
    let mut api = Description::openapi();
    api.merge(routes::router().into_openapi());
    let mut text = api.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_description_in_the_docs_is_that_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            stored == super::openapi(),
            "docs/openapi.json differs from the routes: run `cargo xtask schema`"
        );
    }
}
