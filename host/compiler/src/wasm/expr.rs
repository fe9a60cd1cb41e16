//! Expressions.

use std::marker::PhantomData;
use std::ops::{Add, Mul, Sub};
use std::rc::Rc;

use wasm_encoder::{BlockType, Ieee64, InstructionSink, MemArg, ValType};

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
    pub(super) emit: Emit,
    value: PhantomData<T>,
}

/// A local variable.
#[derive(Clone, Copy)]
pub(crate) struct Var<T> {
    index: u32,
    value: PhantomData<T>,
}

/// Makes an expression from instructions.
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

/// Makes an address or a size.
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

/// Emits `then` if the condition holds, else `otherwise`; both are computed.
pub(crate) fn select<T: Type>(condition: Expr<I32>, then: Expr<T>, otherwise: Expr<T>) -> Expr<T> {
    raw(move |sink| {
        (then.emit)(sink);
        (otherwise.emit)(sink);
        (condition.emit)(sink);
        sink.select();
    })
}

/// Emits `then` if the condition holds, else `otherwise`; only one is computed.
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

/// Emits a call. The arguments are expressions of the function's parameter types.
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
pub(crate) struct Argument(pub(super) Emit);

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
    /// Refers to a parameter of a function, or to a local that was declared.
    pub(crate) fn parameter(index: u32) -> Self {
        Self {
            index,
            value: PhantomData,
        }
    }

    /// Returns the local's number.
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    pub(crate) fn get(self) -> Expr<T> {
        self.into()
    }

    /// Emits a value, and sets the variable to it.
    pub(crate) fn tee(self, value: Expr<T>) -> Expr<T> {
        unary(value, move |sink| {
            sink.local_tee(self.index);
        })
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
    trailing_zeros() -> I32 = i32_ctz;
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
    /// Without its fraction.
    trunc() -> F64 = f64_trunc;
    /// The nearest whole number; of two, the even one.
    nearest() -> F64 = f64_nearest;
    /// With the sign of the other.
    signed_as(other) -> F64 = f64_copysign;
}

impl Expr<I32> {
    /// Emits a load of the value at this address plus an offset.
    pub(crate) fn load<T: Type>(self, offset: u64) -> Expr<T> {
        unary(self, move |sink| T::load(sink, at(offset, T::BYTES)))
    }

    /// Emits a load of a byte.
    pub(crate) fn load8(self, offset: u64) -> Expr<I32> {
        unary(self, move |sink| {
            sink.i32_load8_u(at(offset, 1));
        })
    }

    /// Emits the address of an element of so many bytes (a power of two) at an index.
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

/// Emits 1 if all conditions hold; a later one is computed only if those before it hold.
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

/// Emits 1 if at least one condition holds; a later one is computed only if those before it fail.
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

/// Makes a memory operand: an offset and the natural alignment of so many bytes.
pub(crate) fn at(offset: u64, bytes: u32) -> MemArg {
    MemArg {
        offset,
        align: bytes.trailing_zeros(),
        memory_index: 0,
    }
}
