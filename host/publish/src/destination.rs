//! The destinations of messages.

use std::path::PathBuf;

/// A destination of messages. Each drain opens it anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A file with one message a line. Lines are appended and synced before a message counts as
    /// sent.
    File {
        /// The path of the file, relative to the process's working directory. The file and its
        /// directories are created if they are missing.
        path: PathBuf,
    },
    /// The process's standard output, one message a line.
    Stdout,
    /// A Kinesis stream.
    Kinesis(KinesisSettings),
    /// A consumer in this process.
    #[cfg(feature = "memory")]
    Memory(crate::memory::MemoryConsumer),
}

/// The stream, and the role to write under.
pub type KinesisSettings = muster_aws::StreamSettings;

impl Destination {
    /// Returns the address of the destination as a short text: `kinesis us-west-2 cohorts`, `file
    /// /srv/out.ndjson`, `stdout`. Two destinations with the same address are the same one,
    /// whatever their names. The role and the endpoint are only ways to the stream and not a part
    /// of the address; the account of the role is, because the stream belongs to it.
    ///
    /// `region` is the region of a stream that names none. The path of a file should be absolute.
    #[must_use]
    pub fn address(&self, region: &str) -> String {
        match self {
            Self::File { path } => format!("file {}", path.display()),
            Self::Stdout => "stdout".to_owned(),
            #[cfg(feature = "memory")]
            Self::Memory(_) => "memory".to_owned(),
            Self::Kinesis(stream) => {
                let region = stream
                    .region
                    .as_ref()
                    .map_or(region, |region| region.as_str());
                match &stream.role {
                    Some(role) => format!(
                        "kinesis {region} {} {}",
                        role.arn.account(),
                        stream.stream_name
                    ),
                    None => format!("kinesis {region} {}", stream.stream_name),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_aws::{EndpointUrl, ExternalId, RegionName, Role, RoleArn, StreamName};

    use super::*;

    #[test]
    fn an_address_names_the_target_and_not_the_way() {
        let stream = KinesisSettings::new(StreamName::new("cohorts").unwrap());
        let address =
            |stream: &KinesisSettings| Destination::Kinesis(stream.clone()).address("eu-west-1");
        assert_eq!(address(&stream), "kinesis eu-west-1 cohorts");
        let elsewhere = KinesisSettings {
            region: Some(RegionName::new("us-west-2").unwrap()),
            endpoint_url: Some(EndpointUrl::new("http://127.0.0.1:5000").unwrap()),
            ..stream
        };
        assert_eq!(address(&elsewhere), "kinesis us-west-2 cohorts");
        let under = |arn, external_id: Option<&str>| KinesisSettings {
            role: Some(Role {
                arn: RoleArn::new(arn).unwrap(),
                external_id: external_id.map(|id| ExternalId::new(id).unwrap()),
            }),
            ..elsewhere.clone()
        };
        let one = under("arn:aws:iam::123456789012:role/one", None);
        let other = under("arn:aws:iam::123456789012:role/other", Some("secret"));
        assert_eq!(address(&one), "kinesis us-west-2 123456789012 cohorts");
        assert_eq!(address(&one), address(&other));
        let account = under("arn:aws:iam::210987654321:role/one", None);
        assert_ne!(address(&one), address(&account));
        let file = Destination::File {
            path: "/srv/out.ndjson".into(),
        };
        assert_eq!(file.address("eu-west-1"), "file /srv/out.ndjson");
        assert_eq!(Destination::Stdout.address("eu-west-1"), "stdout");
    }
}
