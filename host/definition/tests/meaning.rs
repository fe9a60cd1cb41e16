//! Compares the interpreter with the sentences of docs/cohorts.md, clause by clause, and with the
//! clock.

mod clock;
mod measure;
mod others;
mod predicate;
mod relation;
mod shown;
mod table;
mod window;
mod write;
