//! Emits the module's allocator: it only grows within a batch, and frees everything afterwards.

use wasm_encoder::Function;

use super::{Addresses, function, global};
use crate::wasm::{FunctionBody, I32, Var, address, call, global as global_, int, select};

/// Emits `cabi_post_classify(answer)`: the host has read the answer, and the memory of the whole
/// batch is freed.
pub(super) fn post_classify(addresses: &Addresses) -> Function {
    let mut body = FunctionBody::new(1);
    body.set_global(global::HEAP, address(addresses.heap));
    body.finish()
}

/// Emits `allocate(size, align) -> address`; it traps if the memory cannot grow so far.
pub(super) fn allocate() -> Function {
    let mut body = FunctionBody::new(2);
    let (size, align) = (Var::<I32>::parameter(0), Var::<I32>::parameter(1));
    let (start, end) = (body.local::<I32>(), body.local::<I32>());
    // (HEAP + align - 1) & -align
    let up = global_::<I32>(global::HEAP) + align.get() - int(1);
    body.set(start, up.and(int(0) - align.get()));
    body.set(end, start + size.get());
    // The end is beyond the address space.
    body.if_(end.lt(start), |body| {
        body.sink().unreachable();
    });
    body.set_global(global::HEAP, end);
    // The pages needed: one more than the number of the end's page.
    body.set(end, end.shr(int(16)) + int(1));
    let pages = || {
        crate::wasm::raw::<I32>(|sink| {
            sink.memory_size(0);
        })
    };
    body.if_(end.gt(pages()), |body| {
        body.push(end - pages());
        let grown = body.local::<I32>();
        body.sink().memory_grow(0).local_set(grown.index());
        body.if_(grown.eq(int(-1)), |body| {
            body.sink().unreachable();
        });
    });
    body.push(start);
    body.finish()
}

/// Emits `cabi_realloc(old, old-size, align, size) -> address` of the canonical ABI.
pub(super) fn realloc() -> Function {
    let mut body = FunctionBody::new(4);
    let [old, old_size, align, size] = [0, 1, 2, 3].map(Var::<I32>::parameter);
    let new = body.local::<I32>();
    let memory = call::<I32>(function::ALLOCATE, vec![size.into(), align.into()]);
    body.set(new, memory);
    body.if_(old.get(), |body| {
        body.push(new);
        body.push(old);
        body.push(select(old_size.lt(size), old_size.get(), size.get()));
        body.sink().memory_copy(0, 0);
    });
    body.push(new);
    body.finish()
}
