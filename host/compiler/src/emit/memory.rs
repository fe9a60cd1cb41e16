//! The module's allocator: it only ever grows within a batch and forgets all of it afterwards.

use wasm_encoder::{BlockType, Function, ValType};

use super::{Addresses, address, function, global};

/// `cabi_post_classify`: the host has read the answer; the whole batch is forgotten.
pub(super) fn post_classify(addresses: &Addresses) -> Function {
    function(&[], |code| {
        code.i32_const(address(addresses.heap))
            .global_set(global::HEAP);
    })
}

/// `allocate(size, align) -> address`, a trap when memory may not grow that far.
pub(super) fn allocate() -> Function {
    let (size, align, start, end) = (0, 1, 2, 3);
    function(&[(2, ValType::I32)], |code| {
        // start = (HEAP + align - 1) & -align
        code.global_get(global::HEAP)
            .local_get(align)
            .i32_add()
            .i32_const(1)
            .i32_sub();
        code.i32_const(0)
            .local_get(align)
            .i32_sub()
            .i32_and()
            .local_set(start);
        code.local_get(start)
            .local_get(size)
            .i32_add()
            .local_tee(end);
        // Past the end of the address space.
        code.local_get(start)
            .i32_lt_u()
            .if_(BlockType::Empty)
            .unreachable()
            .end();
        code.local_get(end).global_set(global::HEAP);
        // Pages wanted: one more than the end's.
        code.local_get(end)
            .i32_const(16)
            .i32_shr_u()
            .i32_const(1)
            .i32_add()
            .local_tee(end);
        code.memory_size(0).i32_gt_u().if_(BlockType::Empty);
        code.local_get(end).memory_size(0).i32_sub().memory_grow(0);
        code.i32_const(-1)
            .i32_eq()
            .if_(BlockType::Empty)
            .unreachable()
            .end();
        code.end();
        code.local_get(start);
    })
}

/// `cabi_realloc(old, old-size, align, size) -> address` of the canonical ABI.
pub(super) fn realloc() -> Function {
    let (old, old_size, align, size, new) = (0, 1, 2, 3, 4);
    function(&[(1, ValType::I32)], |code| {
        code.local_get(size)
            .local_get(align)
            .call(function::ALLOCATE)
            .local_set(new);
        code.local_get(old).if_(BlockType::Empty);
        code.local_get(new).local_get(old);
        code.local_get(old_size)
            .local_get(size)
            .local_get(old_size)
            .local_get(size)
            .i32_lt_u()
            .select();
        code.memory_copy(0, 0);
        code.end();
        code.local_get(new);
    })
}
