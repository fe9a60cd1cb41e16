//! Reads forms, as bodies and as queries. Text that is not UTF-8 is refused: with replacement
//! characters, two user ids could become one.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// A value of a form that is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8 {
    /// The position of the first byte that is not UTF-8, from 1, after decoding.
    pub(super) byte: usize,
}

/// Returns the last value of a name in `application/x-www-form-urlencoded` bytes; `None` if the
/// name is missing.
pub(super) fn value<'a>(form: &'a [u8], name: &str) -> Result<Option<Cow<'a, str>>, NotUtf8> {
    let pairs = form.split(|byte| *byte == b'&').rev();
    for pair in pairs {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let found = halves.next().map(decode).unwrap_or_default();
        if *found == *name.as_bytes() {
            let value = halves.next().unwrap_or_default();
            return text(decode(value)).map(Some);
        }
    }
    Ok(None)
}

/// Decodes a value: `+` is a space, `%41` is an A, and a `%` before anything else is itself
/// (WHATWG, URL, 5.1).
fn decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return Cow::Borrowed(bytes);
    }
    let spaced: Vec<u8> = (bytes.iter())
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

fn text(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, NotUtf8> {
    let not = |error: std::str::Utf8Error| NotUtf8 {
        byte: error.valid_up_to() + 1,
    };
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(not),
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(error) => Err(not(error.utf8_error())),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = b"a=1&b=x+y%26%3D%c3%A4&c&=d&a=2&e=%zz%4&%66=g";
        for (name, wanted) in [
            ("a", Some("2")),
            ("b", Some("x y&=\u{e4}")),
            ("c", Some("")),
            ("", Some("d")),
            ("e", Some("%zz%4")),
            ("f", Some("g")),
            ("g", None),
        ] {
            assert_eq!(value(form, name).unwrap().as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_is_refused_and_not_replaced() {
        for (form, byte) in [
            (&b"a=%ff"[..], 1),
            (b"a=x\xffy", 2),
            (b"a=ab%C3", 3),
            (b"a=%ED%A0%80", 1),
        ] {
            assert_eq!(value(form, "a"), Err(NotUtf8 { byte }));
        }
        // Values of other names are not decoded.
        assert_eq!(
            value(b"b=%ff&%ff=1&a=1", "a").unwrap().as_deref(),
            Some("1")
        );
    }

    proptest! {
        #[test]
        fn a_form_of_a_browser_is_read_back(text in ".*", other in ".*") {
            let form = form_urlencoded::Serializer::new(String::new())
                .append_pair("other", &other)
                .append_pair("a", &text)
                .finish();
            prop_assert_eq!(value(form.as_bytes(), "a").unwrap(), Some(Cow::Owned(text)));
        }
    }
}
