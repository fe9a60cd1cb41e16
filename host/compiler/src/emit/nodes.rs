//! Emits nodes over a tile: the boolean algebra of signed instants, and its results. Each
//! instruction works on two users.

use wasm_encoder::{Function, InstructionSink};

use super::Addresses;
use crate::layout::{BITMAP_BYTES, NODE_BYTES, TILE};
use crate::wasm::{F64, FunctionBody, I32, I64, Var, address, at, float, int, long};

/// Emits `pair` for every 16 bytes of a tile; it receives the offset.
pub(super) fn each_pair(body: &mut FunctionBody, pair: impl FnOnce(&mut FunctionBody, Var<I32>)) {
    let offset = body.local::<I32>();
    body.while_(offset.lt(address(NODE_BYTES)), |body| {
        pair(body, offset);
        body.add(offset, int(16));
    });
}

/// Emits a load of the answers of a node for two users.
pub(super) fn load(body: &mut FunctionBody, node: Var<I32>, offset: Var<I32>) {
    body.push(node + offset.get());
    body.sink().v128_load(at(0, 16));
}

/// Emits `f(target, a, b)`: target = a `join` b.
fn join(operator: fn(&mut InstructionSink<'_>)) -> Function {
    let mut body = FunctionBody::new(3);
    let [target, a, b] = [0, 1, 2].map(Var::<I32>::parameter);
    each_pair(&mut body, |body, offset| {
        body.push(target + offset.get());
        load(body, a, offset);
        load(body, b, offset);
        operator(&mut body.sink());
        body.sink().v128_store(at(0, 16));
    });
    body.finish()
}

/// Emits `all(target, a, b)`: the lesser of two signed instants. No answer is NaN, so the
/// one-instruction minimum is exact.
pub(super) fn all() -> Function {
    join(|sink| {
        sink.f64x2_pmin();
    })
}

/// Emits `any(target, a, b)`: the greater of two signed instants.
pub(super) fn any() -> Function {
    join(|sink| {
        sink.f64x2_pmax();
    })
}

/// Emits `not(target, a)`.
pub(super) fn not() -> Function {
    let mut body = FunctionBody::new(2);
    let [target, a] = [0, 1].map(Var::<I32>::parameter);
    each_pair(&mut body, |body, offset| {
        body.push(target + offset.get());
        load(body, a, offset);
        body.sink().f64x2_neg().v128_store(at(0, 16));
    });
    body.finish()
}

/// Emits `fill(target, value)`.
pub(super) fn fill() -> Function {
    let mut body = FunctionBody::new(2);
    let (target, value) = (Var::<I32>::parameter(0), Var::<F64>::parameter(1));
    each_pair(&mut body, |body, offset| {
        body.push(target + offset.get());
        body.push(value);
        body.sink().f64x2_splat().v128_store(at(0, 16));
    });
    body.finish()
}

/// Emits `soonest(target, node)`: target = the sooner of itself and the node's next change.
pub(super) fn soonest() -> Function {
    let mut body = FunctionBody::new(2);
    let [target, node] = [0, 1].map(Var::<I32>::parameter);
    each_pair(&mut body, |body, offset| {
        body.push(target + offset.get());
        load(body, target, offset);
        load(body, node, offset);
        body.sink().f64x2_abs().f64x2_pmin().v128_store(at(0, 16));
    });
    body.finish()
}

/// Emits `root(words, count, statics, static count, operands, operand count, soonest)`: a cohort
/// that is the `all` of some nodes. The static nodes (in for ever or out for ever) are bitmaps. The
/// function reads the other operands only for users who are in by all static nodes.
pub(super) fn root(addresses: &Addresses) -> Function {
    let mut body = FunctionBody::new(7);
    let [
        words,
        count,
        statics,
        static_count,
        operands,
        operand_count,
        soonest,
    ] = [0, 1, 2, 3, 4, 5, 6].map(Var::<I32>::parameter);
    let (word, index) = (body.local::<I32>(), body.local::<I32>());
    let (mask, bits) = (body.local::<I64>(), body.local::<I64>());
    let (bit, user) = (body.local::<I64>(), body.local::<I32>());
    let until = body.local::<F64>();
    let count_of_words = body.var((count + int(63)).shr(int(6)));
    body.each(word, int(0), count_of_words, |body| {
        body.set(mask, long(-1));
        body.each(index, int(0), static_count, |body| {
            let number = statics.at(index, 4).load::<I32>(0);
            let bitmap = address(addresses.bitmaps).at(number, BITMAP_BYTES);
            body.set(mask, mask.and(bitmap.at(word, 8).load::<I64>(0)));
        });
        body.set(bits, long(0));
        body.while_(mask.ne(long(0)), |body| {
            // The lowest bit, which is then cleared.
            body.set(bit, mask.and(long(0) - mask.get()));
            body.push(mask);
            body.sink().i64_ctz().i32_wrap_i64();
            body.sink().local_set(user.index());
            body.set(user, word.shl(int(6)) + user.get());
            body.set(mask, mask.xor(bit));
            body.set(until, float(f64::INFINITY));
            body.each(index, int(0), operand_count, |body| {
                let number = operands.at(index, 4).load::<I32>(0);
                let node = address(addresses.nodes).at(number, NODE_BYTES);
                body.set(until, until.min(node.at(user, 8).load::<F64>(0)));
            });
            body.if_(until.gt(float(0.0)), |body| body.set(bits, bits.xor(bit)));
            let sooner = soonest.at(user, 8).load::<F64>(0).min(until.abs());
            body.store(soonest.at(user, 8), 0, sooner);
        });
        body.store(words.at(word, 8), 0, bits);
    });
    body.finish()
}

/// Emits `members(words, node, count)`: writes the bits of the tile's users who are in, padding
/// bits zero.
pub(super) fn members() -> Function {
    debug_assert!(TILE.is_multiple_of(64));
    let mut body = FunctionBody::new(3);
    let [words, node, count] = [0, 1, 2].map(Var::<I32>::parameter);
    let (word_end, bits) = (body.local::<I32>(), body.local::<I64>());
    let mask = body.local::<I64>();
    body.while_(count.ne(int(0)), |body| {
        // One word holds 64 users, the first in the lowest bit: two new bits enter at the top and
        // shift down.
        body.set(word_end, node + int(64 * 8));
        body.while_(node.lt(word_end), |body| {
            body.push(bits.shr(long(2)));
            body.push(node);
            body.sink()
                .v128_load(at(0, 16))
                .f64_const(0.0.into())
                .f64x2_splat()
                .f64x2_gt()
                .i64x2_bitmask()
                .i64_extend_i32_u()
                .i64_const(62)
                .i64_shl()
                .i64_or()
                .local_set(bits.index());
            body.add(node, int(16));
        });
        // In the last word of a batch, the answers after its last user are those of an earlier
        // tile.
        body.if_else(
            count.lt(int(64)),
            |body| {
                body.push(long(1));
                body.push(count);
                body.sink().i64_extend_i32_u().i64_shl();
                body.sink().local_set(mask.index());
                body.set(bits, bits.and(mask - long(1)));
                body.store(words, 0, bits);
                body.set(count, int(0));
            },
            |body| {
                body.store(words, 0, bits);
                body.set(count, count - int(64));
            },
        );
        body.add(words, int(8));
    });
    body.finish()
}
