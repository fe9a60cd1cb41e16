//! The hash table of all literals of all text sets, in the module's data.

use std::collections::{BTreeMap, BTreeSet};

use super::bytes_of;
use crate::emit::global;
use crate::layout::StaticData;
use crate::wasm::{Expr, FunctionBody, I32, Var, address, all, global as global_, int};

#[derive(Debug)]
pub(in crate::emit) struct Literals {
    slots: u32,
    /// The number of slots minus one. The number of slots is a power of two.
    mask: u32,
    pub(in crate::emit) sets: usize,
}

/// A slot: hash, text, its length, its sets, their number. An empty slot has no text (address 0).
mod slot {
    pub(super) const SIZE: u32 = 20;
    pub(super) const HASH: u64 = 0;
    pub(super) const TEXT: u64 = 4;
    pub(super) const LENGTH: u64 = 8;
    pub(super) const SETS: u64 = 12;
    pub(super) const SETS_LENGTH: u64 = 16;
}

/// The smallest number of bytes that a literal takes in the table: the table is at most half full.
pub(crate) const LITERAL_BYTES: usize = 2 * slot::SIZE as usize;

const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

impl Literals {
    pub(in crate::emit) fn put(data: &mut StaticData, sets: &[BTreeSet<Box<str>>]) -> Self {
        let mut literals: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (set, number) in sets.iter().zip(0..) {
            for text in set {
                literals.entry(text).or_default().push(number);
            }
        }
        // The table is at most half full, so a search ends soon, and always at an empty slot.
        let mut slots = vec![[0_u32; 5]; (literals.len() * 2).next_power_of_two().max(2)];
        let mask = slots.len() - 1;
        for (text, sets) in literals {
            let hash = fnv(text.as_bytes());
            let mut index = hash as usize & mask;
            while slots.get(index).is_some_and(|slot| slot.get(1) != Some(&0)) {
                index = (index + 1) & mask;
            }
            let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            let (at, sets_at) = (data.put(1, text.as_bytes()), data.put_words(&sets));
            if let Some(slot) = slots.get_mut(index) {
                *slot = [hash, at, length(text.len()), sets_at, length(sets.len())];
            }
        }
        let mask = u32::try_from(mask).unwrap_or(u32::MAX);
        Self {
            slots: data.put_words(&slots.concat()),
            mask,
            sets: sets.len(),
        }
    }

    /// Emits the code that marks every dictionary entry in the tables of the sets that have the
    /// entry.
    pub(super) fn mark(&self, body: &mut FunctionBody, entries: Var<I32>) {
        let (entry, start, end) = (body.local(), body.local::<I32>(), body.local::<I32>());
        let (hash, index) = (body.local::<I32>(), body.local::<I32>());
        let (position, slot) = (body.local::<I32>(), body.local::<I32>());
        body.each(entry, int(1), entries, |body| {
            let (first, behind) = bytes_of(entry);
            body.set(start, first);
            body.set(end, behind);
            // FNV-1a
            body.set(hash, address(FNV_OFFSET));
            body.each(position, start, end, |body| {
                body.set(
                    hash,
                    xor(hash.get(), position.get().load8(0)) * address(FNV_PRIME),
                );
            });
            // Search from the hash's slot to the first empty one.
            body.set(index, hash.and(address(self.mask)));
            body.set(slot, self.slot(index));
            body.while_(slot.load::<I32>(slot::TEXT), |body| {
                let alike = slot.load::<I32>(slot::HASH).eq(hash);
                let as_long = slot.load::<I32>(slot::LENGTH).eq(end - start.get());
                body.if_(alike.and(as_long), |body| {
                    // The same bytes?
                    body.set(position, start);
                    let literal = slot.load::<I32>(slot::TEXT) + (position - start.get());
                    let same = position.get().load8(0).eq(literal.load8(0));
                    body.while_(all([position.lt(end), same]), |body| {
                        body.add(position, int(1));
                    });
                    body.if_(position.eq(end), |body| mark_sets(body, slot, entry));
                });
                body.set(index, (index + int(1)).and(address(self.mask)));
                body.set(slot, self.slot(index));
            });
        });
    }

    fn slot(&self, index: Var<I32>) -> Expr<I32> {
        address(self.slots) + index * address(slot::SIZE)
    }
}

/// Emits the code that marks the entry in each of the literal's sets.
fn mark_sets(body: &mut FunctionBody, slot: Var<I32>, entry: Var<I32>) {
    let number = body.local::<I32>();
    body.each(
        number,
        int(0),
        slot.load::<I32>(slot::SETS_LENGTH),
        |body| {
            let set = slot.load::<I32>(slot::SETS).at(number, 4).load::<I32>(0);
            let table = global_::<I32>(global::TABLES) + set * global_::<I32>(global::TABLE_SIZE);
            body.store8(table + entry, 0, int(1));
        },
    );
}

fn xor(a: Expr<I32>, b: Expr<I32>) -> Expr<I32> {
    crate::wasm::raw(move |sink| {
        a.emit(sink);
        b.emit(sink);
        sink.i32_xor();
    })
}

fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME)
    })
}
