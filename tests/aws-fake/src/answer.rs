//! The forms of answers.

use bytes::Bytes;

use crate::call::Api;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct FakeAnswer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// An error that a service answers.
#[derive(Clone, Debug)]
pub(crate) struct FakeRefusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl FakeRefusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// Returns the answer in the form of a service.
    pub(crate) fn answer(&self, api: Api) -> FakeAnswer {
        let Self {
            status,
            code,
            message,
        } = self;
        let text = match api {
            Api::Kinesis => serde_json::json!({ "__type": code, "message": message }).to_string(),
            Api::Sts | Api::Iam => format!(
                "<ErrorResponse xmlns=\"{}\"><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>\
                 <RequestId>0</RequestId></ErrorResponse>",
                namespace(api),
                escape(code),
                escape(message)
            ),
        };
        FakeAnswer {
            status: *status,
            body: text.into(),
        }
    }
}

/// Returns the answer of a form's action, whose result is XML.
pub(crate) fn xml(api: Api, action: &str, result: &str) -> FakeAnswer {
    let text = format!(
        "<{action}Response xmlns=\"{}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{action}Response>",
        namespace(api)
    );
    FakeAnswer {
        status: 200,
        body: text.into(),
    }
}

fn namespace(api: Api) -> &'static str {
    match api {
        Api::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        Api::Sts | Api::Kinesis => "https://sts.amazonaws.com/doc/2011-06-15/",
    }
}

/// Writes a text for XML.
pub(crate) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
