//! A small typed language for the bodies of functions: expressions are values, statements are calls, and the types of Rust
//! keep the types of Wasm apart.
//!
//! It is notation, no compiler: each expression and statement is a fixed run of instructions.

use std::marker::PhantomData;
use std::ops::{Add, Mul, Sub};
use std::rc::Rc;

use wasm_encoder::{BlockType, Function, Ieee64, InstructionSink, MemArg, ValType};

/// A type of values.
pub(crate) trait Type: Copy + 'static {
    const VALUE: ValType;
    /// The bytes of a value in memory.
    const BYTES: u32;
    fn load(sink: &mut InstructionSink<'_>, at: MemArg);
    fn store(sink: &mut InstructionSink<'_>, at: MemArg);
}

#[derive(Clone, Copy)]
pub(crate) struct I32;
#[derive(Clone, Copy)]
pub(crate) struct I64;
#[derive(Clone, Copy)]
pub(crate) struct F64;

macro_rules! types {
    ($($name:ident, $value:ident, $bytes:literal, $load:ident, $store:ident;)*) => {$(
        impl Type for $name {
            const VALUE: ValType = ValType::$value;
            const BYTES: u32 = $bytes;
            fn load(sink: &mut InstructionSink<'_>, at: MemArg) {
                sink.$load(at);
            }
            fn store(sink: &mut InstructionSink<'_>, at: MemArg) {
                sink.$store(at);
            }
        }
    )*};
}

types! {
    I32, I32, 4, i32_load, i32_store;
    I64, I64, 8, i64_load, i64_store;
    F64, F64, 8, f64_load, f64_store;
}

type Emit = Rc<dyn Fn(&mut InstructionSink<'_>)>;

/// An expression: instructions that leave one value.
#[derive(Clone)]
pub(crate) struct Expr<T> {
    emit: Emit,
    value: PhantomData<T>,
}

/// A local variable.
#[derive(Clone, Copy)]
pub(crate) struct Var<T> {
    index: u32,
    value: PhantomData<T>,
}

/// A block that can be left.
#[derive(Clone, Copy)]
pub(crate) struct Label {
    depth: u32,
}

/// A function's body under construction.
pub(crate) struct Body {
    bytes: Vec<u8>,
    parameters: u32,
    locals: Vec<ValType>,
    depth: u32,
}

/// An expression out of instructions.
pub(crate) fn raw<T>(emit: impl Fn(&mut InstructionSink<'_>) + 'static) -> Expr<T> {
    Expr {
        emit: Rc::new(emit),
        value: PhantomData,
    }
}

pub(crate) fn int(number: i32) -> Expr<I32> {
    raw(move |sink| {
        sink.i32_const(number);
    })
}

/// An address or a size.
pub(crate) fn address(number: u32) -> Expr<I32> {
    int(number.cast_signed())
}

pub(crate) fn long(number: i64) -> Expr<I64> {
    raw(move |sink| {
        sink.i64_const(number);
    })
}

pub(crate) fn float(number: f64) -> Expr<F64> {
    raw(move |sink| {
        sink.f64_const(Ieee64::from(number));
    })
}

pub(crate) fn global<T>(index: u32) -> Expr<T> {
    raw(move |sink| {
        sink.global_get(index);
    })
}

/// `then` if the condition holds, else `otherwise`; both are computed.
pub(crate) fn select<T: Type>(condition: Expr<I32>, then: Expr<T>, otherwise: Expr<T>) -> Expr<T> {
    raw(move |sink| {
        (then.emit)(sink);
        (otherwise.emit)(sink);
        (condition.emit)(sink);
        sink.select();
    })
}

/// `then` if the condition holds, else `otherwise`; only one is computed.
pub(crate) fn either<T: Type>(condition: Expr<I32>, then: Expr<T>, otherwise: Expr<T>) -> Expr<T> {
    raw(move |sink| {
        (condition.emit)(sink);
        sink.if_(BlockType::Result(T::VALUE));
        (then.emit)(sink);
        sink.else_();
        (otherwise.emit)(sink);
        sink.end();
    })
}

/// A function's result. The arguments are expressions of its parameters' types.
pub(crate) fn call<T: Type>(function: u32, arguments: Vec<Argument>) -> Expr<T> {
    raw(move |sink| {
        for argument in &arguments {
            (argument.0)(sink);
        }
        sink.call(function);
    })
}

/// An expression of any type.
#[derive(Clone)]
pub(crate) struct Argument(Emit);

impl<T> From<Expr<T>> for Argument {
    fn from(expression: Expr<T>) -> Self {
        Self(expression.emit)
    }
}

impl<T: 'static> From<Var<T>> for Argument {
    fn from(variable: Var<T>) -> Self {
        Self(Expr::from(variable).emit)
    }
}

impl<T: 'static> From<Var<T>> for Expr<T> {
    fn from(variable: Var<T>) -> Self {
        raw(move |sink| {
            sink.local_get(variable.index);
        })
    }
}

impl<T: 'static> Var<T> {
    /// A parameter of a function.
    pub(crate) fn parameter(index: u32) -> Self {
        Self {
            index,
            value: PhantomData,
        }
    }

    /// The local's number.
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    pub(crate) fn get(self) -> Expr<T> {
        self.into()
    }
}

