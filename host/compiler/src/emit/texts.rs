//! Text tests. Equal texts have equal codes, so a set of texts is looked up once per dictionary entry, not once per row: every
//! set gets a table with a byte per entry, filled in one pass over the dictionary through a hash table of all literals.

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::{BlockType, Function, ValType};

use super::{address, at, function, global};
use crate::layout::{StaticData, batch, column};

/// The literals' hash table in the module's data.
#[derive(Debug)]
pub(super) struct Texts {
    slots: u32,
    /// The number of slots less one; slots are a power of two.
    mask: u32,
    sets: u32,
}

/// A slot: hash, text, its length, the sets it is in, how many. An empty slot has no text (address 0).
mod slot {
    pub(super) const SIZE: u32 = 20;
    pub(super) const HASH: u64 = 0;
    pub(super) const TEXT: u64 = 4;
    pub(super) const LENGTH: u64 = 8;
    pub(super) const SETS: u64 = 12;
    pub(super) const SETS_LENGTH: u64 = 16;
}

const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

impl Texts {
    pub(super) fn put(data: &mut StaticData, sets: &[BTreeSet<Box<str>>]) -> Self {
        let mut literals: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (set, number) in sets.iter().zip(0..) {
            for text in set {
                literals.entry(text).or_default().push(number);
            }
        }
        // At most half full, so a search ends soon, and always at an empty slot.
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
            sets: u32::try_from(sets.len()).unwrap_or(u32::MAX),
        }
    }
}

fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME)
    })
}

