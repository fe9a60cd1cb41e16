//! A Terraform configuration.

use super::{AwsSetup, RETENTION_HOURS};
use crate::policy::SIMULATE;

impl AwsSetup {
    /// Returns a configuration that makes the stream, the role and its policy.
    #[must_use]
    pub fn terraform(&self) -> String {
        let Self {
            stream,
            external_id,
            ..
        } = self;
        let (role_path, role_name) = (quoted(&self.role_path), quoted(&self.role_name));
        let default = self
            .principal
            .as_ref()
            .map_or_else(String::new, |arn| format!("\n  default     = \"{arn}\""));
        let external_id = external_id.as_str();
        let region = self.region.as_ref();
        let region = region.map_or_else(String::new, |region| format!(" in {region}"));
        let encryption = self.kms_key.as_ref().map_or_else(String::new, |key| {
            format!("\n\n  encryption_type = \"KMS\"\n  kms_key_id      = \"{key}\"")
        });
        let key = self.kms_key.as_ref().map_or_else(String::new, |key| {
            format!(
                r#"
      {{
        Effect   = "Allow"
        Action   = ["{}"]
        Resource = "{key}"
      }},"#,
                self.access.key_action()
            )
        });
        let actions: Vec<_> = self
            .access
            .actions()
            .iter()
            .map(|action| format!("\"{action}\""))
            .collect();
        let (actions, verb) = (actions.join(", "), self.verb());
        format!(
            r#"# The stream {stream}{region} and the role under which Muster {verb} it.

variable "muster_principal" {{
  type        = string
  description = "ARN of the user or role that Muster runs as"{default}
}}

variable "external_id" {{
  type        = string
  description = "The external_id in muster.yaml"
  sensitive   = true
  default     = "{external_id}"
}}

resource "aws_kinesis_stream" "stream" {{
  name             = "{stream}"
  retention_period = {RETENTION_HOURS}

  stream_mode_details {{
    stream_mode = "ON_DEMAND"
  }}{encryption}
}}

resource "aws_iam_role" "muster" {{
  name = "{role_name}"
  path = "{role_path}"

  assume_role_policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [{{
      Effect    = "Allow"
      Principal = {{ AWS = var.muster_principal }}
      Action    = "sts:AssumeRole"
      Condition = {{ StringEquals = {{ "sts:ExternalId" = var.external_id }} }}
    }}]
  }})
}}

resource "aws_iam_role_policy" "muster" {{
  name = "muster"
  role = aws_iam_role.muster.id

  policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [
      {{
        Effect   = "Allow"
        Action   = [{actions}]
        Resource = aws_kinesis_stream.stream.arn
      }},{key}
      {{
        Effect   = "Allow"
        Action   = ["{SIMULATE}"]
        Resource = aws_iam_role.muster.arn
      }},
    ]
  }})
}}

output "role_arn" {{
  description = "The role_arn in muster.yaml"
  value       = aws_iam_role.muster.arn
}}
"#
        )
    }
}

/// Escapes a text that stands between quotation marks (Terraform, "Strings and Templates").
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace("${", "$${")
        .replace("%{", "%%{")
}
