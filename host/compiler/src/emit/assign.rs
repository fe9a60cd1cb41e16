//! Emits the assignment of steps to different entries of a list ([`super::gather`]).

use wasm_encoder::Function;

use super::gather::steps_of;
use super::{function, global};
use crate::wasm::{Expr, FunctionBody, I32, Var, address, any, call, global as global_, int};

/// The bytes that have the entry of a step.
pub(super) const OWNER: u32 = 4;

/// Emits the code that takes the entries from the steps of `from..to`.
pub(super) fn clear(body: &mut FunctionBody, owners: u32, steps: usize) {
    for step in 0..u32::try_from(steps).unwrap_or(0) {
        body.store(address(owners + step * OWNER), 0, int(0));
    }
}

/// Emits 1 and gives a step to an entry, if the steps in the bits of `among` can be shared out so;
/// else 0.
pub(super) fn assign(
    body: &mut FunctionBody,
    entry: Var<I32>,
    owners: u32,
    among: impl Into<Expr<I32>>,
) -> Expr<I32> {
    body.set_global(global::UNTRIED, among);
    call(function::ASSIGN, vec![entry.into(), address(owners).into()])
}

/// Emits `assign(entry, owners) -> 1 or 0`. The entry takes a step that is free, or one whose entry
/// can take another step. Each call removes at least one step from [`global::UNTRIED`], so calls
/// are nested no deeper than there are steps.
pub(super) fn function() -> Function {
    let mut body = FunctionBody::new(2);
    let (entry, owners) = (Var::<I32>::parameter(0), Var::<I32>::parameter(1));
    let (steps, bit, slot) = (
        body.local::<I32>(),
        body.local::<I32>(),
        body.local::<I32>(),
    );
    let done = body.local::<I32>();
    body.block(|body, end| {
        body.while_(int(1), |body| {
            body.set(steps, steps_of(entry).and(global_::<I32>(global::UNTRIED)));
            body.leave_if(end, steps.not());
            // The lowest step.
            body.set(bit, steps.and(int(0) - steps.get()));
            let rest = global_::<I32>(global::UNTRIED) - bit.get();
            body.set_global(global::UNTRIED, rest);
            body.set(slot, owners.at(bit.trailing_zeros(), OWNER));
            let owner = || slot.load::<I32>(0);
            let moved = call(function::ASSIGN, vec![owner().into(), owners.into()]);
            body.if_(any([owner().not(), moved]), |body| {
                body.store(slot, 0, entry);
                body.set(done, int(1));
                body.leave(end);
            });
        });
    });
    body.push(done);
    body.finish()
}