fn unary<A, B>(a: Expr<A>, operator: impl Fn(&mut InstructionSink<'_>) + 'static) -> Expr<B> {
    let a = a.emit;
    raw(move |sink| {
        a(sink);
        operator(sink);
    })
}

fn binary<A, B>(
    a: Expr<A>,
    b: Expr<A>,
    operator: impl Fn(&mut InstructionSink<'_>) + 'static,
) -> Expr<B> {
    let (a, b) = (a.emit, b.emit);
    raw(move |sink| {
        a(sink);
        b(sink);
        operator(sink);
    })
}

macro_rules! operators {
    ($($type:ident: $($trait:ident $method:ident $instruction:ident),*;)*) => {$($(
        impl<R: Into<Expr<$type>>> $trait<R> for Expr<$type> {
            type Output = Self;
            fn $method(self, other: R) -> Self {
                binary(self, other.into(), |sink| { sink.$instruction(); })
            }
        }
        impl<R: Into<Expr<$type>>> $trait<R> for Var<$type> {
            type Output = Expr<$type>;
            fn $method(self, other: R) -> Expr<$type> {
                Expr::from(self).$method(other)
            }
        }
    )*)*};
}

operators! {
    I32: Add add i32_add, Sub sub i32_sub, Mul mul i32_mul;
    I64: Add add i64_add, Sub sub i64_sub, Mul mul i64_mul;
    F64: Add add f64_add, Sub sub f64_sub, Mul mul f64_mul;
}

macro_rules! methods {
    ($type:ident: $($(#[$doc:meta])* $method:ident($($other:ident)?) -> $result:ident = $instruction:ident;)*) => {
        impl Expr<$type> {$(
            $(#[$doc])*
            pub(crate) fn $method(self $(, $other: impl Into<Expr<$type>>)?) -> Expr<$result> {
                methods!(@ self, $instruction $(, $other)?)
            }
        )*}
        #[allow(dead_code, reason = "the notation is whole for variables too")]
        impl Var<$type> {$(
            $(#[$doc])*
            pub(crate) fn $method(self $(, $other: impl Into<Expr<$type>>)?) -> Expr<$result> {
                self.get().$method($($other)?)
            }
        )*}
    };
    (@ $self:ident, $instruction:ident, $other:ident) => {
        binary($self, $other.into(), |sink| { sink.$instruction(); })
    };
    (@ $self:ident, $instruction:ident) => {
        unary($self, |sink| { sink.$instruction(); })
    };
}

methods! { I32:
    and(other) -> I32 = i32_and;
    or(other) -> I32 = i32_or;
    shl(other) -> I32 = i32_shl;
    shr(other) -> I32 = i32_shr_u;
    eq(other) -> I32 = i32_eq;
    ne(other) -> I32 = i32_ne;
    /// Unsigned, as are all comparisons of addresses and sizes.
    lt(other) -> I32 = i32_lt_u;
    gt(other) -> I32 = i32_gt_u;
    ge(other) -> I32 = i32_ge_u;
    /// 1 if 0, else 0.
    not() -> I32 = i32_eqz;
    /// Unsigned.
    float() -> F64 = f64_convert_i32_u;
}

methods! { I64:
    and(other) -> I64 = i64_and;
    shr(other) -> I64 = i64_shr_u;
    xor(other) -> I64 = i64_xor;
    eq(other) -> I32 = i64_eq;
    ne(other) -> I32 = i64_ne;
    /// Signed, as are instants.
    lt(other) -> I32 = i64_lt_s;
    le(other) -> I32 = i64_le_s;
    gt(other) -> I32 = i64_gt_s;
    ge(other) -> I32 = i64_ge_s;
    /// Unsigned.
    lt_u(other) -> I32 = i64_lt_u;
    float() -> F64 = f64_convert_i64_s;
}

methods! { F64:
    eq(other) -> I32 = f64_eq;
    ne(other) -> I32 = f64_ne;
    lt(other) -> I32 = f64_lt;
    le(other) -> I32 = f64_le;
    gt(other) -> I32 = f64_gt;
    ge(other) -> I32 = f64_ge;
    min(other) -> F64 = f64_min;
    max(other) -> F64 = f64_max;
    over(other) -> F64 = f64_div;
    neg() -> F64 = f64_neg;
    abs() -> F64 = f64_abs;
    /// With the sign of the other.
    signed_as(other) -> F64 = f64_copysign;
}

impl Expr<I32> {
    /// What memory holds at this address and an offset.
    pub(crate) fn load<T: Type>(self, offset: u64) -> Expr<T> {
        unary(self, move |sink| T::load(sink, at(offset, T::BYTES)))
    }

    /// A byte of memory.
    pub(crate) fn load8(self, offset: u64) -> Expr<I32> {
        unary(self, move |sink| {
            sink.i32_load8_u(at(offset, 1));
        })
    }

    /// The address of the element of so many bytes (a power of two) at an index.
    pub(crate) fn at(self, index: impl Into<Expr<I32>>, bytes: u32) -> Expr<I32> {
        let shift = bytes.trailing_zeros().cast_signed();
        self + index.into().shl(int(shift))
    }

    pub(crate) fn emit(&self, sink: &mut InstructionSink<'_>) {
        (self.emit)(sink);
    }
}

impl Var<I32> {
    pub(crate) fn load<T: Type>(self, offset: u64) -> Expr<T> {
        self.get().load(offset)
    }

    pub(crate) fn at(self, index: impl Into<Expr<I32>>, bytes: u32) -> Expr<I32> {
        self.get().at(index, bytes)
    }
}

/// Whether all hold; a later one is computed only if those before it hold.
pub(crate) fn all(conditions: impl IntoIterator<Item = Expr<I32>>) -> Expr<I32> {
    let mut conditions: Vec<_> = conditions.into_iter().collect();
    let Some(last) = conditions.pop() else {
        return int(1);
    };
    conditions
        .into_iter()
        .rev()
        .fold(last, |rest, condition| either(condition, rest, int(0)))
}

/// Whether one holds at least; a later one is computed only if those before it fail.
pub(crate) fn any(conditions: impl IntoIterator<Item = Expr<I32>>) -> Expr<I32> {
    let mut conditions: Vec<_> = conditions.into_iter().collect();
    let Some(last) = conditions.pop() else {
        return int(0);
    };
    conditions
        .into_iter()
        .rev()
        .fold(last, |rest, condition| either(condition, int(1), rest))
}

impl Body {
    /// The body of a function with so many parameters.
    pub(crate) fn new(parameters: u32) -> Self {
        Self {
            bytes: Vec::new(),
            parameters,
            locals: Vec::new(),
            depth: 0,
        }
    }

    /// A new local, 0 at first.
    pub(crate) fn local<T: Type>(&mut self) -> Var<T> {
        let index = self.parameters + u32::try_from(self.locals.len()).unwrap_or(u32::MAX);
        self.locals.push(T::VALUE);
        Var {
            index,
            value: PhantomData,
        }
    }

    /// A new local with a value.
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
        self.sink().local_set(variable.index);
    }

    /// variable += value
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

    /// A block that [`Self::leave`] and [`Self::leave_if`] leave.
    pub(crate) fn block(&mut self, body: impl FnOnce(&mut Self, Label)) {
        self.sink().block(BlockType::Empty);
        let label = Label {
            depth: self.depth + 1,
        };
        self.nested(|this| body(this, label));
    }

    pub(crate) fn leave_if(&mut self, label: Label, condition: Expr<I32>) {
        let out = self.depth - label.depth;
        self.push(condition);
        self.sink().br_if(out);
    }

    pub(crate) fn leave(&mut self, label: Label) {
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

    /// For each index of `from..to`; both bounds are looked at anew each time.
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

    /// The function.
    pub(crate) fn finish(mut self) -> Function {
        self.sink().end();
        let mut function = Function::new_with_locals_types(self.locals);
        function.raw(self.bytes);
        function
    }
}

/// A memory operand: an offset and the natural alignment of so many bytes.
pub(crate) fn at(offset: u64, bytes: u32) -> MemArg {
    MemArg {
        offset,
        align: bytes.trailing_zeros(),
        memory_index: 0,
    }
}
