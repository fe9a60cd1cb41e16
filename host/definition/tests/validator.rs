//! Validates definitions against the JSON Schema.

use std::sync::LazyLock;

use muster_testkit::schema::SchemaValidator;
use serde_json::Value;

static VALIDATOR: LazyLock<SchemaValidator> =
    LazyLock::new(|| SchemaValidator::new(&muster_definition::schema()));

/// Returns the validator's message about a definition, or `None` if the definition is right.
pub(crate) fn fault(definition: &Value) -> Option<String> {
    VALIDATOR.fault(definition)
}
