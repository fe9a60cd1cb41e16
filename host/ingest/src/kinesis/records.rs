//! Decodes records into events.

use std::io::Read;

use aws_sdk_kinesis::types::Record;
use muster_model::EventBuffer;

use super::aggregate;
use crate::content::{
    Compression, ContentFault, ContentShape, GzipMembers, HEAD, ValueLines, foreign, shape,
};
use crate::decode::limits::MAX_LINE;
use crate::{DecodeContext, LineCounts, decode_lines};

/// The most bytes of an unpacked record: as many lines of the greatest length as fit into Kinesis's
/// largest record.
const UNPACKED: u64 = 10 * MAX_LINE as u64;

/// The most malformed records of one call that are logged.
const LOGGED: usize = 3;

/// The events of a call.
#[derive(Default)]
pub(super) struct DecodedRecords {
    pub(super) buffer: EventBuffer,
    pub(super) counts: LineCounts,
    /// The first malformed records: the sequence number and the fault.
    pub(super) malformed: Vec<(String, String)>,
}

/// Decodes records. Each holds one event or several, plain or gzip. A record that the KPL has
/// aggregated holds many such records.
pub(super) fn decode(records: &[Record], context: &DecodeContext<'_>) -> DecodedRecords {
    let mut decoded = DecodedRecords::default();
    for record in records {
        let (data, sequence) = (record.data.as_ref(), &record.sequence_number);
        match aggregate::records(data) {
            None => decoded.record(sequence, data, context),
            Some(Ok(parts)) => {
                for part in parts {
                    decoded.record(sequence, &part, context);
                }
            }
            Some(Err(why)) => decoded.refuse(sequence, why.to_owned()),
        }
    }
    decoded
}

impl DecodedRecords {
    fn record(&mut self, sequence: &str, data: &[u8], context: &DecodeContext<'_>) {
        if Compression::of(data) != Compression::Gzip {
            return self.content(sequence, data, context);
        }
        let mut unpacked = Vec::new();
        let mut reader = GzipMembers::new(data).take(UNPACKED + 1);
        match reader.read_to_end(&mut unpacked) {
            Ok(_) if unpacked.len() as u64 <= UNPACKED => {
                self.content(sequence, &unpacked, context)
            }
            Ok(_) => self.refuse(
                sequence,
                format!("it has over {UNPACKED} bytes once it is unpacked"),
            ),
            Err(error) if ContentFault::of(&error) == Some(ContentFault::Trailing) => {
                self.refuse(sequence, error.to_string());
            }
            Err(error) => self.refuse(sequence, format!("its gzip data is damaged: {error}")),
        }
    }

    fn content(&mut self, sequence: &str, data: &[u8], context: &DecodeContext<'_>) {
        if let Some(reason) = foreign(data.get(..HEAD).unwrap_or(data)) {
            return self.refuse(sequence, format!("it is {reason}"));
        }
        if shape(data, true) != Some(ContentShape::Values) {
            return self.lines(sequence, data, context);
        }
        let mut lines = Vec::new();
        match ValueLines::new(data).read_to_end(&mut lines) {
            Ok(_) => self.lines(sequence, &lines, context),
            Err(error) => self.refuse(sequence, error.to_string()),
        }
    }

    fn lines(&mut self, sequence: &str, data: &[u8], context: &DecodeContext<'_>) {
        let malformed = &mut self.malformed;
        decode_lines(
            data,
            1,
            context,
            &mut self.buffer,
            &mut self.counts,
            &mut |line| {
                if malformed.len() < LOGGED {
                    malformed.push((sequence.to_owned(), line.reason.to_string()));
                }
            },
        );
    }