/// `match-texts()`: makes every set's table for the batch's dictionary.
pub(super) fn match_texts(texts: &Texts) -> Function {
    let (entries, entry, start, end, position, hash, slot, index) = (0, 1, 2, 3, 4, 5, 6, 7);
    let (offsets, bytes) = (8, 9);
    function(&[(10, ValType::I32)], |code| {
        code.global_get(global::BATCH)
            .i32_load(at(batch::DICTIONARY_OFFSETS, 4))
            .local_set(offsets);
        code.global_get(global::BATCH)
            .i32_load(at(batch::DICTIONARY_BYTES, 4))
            .local_set(bytes);
        // One offset more than entries; an empty dictionary may have none at all.
        code.global_get(global::BATCH)
            .i32_load(at(batch::DICTIONARY_OFFSETS_LENGTH, 4))
            .local_tee(entries);
        code.i32_eqz()
            .if_(BlockType::Empty)
            .i32_const(1)
            .local_set(entries)
            .end();
        // Code 0 is the absent value: a table has as many bytes as there are offsets.
        code.local_get(entries).global_set(global::TABLE_SIZE);
        code.local_get(entries)
            .i32_const(address(texts.sets))
            .i32_mul()
            .local_tee(slot);
        code.i32_const(1)
            .call(function::ALLOCATE)
            .global_set(global::TABLES);
        code.global_get(global::TABLES)
            .i32_const(0)
            .local_get(slot)
            .memory_fill(0);

        code.i32_const(1).local_set(entry);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(entry).local_get(entries).i32_ge_u().br_if(1);
        code.local_get(offsets)
            .local_get(entry)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .local_tee(slot);
        code.i32_const(4)
            .i32_sub()
            .i32_load(at(0, 4))
            .local_get(bytes)
            .i32_add()
            .local_set(start);
        code.local_get(slot)
            .i32_load(at(0, 4))
            .local_get(bytes)
            .i32_add()
            .local_set(end);
        // hash = FNV-1a of the entry
        code.i32_const(address(FNV_OFFSET)).local_set(hash);
        code.local_get(start).local_set(position);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(position).local_get(end).i32_ge_u().br_if(1);
        code.local_get(hash)
            .local_get(position)
            .i32_load8_u(at(0, 1))
            .i32_xor();
        code.i32_const(address(FNV_PRIME)).i32_mul().local_set(hash);
        code.local_get(position)
            .i32_const(1)
            .i32_add()
            .local_set(position);
        code.br(0).end().end();
        // Search from the hash's slot to the first empty one.
        code.local_get(hash)
            .i32_const(address(texts.mask))
            .i32_and()
            .local_set(index);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(index)
            .i32_const(address(slot::SIZE))
            .i32_mul()
            .i32_const(address(texts.slots))
            .i32_add()
            .local_tee(slot);
        code.i32_load(at(slot::TEXT, 4)).i32_eqz().br_if(1);
        code.block(BlockType::Empty);
        code.local_get(slot)
            .i32_load(at(slot::HASH, 4))
            .local_get(hash)
            .i32_ne()
            .br_if(0);
        code.local_get(slot)
            .i32_load(at(slot::LENGTH, 4))
            .local_get(end)
            .local_get(start)
            .i32_sub()
            .i32_ne()
            .br_if(0);
        // The same bytes?
        code.local_get(start).local_set(position);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(position).local_get(end).i32_ge_u().br_if(1);
        code.local_get(position).i32_load8_u(at(0, 1));
        code.local_get(slot)
            .i32_load(at(slot::TEXT, 4))
            .local_get(position)
            .local_get(start)
            .i32_sub()
            .i32_add();
        code.i32_load8_u(at(0, 1)).i32_ne().br_if(2);
        code.local_get(position)
            .i32_const(1)
            .i32_add()
            .local_set(position);
        code.br(0).end().end();
        // Mark the entry in each of the literal's sets, from the last to the first.
        code.local_get(slot)
            .i32_load(at(slot::SETS_LENGTH, 4))
            .local_set(position);
        code.loop_(BlockType::Empty);
        code.local_get(position)
            .i32_const(1)
            .i32_sub()
            .local_set(position);
        code.local_get(slot)
            .i32_load(at(slot::SETS, 4))
            .local_get(position)
            .i32_const(2)
            .i32_shl()
            .i32_add();
        code.i32_load(at(0, 4))
            .global_get(global::TABLE_SIZE)
            .i32_mul();
        code.global_get(global::TABLES)
            .i32_add()
            .local_get(entry)
            .i32_add();
        code.i32_const(1).i32_store8(at(0, 1));
        code.local_get(position).br_if(0).end();
        code.br(2);
        code.end();
        code.local_get(index)
            .i32_const(1)
            .i32_add()
            .i32_const(address(texts.mask))
            .i32_and()
            .local_set(index);
        code.br(0).end().end();
        code.local_get(entry)
            .i32_const(1)
            .i32_add()
            .local_set(entry);
        code.br(0).end().end();
    })
}

/// `any-in(table, column, row) -> 0 | 1`: whether one value of a `texts` column's row is in the table's set.
pub(super) fn any_in() -> Function {
    let (table, column, row, end) = (0, 1, 2, 3);
    function(&[(1, ValType::I32)], |code| {
        // `row` becomes the address of its first code, `end` that of the next row's.
        code.local_get(column)
            .i32_load(at(column::DATA, 4))
            .local_get(row)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .local_tee(end);
        code.i32_load(at(0, 4))
            .i32_const(2)
            .i32_shl()
            .local_get(column)
            .i32_load(at(column::CODES, 4))
            .i32_add()
            .local_set(row);
        code.local_get(end)
            .i32_load(at(4, 4))
            .i32_const(2)
            .i32_shl();
        code.local_get(column)
            .i32_load(at(column::CODES, 4))
            .i32_add()
            .local_set(end);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(row).local_get(end).i32_ge_u().br_if(1);
        code.local_get(table)
            .local_get(row)
            .i32_load(at(0, 4))
            .i32_add()
            .i32_load8_u(at(0, 1));
        code.if_(BlockType::Empty).i32_const(1).return_().end();
        code.local_get(row).i32_const(4).i32_add().local_set(row);
        code.br(0).end().end();
        code.i32_const(0);
    })
}
