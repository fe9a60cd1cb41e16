//! The keys for a Kinesis stream and its role, which sources and destinations share.

use muster_document::{Fields, Key, KeyDefault, Node, Takes, TextForm, YamlReader};
use muster_publish::{
    EndpointUrl, ExternalId, KeyArn, KinesisSettings, RegionName, Role, RoleArn, StreamName,
};

use super::read::{needed, setting};

pub(super) const STREAM_NAME: Key = Key::needed(
    "stream_name",
    Takes::Text(TextForm {
        what: "a stream's name, not its ARN",
        example: "cohorts",
        pattern: "[A-Za-z0-9_.-]{1,128}",
    }),
    "The stream.",
);

pub(super) const REGION: Key = Key::new(
    "region",
    Takes::Text(TextForm {
        what: "the name of an AWS region",
        example: "us-west-2",
        pattern: "[a-z0-9-]{1,32}",
    }),
    KeyDefault::Words("the region of the environment"),
    "The stream's region.",
);

pub(super) const ROLE_ARN: Key = Key::new(
    "role_arn",
    Takes::Text(TextForm {
        what: "a role's ARN",
        example: "arn:aws:iam::123456789012:role/muster",
        pattern: "arn:.*:role/.+",
    }),
    KeyDefault::Words("the credentials of the environment are used directly"),
    "The role to assume, which decides what Muster may do.",
);

pub(super) const EXTERNAL_ID: Key = Key::new(
    "external_id",
    Takes::Text(TextForm {
        what: "the text that the role's trust policy requires",
        example: "a-text-that-only-you-and-the-role-know",
        pattern: "[A-Za-z0-9_+=,.@:/-]{2,1224}",
    }),
    KeyDefault::Words("none is sent"),
    "The external id with which the role is assumed, so that no one else can make Muster use the role.",
);

pub(super) const KMS_KEY: Key = Key::new(
    "kms_key",
    Takes::Text(TextForm {
        what: "the ARN of a KMS key",
        example: "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        pattern: "arn:.*:kms:.*:key/.+",
    }),
    KeyDefault::Words("the stream is not encrypted, or with a key of AWS"),
    "The key with which the stream is encrypted, if it is a key of your own. The session of the role may then use it. See aws.md.",
);

pub(super) const ENDPOINT_URL: Key = Key::new(
    "endpoint_url",
    Takes::Text(TextForm {
        what: "a URL",
        example: "https://kinesis.example.com",
        pattern: ENDPOINT,
    }),
    KeyDefault::Words("AWS"),
    "Another endpoint of Kinesis: a private endpoint or an emulator. `http://` is allowed for this machine only, as in `http://127.0.0.1:4567`.",
);

pub(super) const STS_ENDPOINT_URL: Key = Key::new(
    "sts_endpoint_url",
    Takes::Text(TextForm {
        what: "a URL",
        example: "https://sts.example.com",
        pattern: ENDPOINT,
    }),
    KeyDefault::Words("AWS"),
    "Another endpoint of STS, which issues the role's credentials; `endpoint_url` does not change it. `http://` is allowed for this machine only.",
);

/// The pattern of an endpoint. Editors check only the beginning; the reader knows all addresses of
/// this machine.
const ENDPOINT: &str = r"(https://|http://(localhost|127\.|\[::1\])).*";

/// Reads the keys above.
pub(super) fn stream(reader: &mut YamlReader<'_>, fields: &Fields<'_>) -> Option<KinesisSettings> {
    let name = needed(reader, fields, "stream_name", "stream_name: cohorts");
    let stream_name = name.and_then(|name| setting(reader, name, StreamName::new));
    let region = fields.optional(reader, "region", |reader, node| {
        setting(reader, node, RegionName::new)
    });
    let arn = fields.optional(reader, "role_arn", |reader, node| {
        setting(reader, node, RoleArn::new)
    });
    let external_id = fields.optional(reader, "external_id", |reader, node| {
        external_id(reader, node)
    });
    let kms_key = fields.optional(reader, "kms_key", |reader, node| {
        setting(reader, node, KeyArn::new)
    });
    let endpoint_url = fields.optional(reader, "endpoint_url", |reader, node| {
        setting(reader, node, EndpointUrl::new)
    });
    let sts_endpoint_url = fields.optional(reader, "sts_endpoint_url", |reader, node| {
        setting(reader, node, EndpointUrl::new)
    });
    for key in ["external_id", "sts_endpoint_url"] {
        if let (None, Some(node)) = (fields.get("role_arn"), fields.get(key)) {
            let message = format!("`{key}:` belongs to a role, but there is no `role_arn:`");
            return reader.wrong(node.span, message, "add `role_arn:`");
        }
    }
    let (arn, external_id) = (arn?, external_id?);
    Some(KinesisSettings {
        stream_name: stream_name?,
        region: region?,
        role: arn.map(|arn| Role { arn, external_id }),
        kms_key: kms_key?,
        endpoint_url: endpoint_url?,
        sts_endpoint_url: sts_endpoint_url?,
    })
}

/// Reads an external id. It is a secret, so no message contains it.
fn external_id(reader: &mut YamlReader<'_>, node: &Node) -> Option<ExternalId> {
    match ExternalId::new(reader.text(node, "a text")?) {
        Ok(id) => Some(id),
        Err(error) => reader.wrong(node.span, format!("this is not {}", error.what), error.rule),
    }
}
