//! The role and the policies for one use of a stream, in the form that the user wants.

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use muster_aws::setup::{AwsSetup, Principal};
use muster_aws::{Access, ExternalId, KeyArn, StreamSettings};
use muster_project::destinations::region;
use serde::Serialize;
use serde_json::Value;

use crate::load;
use crate::output::Output;

/// The choices of a printed policy.
#[derive(Debug, Args)]
pub(crate) struct PolicyOptions {
    /// Form of the output
    #[arg(long, value_enum, default_value_t = PolicyFormat::Json)]
    format: PolicyFormat,
    /// Identity that Muster runs as: an ARN or an account's number
    #[arg(long, value_name = "ARN", value_parser = principal)]
    principal: Option<Principal>,
    /// Key of an encrypted stream, in place of `kms_key` in muster.yaml
    #[arg(long, value_name = "ARN", value_parser = key)]
    kms_key: Option<KeyArn>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PolicyFormat {
    /// The two policies and the external id as one JSON object
    Json,
    /// A template that makes stream, role and policy
    Cloudformation,
    /// A configuration that makes stream, role and policy
    Terraform,
}

/// The policies of a role.
#[derive(Debug, Serialize)]
struct RolePolicies {
    trust_policy: Value,
    permission_policy: Value,
    external_id: String,
}

/// A template and the secret in it, for `--json`.
#[derive(Debug, Serialize)]
struct PolicyTemplate {
    template: String,
    external_id: String,
}

fn principal(text: &str) -> Result<Principal, String> {
    Principal::new(text).map_err(|error| error.rule.to_owned())
}

fn key(text: &str) -> Result<KeyArn, String> {
    KeyArn::new(text).map_err(|error| error.rule.to_owned())
}

impl PolicyOptions {
    /// Prints what `access` to a stream needs.
    pub(crate) fn print(
        self,
        name: &str,
        stream: &StreamSettings,
        access: Access,
        output: &Output,
    ) -> anyhow::Result<()> {
        let known = stream
            .role
            .as_ref()
            .and_then(|role| role.external_id.clone());
        let minted = known.is_none();
        let external_id = match known {
            Some(id) => id,
            None => ExternalId::mint().context("no external id can be made")?,
        };
        let mut stream = stream.clone();
        stream.kms_key = self.kms_key.or(stream.kms_key);
        let mut setup = AwsSetup::new(name, &stream, access, external_id, self.principal);
        setup.region = setup.region.or_else(|| region(&load::environment));
        if minted {
            output.note(
                "the external id is new: set `external_id` to it in muster.yaml, beside `role_arn`",
            );
        }
        if setup.principal.is_none() && matches!(self.format, PolicyFormat::Json) {
            output.note(&format!(
                "{} stands for the account that Muster runs in: name Muster's identity with `--principal`",
                Principal::PLACEHOLDER
            ));
        }
        let external_id = setup.external_id.as_str().to_owned();
        let template = match self.format {
            PolicyFormat::Json => {
                let policies = RolePolicies {
                    trust_policy: setup.trust_policy(),
                    permission_policy: setup.permission_policy(),
                    external_id,
                };
                let text = serde_json::to_string_pretty(&policies)
                    .map_err(|error| anyhow!("the policies cannot be written: {error}"))?;
                return output.result(&policies, &text);
            }
            PolicyFormat::Cloudformation => setup.cloudformation(),
            PolicyFormat::Terraform => setup.terraform(),
        };
        let document = PolicyTemplate {
            template: template.clone(),
            external_id,
        };
        output.result(&document, &template)
    }
}
