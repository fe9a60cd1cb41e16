//! Escapes in JSON that are half of a character. JavaScript cuts texts between the two halves of an
//! emoji, and then writes the half as an escape that is no character.

use std::borrow::Cow;

/// Replaces each escape of half a surrogate pair by that of U+FFFD, as browsers do when they encode
/// a text. Returns the text itself if there is none. All other bytes stay, so columns do too.
pub(super) fn without_halves(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut halves = Vec::new();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        match unit(bytes, at) {
            Some(0xD800..0xDC00) if matches!(unit(bytes, at + ESCAPE), Some(0xDC00..0xE000)) => {
                at += 2 * ESCAPE;
            }
            Some(0xD800..0xE000) => {
                halves.push(at);
                at += ESCAPE;
            }
            // Any other escape has at least two bytes; the second one may be a backslash.
            _ => at += 2,
        }
    }
    if halves.is_empty() {
        return Cow::Borrowed(json);
    }
    let mut replaced = json.to_owned();
    for at in halves {
        replaced.replace_range(at..at + ESCAPE, "\\ufffd");
    }
    Cow::Owned(replaced)
}

/// The length of an escape like `\ufffd`, in bytes.
const ESCAPE: usize = 6;

/// Reads the UTF-16 unit of the escape at a place.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_are_replaced_and_pairs_stay() {
        for (json, wanted) in [
            (r#""Great \ud83d""#, r#""Great \ufffd""#),
            (r#""\uD83D\uDE00""#, r#""\uD83D\uDE00""#),
            (r#""\uDE00\uD83D""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\u00e4 \ud83""#, r#""\u00e4 \ud83""#),
            (
                r#"{"\ud83d": ["\udfff", 1]}"#,
                r#"{"\ufffd": ["\ufffd", 1]}"#,
            ),
        ] {
            assert_eq!(without_halves(json), wanted, "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_text_of_javascript_is_read_as_browsers_encode_it(
            units in proptest::collection::vec(
                prop_oneof![any::<u16>(), 0xD7FE_u16..0xE002, 0x20_u16..0x7f],
                0..20,
            )
        ) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("\"{escaped}\"");
            let read: String = serde_json::from_str(&without_halves(&json)).unwrap();
            prop_assert_eq!(read, String::from_utf16_lossy(&units));
        }
    }
}
