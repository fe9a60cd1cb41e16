//! The choice of different events for steps.

use muster_model::Event;

use crate::Step;

/// Returns true if each step can take another event. `takes` says which events a step can take.
pub(super) fn all_differ(
    steps: &[Step],
    events: &[&Event],
    takes: impl Fn(&Event, &Step) -> bool,
) -> bool {
    let options = steps.iter().map(|step| {
        let events = events.iter().enumerate();
        let can = events.filter(|(_, event)| takes(event, step));
        can.map(|(event, _)| event).collect()
    });
    let options: Vec<Vec<usize>> = options.collect();
    let mut taken_by = vec![None; events.len()];
    (0..steps.len()).all(|step| {
        take(
            step,
            &options,
            &mut taken_by,
            &mut vec![false; events.len()],
        )
    })
}

/// Gives a step an event. If a step before has it, that step takes another one, if it can.
fn take(
    step: usize,
    options: &[Vec<usize>],
    taken_by: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    let Some(events) = options.get(step) else {
        return false;
    };
    for event in events {
        match tried.get_mut(*event) {
            Some(tried) if !*tried => *tried = true,
            _ => continue,
        }
        let owner = taken_by.get(*event).copied().flatten();
        if owner.is_none_or(|owner| take(owner, options, taken_by, tried)) {
            if let Some(taken_by) = taken_by.get_mut(*event) {
                *taken_by = Some(step);
            }
            return true;
        }
    }
    false
}
