//! Bytes as hexadecimal text, and back: the form of digests in names and states.

/// Returns bytes as lower-case hexadecimal, two digits a byte.
///
/// ```
/// assert_eq!(muster_model::to_hex(&[0, 0xab]), "00ab");
/// ```
#[must_use]
pub fn to_hex<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> String {
    // The remainder of a division by 16 is always a digit.
    let digit = |number: u8| char::from_digit(u32::from(number), 16).unwrap_or_default();
    let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.into_iter().flat_map(digits).collect()
}

/// Returns the bytes that a text of [`to_hex`] stands for. Upper-case digits count too. Returns
/// `None` if the text has other characters, or more or fewer than two digits a byte.
///
/// ```
/// assert_eq!(muster_model::from_hex("00ab"), Some([0, 0xab]));
/// assert_eq!(muster_model::from_hex::<2>("00a"), None);
/// ```
#[must_use]
pub fn from_hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    if text.len() != 2 * BYTES {
        return None;
    }
    let mut digits = text.chars().map(|digit| digit.to_digit(16));
    for byte in &mut bytes {
        let value = digits.next()?? << 4 | digits.next()??;
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_are_read_back() {
        let all: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        let text = to_hex(&all);
        assert!(text.starts_with("000102") && text.ends_with("fdfeff"));
        assert_eq!(from_hex(&text), Some(all));
        assert_eq!(from_hex(&text.to_uppercase()), Some(all));
        assert_eq!(to_hex(&[]), "");
    }

    #[test]
    fn other_texts_stand_for_no_bytes() {
        for text in ["", "0", "000", "00000", "0g00", "+f00", " 000", "äää", "éé"] {
            assert_eq!(from_hex::<2>(text), None, "{text:?}");
        }
    }
}
