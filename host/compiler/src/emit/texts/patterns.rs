//! Emits patterns: one automaton per pattern, in the module's data, and the function that runs it
//! over a text.

use wasm_encoder::Function;

use super::bytes_of;
use crate::automaton::{ACCEPT, Automaton};
use crate::layout::StaticData;
use crate::wasm::{FunctionBody, I32, Var, address, all, int};

/// A record: classes of bytes, transitions (u16, by state and class), states that accept at the
/// text's end, first state, number of classes.
mod record {
    pub(super) const CLASSES: u64 = 0;
    pub(super) const TRANSITIONS: u64 = 4;
    pub(super) const AT_END: u64 = 8;
    pub(super) const START: u64 = 12;
    pub(super) const CLASS_COUNT: u64 = 16;
}

/// Puts an automaton into the static data. Returns the address of its record.
pub(in crate::emit) fn put(data: &mut StaticData, automaton: &Automaton) -> u32 {
    let classes = data.put(1, &automaton.classes);
    let transitions: Vec<u8> = automaton
        .transitions
        .iter()
        .flat_map(|state| state.to_le_bytes())
        .collect();
    let transitions = data.put(2, &transitions);
    let at_end = data.put(1, &automaton.at_end);
    data.put_words(&[
        classes,
        transitions,
        at_end,
        u32::from(automaton.start),
        automaton.class_count,
    ])
}

/// Emits `fits(table, automaton, code) -> 0 | 1`. The table keeps the answers: 0: not evaluated
/// yet, 1: no, 2: yes.
pub(in crate::emit) fn fits() -> Function {
    let mut body = FunctionBody::new(3);
    let [table, automaton, code] = [0, 1, 2].map(Var::<I32>::parameter);
    let memo = body.var(table + code.get());
    let known = body.var(memo.get().load8(0));
    body.if_(known.not(), |body| {
        let (first, behind) = bytes_of(code);
        let (at, end) = (body.var(first), body.var(behind));
        let classes = body.var(automaton.load::<I32>(record::CLASSES));
        let transitions = body.var(automaton.load::<I32>(record::TRANSITIONS));
        let class_count = body.var(automaton.load::<I32>(record::CLASS_COUNT));
        let state = body.var(automaton.load::<I32>(record::START));
        // The two states that are never left have the lowest numbers.
        let open = state.gt(int(i32::from(ACCEPT)));
        body.while_(all([at.lt(end), open]), |body| {
            let class = (classes + at.get().load8(0)).load8(0);
            let cell = transitions.at(state * class_count.get() + class, 2);
            body.set(state, load16(cell));
            body.add(at, address(1));
        });
        let accepts = (automaton.load::<I32>(record::AT_END) + state.get()).load8(0);
        body.set(known, accepts + int(1));
        body.store8(memo, 0, known);
    });
    body.push(known - int(1));
    body.finish()
}

fn load16(cell: crate::wasm::Expr<I32>) -> crate::wasm::Expr<I32> {
    crate::wasm::raw(move |sink| {
        cell.emit(sink);
        sink.i32_load16_u(crate::wasm::at(0, 2));
    })
}
