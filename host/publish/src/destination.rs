//! Where messages go.

use std::path::PathBuf;

/// Where messages go. Opened anew by each drain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A file, one message a line, appended to and synced before a message counts as sent.
    File {
        /// The file; it and its directories are created if need be. Relative to the process's
        /// working directory.
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

/// Which stream, and as whom.
pub type KinesisSettings = muster_aws::StreamSettings;

impl Destination {
    /// Returns the place that messages go to, as a short text: `kinesis us-west-2 cohorts`, `file
    /// /srv/out.ndjson`, `stdout`. Two destinations are the same one if their places are the same,
    /// whatever their names. The role and the endpoint are ways to the place; only the account of
    /// the role belongs to the stream.
    ///
    /// `region` is that of a stream which names none. The path of a file should be absolute.
    #[must_use]
    pub fn place(&self, region: &str) -> String {
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
    fn a_place_is_where_messages_go_and_not_how() {
        let stream = KinesisSettings::new(StreamName::new("cohorts").unwrap());
        let place =
            |stream: &KinesisSettings| Destination::Kinesis(stream.clone()).place("eu-west-1");
        assert_eq!(place(&stream), "kinesis eu-west-1 cohorts");
        let elsewhere = KinesisSettings {
            region: Some(RegionName::new("us-west-2").unwrap()),
            endpoint_url: Some(EndpointUrl::new("http://127.0.0.1:5000").unwrap()),
            ..stream
        };
        assert_eq!(place(&elsewhere), "kinesis us-west-2 cohorts");
        let under = |arn, external_id: Option<&str>| KinesisSettings {
            role: Some(Role {
                arn: RoleArn::new(arn).unwrap(),
                external_id: external_id.map(|id| ExternalId::new(id).unwrap()),
            }),
            ..elsewhere.clone()
        };
        let one = under("arn:aws:iam::123456789012:role/one", None);
        let other = under("arn:aws:iam::123456789012:role/other", Some("secret"));
        assert_eq!(place(&one), "kinesis us-west-2 123456789012 cohorts");
        assert_eq!(place(&one), place(&other));
        let account = under("arn:aws:iam::210987654321:role/one", None);
        assert_ne!(place(&one), place(&account));
        let file = Destination::File {
            path: "/srv/out.ndjson".into(),
        };
        assert_eq!(file.place("eu-west-1"), "file /srv/out.ndjson");
        assert_eq!(Destination::Stdout.place("eu-west-1"), "stdout");
    }
}
