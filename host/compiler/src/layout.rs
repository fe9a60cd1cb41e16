//! Memory layout: the canonical ABI's offsets of the contract's records, and the static part of the
//! module's own memory. Component Model, "Canonical ABI": fields in order, each at its alignment; a
//! list is a pointer and a length.

/// The number of users in a tile. The module works on tiles, so that the data of a tile stays in
/// the first-level cache.
pub(crate) const TILE: u32 = 256;
/// A node's answers for a tile: one signed instant (`f64`) per user.
pub(crate) const NODE_BYTES: u32 = TILE * 8;
/// A static node's answers for a tile: one bit per user.
pub(crate) const BITMAP_BYTES: u32 = TILE / 8;
/// Memory below this address stays unused, so that 0 is never a valid address.
pub(crate) const FIRST_ADDRESS: u32 = 16;
/// The size of a Wasm page.
pub(crate) const PAGE: u32 = 65_536;

/// `record batch`.
pub(crate) mod batch {
    pub(crate) const NOW: u64 = 0;
    pub(crate) const USERS: u64 = 8;
    pub(crate) const DICTIONARY_OFFSETS: u64 = 12;
    pub(crate) const DICTIONARY_OFFSETS_LENGTH: u64 = 16;
    pub(crate) const DICTIONARY_BYTES: u64 = 20;
    pub(crate) const FIRST_SEEN: u64 = 28;
    pub(crate) const USER_HASH: u64 = 36;
    pub(crate) const USER_PROPERTIES: u64 = 44;
    pub(crate) const PROPERTY_HISTORIES: u64 = 52;
    pub(crate) const STREAMS: u64 = 60;
    pub(crate) const CALENDARS: u64 = 68;
    pub(crate) const LISTS: u64 = 76;
}

/// `record calendar-bounds`.
pub(crate) mod calendar {
    pub(crate) const SIZE: u32 = 16;
    pub(crate) const STARTS: u64 = 0;
    pub(crate) const STARTS_LENGTH: u64 = 4;
    pub(crate) const MOVES_AT: u64 = 8;
}

/// A static list: `list<u64>`.
pub(crate) mod list {
    pub(crate) const SIZE: u32 = 8;
    pub(crate) const WORDS: u64 = 0;
}

/// The records that `did_in_order` keeps, one for each step: what it knows of the chains that end
/// in the step. [`order::BEST`] has the latest instants of the steps that limits count from, of
/// chains that end at the current instant. After these are the same of the latest earlier instant
/// with a chain, and then the other fields, whose offsets count from there.
pub(crate) mod order {
    pub(crate) const BEST: u64 = 0;
    /// The latest earlier instant with a chain.
    pub(crate) const LAST_TIME: u64 = 0;
    /// The first step of the longest run of steps that ends in the step and that different events
    /// of the current instant can take; the number of the step plus 1: there is none.
    pub(crate) const FIRST_OF_RUN: u64 = 8;
    /// The last step to which a chain that ends in the step can go on at the current instant.
    pub(crate) const LIMIT: u64 = 12;
    /// The bytes of these fields.
    pub(crate) const FIELDS: u32 = 16;
}

/// `record event-rows`.
pub(crate) mod rows {
    pub(crate) const SIZE: u32 = 24;
    pub(crate) const STARTS: u64 = 0;
    pub(crate) const TIMES: u64 = 8;
    pub(crate) const COLUMNS: u64 = 16;
}

/// `variant column`.
pub(crate) mod column {
    pub(crate) const SIZE: u32 = 20;
    pub(crate) const CASE: u64 = 0;
    /// The values of a plain column, or the starts of a `texts` column.
    pub(crate) const DATA: u64 = 4;
    /// The codes of a `texts` column.
    pub(crate) const CODES: u64 = 12;
    /// The case `texts`.
    pub(crate) const TEXTS: i32 = 3;
}

/// `result<verdicts, string>`.
pub(crate) mod verdicts {
    pub(crate) const SIZE: u32 = 20;
    pub(crate) const MEMBERS: u64 = 4;
    pub(crate) const MEMBERS_LENGTH: u64 = 8;
    pub(crate) const UNTIL: u64 = 12;
    pub(crate) const UNTIL_LENGTH: u64 = 16;
}

/// Bytes with known addresses, which become the module's data segment.
#[derive(Debug)]
pub(crate) struct StaticData {
    bytes: Vec<u8>,
}

impl StaticData {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Returns the address after all data.
    pub(crate) fn end(&self) -> u32 {
        FIRST_ADDRESS + u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// Puts bytes at the next aligned address. Returns the address.
    pub(crate) fn put(&mut self, align: u32, bytes: &[u8]) -> u32 {
        while !self.end().is_multiple_of(align) {
            self.bytes.push(0);
        }
        let at = self.end();
        self.bytes.extend_from_slice(bytes);
        at
    }

    /// Puts 32-bit words, little-endian.
    pub(crate) fn put_words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(4, &bytes)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
