//! Instants in six bytes. `Millis` ends in the year 9999, below 2^48 ms; all ones means never.

/// The bytes of an instant.
pub(crate) const BYTES: usize = 6;
const NEVER: u64 = (1 << 48) - 1;

/// Encodes an instant. `i64::MAX`, and any instant later than 2^48 - 2, becomes never; a negative
/// one becomes 0.
pub(crate) fn encode(instant: i64) -> [u8; BYTES] {
    let number = u64::try_from(instant).unwrap_or(0).min(NEVER);
    let [a, b, c, d, e, f, ..] = number.to_le_bytes();
    [a, b, c, d, e, f]
}

pub(crate) fn decode([a, b, c, d, e, f]: [u8; BYTES]) -> i64 {
    match u64::from_le_bytes([a, b, c, d, e, f, 0, 0]) {
        NEVER => i64::MAX,
        number => number.cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_back() {
        for instant in [0, 1, muster_model::Millis::MAX.0, i64::MAX] {
            assert_eq!(decode(encode(instant)), instant);
        }
        assert_eq!(decode(encode(-5)), 0);
        assert_eq!(decode(encode(1 << 60)), i64::MAX);
    }
}
