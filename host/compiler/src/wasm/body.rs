//! Bodies of functions: statements, in order.

use std::ops::Add;

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};

use super::expr::{Argument, Expr, I32, Type, Var, at, int};

/// A block that can be left.
#[derive(Clone, Copy)]
pub(crate) struct BlockLabel {
    depth: u32,
}

/// A function's body under construction.
pub(crate) struct FunctionBody {
    bytes: Vec<u8>,
    parameters: u32,
    locals: Vec<ValType>,
    depth: u32,
}

impl FunctionBody {
    /// Begins the body of a function with so many parameters.
    pub(crate) fn new(parameters: u32) -> Self {
        Self {
            bytes: Vec::new(),
            parameters,
            locals: Vec::new(),
            depth: 0,
        }
    }

    /// Declares a new local, 0 at first.
    pub(crate) fn local<T: Type>(&mut self) -> Var<T> {
        let index = self.parameters + u32::try_from(self.locals.len()).unwrap_or(u32::MAX);
        self.locals.push(T::VALUE);
        Var::parameter(index)
    }

    /// Declares a new local with a value.
    pub(crate) fn var<T: Type>(&mut self, value: impl Into<Expr<T>>) -> Var<T> {
        let variable = self.local();
        self.set(variable, value);
        variable
    }

    pub(crate) fn sink(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.bytes)
    }

    /// Leaves a value on the stack: the function's result, at its end.
    pub(crate) fn push<T>(&mut self, value: impl Into<Expr<T>>) {
        let value = value.into();
        (value.emit)(&mut self.sink());
    }

    pub(crate) fn set<T: Type>(&mut self, variable: Var<T>, value: impl Into<Expr<T>>) {
        self.push(value);
        self.sink().local_set(variable.index());
    }

    /// Emits `variable += value`.
    pub(crate) fn add<T: Type>(&mut self, variable: Var<T>, value: impl Into<Expr<T>>)
    where
        Expr<T>: Add<Expr<T>, Output = Expr<T>>,
    {
        let sum = variable.get() + value.into();
        self.set(variable, sum);
    }

    pub(crate) fn set_global<T: Type>(&mut self, index: u32, value: impl Into<Expr<T>>) {
        self.push(value);
        self.sink().global_set(index);
    }

    pub(crate) fn store<T: Type>(
        &mut self,
        address: impl Into<Expr<I32>>,
        offset: u64,
        value: impl Into<Expr<T>>,
    ) {
        self.push(address);
        self.push(value);
        T::store(&mut self.sink(), at(offset, T::BYTES));
    }

    pub(crate) fn store8(
        &mut self,
        address: impl Into<Expr<I32>>,
        offset: u64,
        value: impl Into<Expr<I32>>,
    ) {
        self.push(address);
        self.push(value);
        self.sink().i32_store8(at(offset, 1));
    }

    /// Calls a function without a result.
    pub(crate) fn call(&mut self, function: u32, arguments: Vec<Argument>) {
        for argument in arguments {
            (argument.0)(&mut self.sink());
        }
        self.sink().call(function);
    }

    pub(crate) fn if_(&mut self, condition: Expr<I32>, then: impl FnOnce(&mut Self)) {
        self.push(condition);
        self.sink().if_(BlockType::Empty);
        self.nested(then);
    }

    pub(crate) fn if_else(
        &mut self,
        condition: Expr<I32>,
        then: impl FnOnce(&mut Self),
        otherwise: impl FnOnce(&mut Self),
    ) {
        self.push(condition);
        self.sink().if_(BlockType::Empty);
        self.depth += 1;
        then(self);
        self.sink().else_();
        otherwise(self);
        self.sink().end();
        self.depth -= 1;
    }

    /// Emits a block that [`Self::leave`] and [`Self::leave_if`] leave.
    pub(crate) fn block(&mut self, body: impl FnOnce(&mut Self, BlockLabel)) {
        self.sink().block(BlockType::Empty);
        let label = BlockLabel {
            depth: self.depth + 1,
        };
        self.nested(|this| body(this, label));
    }

    pub(crate) fn leave_if(&mut self, label: BlockLabel, condition: Expr<I32>) {
        let out = self.depth - label.depth;
        self.push(condition);
        self.sink().br_if(out);
    }

    pub(crate) fn leave(&mut self, label: BlockLabel) {
        let out = self.depth - label.depth;
        self.sink().br(out);
    }

    pub(crate) fn while_(&mut self, condition: Expr<I32>, body: impl FnOnce(&mut Self)) {
        self.block(|this, out| {
            this.sink().loop_(BlockType::Empty);
            this.depth += 1;
            this.leave_if(out, condition.not());
            body(this);
            this.sink().br(0).end();
            this.depth -= 1;
        });
    }

    /// Emits a loop over each index of `from..to`. Each iteration reads both bounds again.
    pub(crate) fn each(
        &mut self,
        index: Var<I32>,
        from: impl Into<Expr<I32>>,
        to: impl Into<Expr<I32>>,
        body: impl FnOnce(&mut Self),
    ) {
        self.set(index, from);
        self.while_(index.lt(to), |this| {
            body(this);
            this.add(index, int(1));
        });
    }

    fn nested(&mut self, body: impl FnOnce(&mut Self)) {
        self.depth += 1;
        body(self);
        self.sink().end();
        self.depth -= 1;
    }

    /// Returns the function.
    pub(crate) fn finish(mut self) -> Function {
        self.sink().end();
        let mut function = Function::new_with_locals_types(self.locals);
        function.raw(self.bytes);
        function
    }
}
