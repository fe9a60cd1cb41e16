//! Ceilings of hand-written rules, which the operator may raise.

use std::time::Duration;

use crate::limits;

/// Ceilings of hand-written rules. The defaults suffice for rules that are linked, as in Rust and
/// C. A rule with an interpreter in it may need more, and only the operator can grant it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// The size of a rule, in bytes: up to [`limits::MOST_RULE_BYTES`].
    pub size: usize,
    /// The memory of an instance, in bytes: up to [`limits::MAX_LARGE_MEMORY_BYTES`].
    pub memory: usize,
    /// Components nested in a rule: up to [`limits::MOST_NESTED_COMPONENTS`].
    pub nested_components: usize,
    /// The time that a rule may take over one batch: up to [`limits::MOST_CLASSIFY_TIME`].
    pub time: Duration,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self {
            size: limits::MAX_RULE_BYTES,
            memory: limits::MAX_MEMORY_BYTES,
            nested_components: limits::MAX_NESTED_COMPONENTS,
            time: limits::CLASSIFY_TIME,
        }
    }
}

impl Ceilings {
    /// Returns the factor by which compiling may take more than by default: that of the size.
    pub(crate) fn compile_factor(&self) -> u32 {
        let factor = self.size.div_ceil(limits::MAX_RULE_BYTES);
        u32::try_from(factor).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiling_may_take_more_for_a_larger_size() {
        let factor = |size| {
            let ceilings = Ceilings {
                size,
                ..Ceilings::default()
            };
            ceilings.compile_factor()
        };
        assert_eq!(factor(0), 1);
        assert_eq!(factor(limits::MAX_RULE_BYTES), 1);
        assert_eq!(factor(limits::MAX_RULE_BYTES + 1), 2);
        assert_eq!(factor(limits::MOST_RULE_BYTES), 4);
    }
}
