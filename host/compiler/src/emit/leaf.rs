//! Emits the frame of every leaf: a function that answers for each user of a tile.

use wasm_encoder::Function;

use crate::wasm::{Expr, F64, FunctionBody, I32, Var, float, int, select};

/// A function `leaf(first user, count)` under construction.
pub(super) struct Leaf {
    pub(super) body: FunctionBody,
    /// The user's number in the batch, within [`Leaf::finish`].
    pub(super) user: Var<I32>,
    /// The user's number in the tile.
    number: Var<I32>,
}

impl Leaf {
    /// Begins a leaf. Code that is put into the body before `finish` runs once.
    pub(super) fn new() -> Self {
        let mut body = FunctionBody::new(2);
        Self {
            user: body.local(),
            number: body.local(),
            body,
        }
    }

    /// Returns the function; `each` receives the user's number in the batch and in the tile.
    pub(super) fn finish(
        mut self,
        each: impl FnOnce(&mut FunctionBody, Var<I32>, Var<I32>),
    ) -> Function {
        let (first, count) = (Var::<I32>::parameter(0), Var::<I32>::parameter(1));
        let (user, number) = (self.user, self.number);
        self.body.each(number, int(0), count, |body| {
            body.set(user, first + number.get());
            each(body, user, number);
        });
        self.body.finish()
    }

    /// Emits the function of a leaf that writes one answer per user at `node`; `answer` computes
    /// the signed instant.
    pub(super) fn answer(
        self,
        node: i32,
        answer: impl FnOnce(&mut FunctionBody, Var<I32>) -> Expr<F64>,
    ) -> Function {
        self.finish(|body, user, number| {
            let answer = answer(body, user);
            body.store(int(node).at(number, 8), 0, answer);
        })
    }
}

/// Emits the signed instant of a verdict that holds until `until`.
pub(super) fn signed(holds: impl Into<Expr<I32>>, until: impl Into<Expr<F64>>) -> Expr<F64> {
    let until = until.into();
    select(holds.into(), until.clone(), until.neg())
}

/// Emits a verdict that never expires.
pub(super) fn for_ever(holds: impl Into<Expr<I32>>) -> Expr<F64> {
    signed(holds, float(f64::INFINITY))
}

/// Emits a signed instant that expires at `until` or earlier.
pub(super) fn no_longer(answer: Var<F64>, until: impl Into<Expr<F64>>) -> Expr<F64> {
    answer.abs().min(until.into()).signed_as(answer)
}