    fn refuse(&mut self, sequence: &str, why: String) {
        self.counts.lines += 1;
        self.counts.malformed += 1;
        if self.malformed.len() < LOGGED {
            self.malformed.push((sequence.to_owned(), why));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use aws_sdk_kinesis::primitives::Blob;
    use muster_store::StoreOptions;
    use muster_testkit::store::TestStore;
    use proptest::prelude::*;

    use super::super::aggregate::tests::aggregate;
    use super::*;

    fn record(data: &[u8]) -> Record {
        let record = Record::builder().sequence_number("1").partition_key("k");
        record.data(Blob::new(data)).build().unwrap()
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    }

    const LINE: &str =
        r#"{"user_id":"ann","event_type":"View","event_time":"2026-02-28 09:59:55.977000"}"#;

    #[test]
    fn a_record_is_one_event_or_many_plain_or_packed() {
        let two = format!("{LINE}\n{LINE}\n");
        let records = [
            record(LINE.as_bytes()),
            record(two.as_bytes()),
            record(&gzip(two.as_bytes())),
        ];
        let decoded = decode(&records, &DecodeContext::default());
        assert_eq!((decoded.counts.events, decoded.counts.malformed), (5, 0));
    }

    #[test]
    fn events_are_read_however_a_record_holds_them() {
        let pretty: serde_json::Value = serde_json::from_str(LINE).unwrap();
        let pretty = serde_json::to_string_pretty(&pretty).unwrap();
        for (text, events) in [
            (format!("{LINE}{LINE}"), 2),
            (format!("\u{feff}{LINE}{LINE}\n{LINE}"), 3),
            (format!("[{LINE},{LINE}]"), 2),
            (pretty.clone(), 1),
            (format!("[\n{pretty},\n{pretty}\n]"), 2),
            (format!("{pretty}{pretty}"), 2),
        ] {
            let bytes = text.as_bytes();
            let packed = [gzip(bytes), vec![0; 7]].concat();
            let aggregated = aggregate(&[bytes, &gzip(bytes)]);
            let records = [bytes, &packed, &aggregated].map(record);
            let decoded = decode(&records, &DecodeContext::default());
            assert_eq!(decoded.malformed, [], "{text}");
            assert_eq!(decoded.counts.lines, 4 * events, "{text}");
            assert_eq!(decoded.counts.events, 4 * events, "{text}");
        }
    }

    #[test]
    fn what_a_record_is_instead_is_named() {
        let mut aggregated = aggregate(&[LINE.as_bytes()]);
        aggregated.pop();
        for (data, wanted) in [
            (
                aggregated,
                "it is an aggregated record of the KPL and its checksum is wrong",
            ),
            (
                [&gzip(b"{}")[..], b"x"].concat(),
                "other bytes follow its gzip data",
            ),
            (
                b"x\x9c....".to_vec(),
                "it is compressed by zlib: gzip, zstd and zip are read",
            ),
            (b"{\0\"\0".to_vec(), "it is UTF-16: convert it to UTF-8"),
            (
                b"[{}".to_vec(),
                "the JSON value that begins at line 1 has no end",
            ),
        ] {
            let decoded = decode(&[record(&data)], &DecodeContext::default());
            assert_eq!(decoded.malformed, [("1".to_owned(), wanted.to_owned())]);
            assert_eq!((decoded.counts.lines, decoded.counts.malformed), (1, 1));
        }
    }

    #[test]
    fn malformed_records_are_counted_and_the_first_are_named() {
        let mut packed = gzip(LINE.as_bytes());
        packed.truncate(20);
        let bomb = gzip(&vec![b' '; UNPACKED as usize + 1]);
        let records = [
            record(b"{"),
            record(&packed),
            record(&bomb),
            record(b"[1]"),
            record(LINE.as_bytes()),
        ];
        let decoded = decode(&records, &DecodeContext::default());
        assert_eq!(
            (
                decoded.counts.events,
                decoded.counts.malformed,
                decoded.malformed.len()
            ),
            (1, 4, LOGGED)
        );
        let whole = gzip(&vec![b' '; UNPACKED as usize]);
        assert_eq!(
            decode(&[record(&whole)], &DecodeContext::default())
                .counts
                .malformed,
            0
        );
    }

    #[test]
    fn a_name_beyond_the_limit_is_counted_and_named() {
        let store = TestStore::with(&StoreOptions {
            event_names: 1,
            ..StoreOptions::default()
        });
        let context = DecodeContext {
            store: Some(&store),
            ..DecodeContext::default()
        };
        let other = LINE.replace("View", "View 17");
        let records = [record(LINE.as_bytes()), record(other.as_bytes())];
        let decoded = decode(&records, &context);
        assert_eq!((decoded.counts.events, decoded.counts.malformed), (1, 1));
        let (_, why) = &decoded.malformed[0];
        assert!(why.starts_with("the event type `View 17` is new"), "{why}");
    }

    proptest! {
        #[test]
        fn arbitrary_records_do_not_panic(data in prop::collection::vec(any::<u8>(), 0..200), packed in any::<bool>()) {
            let data = if packed { gzip(&data) } else { data };
            let decoded = decode(&[record(&data)], &DecodeContext::default());
            prop_assert!(decoded.counts.malformed <= decoded.counts.lines);
        }
    }
}
