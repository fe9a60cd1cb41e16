//! A rule in the WebAssembly text format that reads what only the host knows: a list, a calendar,
//! instants, event names.

use muster_testkit::rule::{ALLOCATOR, component, words};

/// Returns the rule. Its members are the users on the list `staff`. An answer holds until the
/// instant in `due` of the user's first event, or else until the calendar day in UTC ends. The rule
/// fails for an event that is not called `Trial`.
pub(super) fn rule() -> Vec<u8> {
    // cohorts, user-properties, property-histories, streams, calendars: pointer and length each;
    // user-hashes; lists.
    let description = words(&[1100, 1, 0, 0, 0, 0, 1200, 1, 1300, 1, 0, 1120, 1]);
    // Names, properties, no lookback.
    let stream = words(&[1140, 1, 1240, 2, 0, 0, 0, 0]);
    // The event's name as text; `due` as instant.
    let properties = words(&[0, 0, 0, 1405, 3, 3]);
    // A time zone, the unit day, no count.
    let calendar = words(&[1408, 3, 0, 0, 0]);
    let lists = [(1100, [1400, 5]), (1120, [1400, 5]), (1140, [1411, 1])];
    let lists: String = lists
        .iter()
        .map(|(at, text)| format!(r#"(data (i32.const {at}) "{}")"#, words(text)))
        .collect();
    let text = format!(
        r#"(module
          (memory (export "memory") 16)
          {ALLOCATOR}
          (data (i32.const 1000) "{description}")
          {lists}
          (data (i32.const 1200) "{stream}")
          (data (i32.const 1240) "{properties}")
          (data (i32.const 1300) "{calendar}")
          (data (i32.const 1400) "staffdueUTC*")
          (data (i32.const 1420) "Trial is not the name")
          (func (export "describe") (result i32) (i32.const 1000))
          (func (export "classify") (param $batch i32) (result i32)
            (local $user i32) (local $rows i32) (local $columns i32) (local $row i32) (local $out i32) (local $until i64)
            (local.set $rows (i32.load offset=60 (local.get $batch)))
            (local.set $columns (i32.load offset=16 (local.get $rows)))
            (local.set $out (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
            ;; An answer: the list's bitmap as it came, and an instant a user.
            (i32.store offset=904 (i32.const 0) (i32.load (i32.load offset=76 (local.get $batch))))
            (i32.store offset=908 (i32.const 0) (i32.load offset=4 (i32.load offset=76 (local.get $batch))))
            (i32.store offset=912 (i32.const 0) (local.get $out))
            (i32.store offset=916 (i32.const 0) (i32.load offset=8 (local.get $batch)))
            (block $done
              (loop $next
                (br_if $done (i32.eq (local.get $user) (i32.load offset=8 (local.get $batch))))
                (local.set $until (i64.load offset=8 (i32.load offset=68 (local.get $batch))))
                (local.set $row (i32.load
                  (i32.add (i32.load (local.get $rows)) (i32.shl (local.get $user) (i32.const 2)))))
                (if (i32.lt_u (local.get $row) (i32.load offset=4
                    (i32.add (i32.load (local.get $rows)) (i32.shl (local.get $user) (i32.const 2)))))
                  (then
                    ;; Column 0, the name: its one text is the dictionary's first, and begins with the bytes of `Tria`.
                    (if (i32.or
                        (i32.ne (i32.const 1) (i32.load
                          (i32.add (i32.load offset=4 (local.get $columns)) (i32.shl (local.get $row) (i32.const 2)))))
                        (i32.ne (i32.load (i32.const 1420)) (i32.load (i32.load offset=20 (local.get $batch)))))
                      (then
                        (i32.store offset=900 (i32.const 0) (i32.const 1))
                        (i32.store offset=904 (i32.const 0) (i32.const 1420))
                        (i32.store offset=908 (i32.const 0) (i32.const 21))
                        (return (i32.const 900))))
                    ;; Column 1, the instant.
                    (local.set $until (i64.trunc_f64_s (f64.load
                      (i32.add (i32.load offset=24 (local.get $columns)) (i32.shl (local.get $row) (i32.const 3))))))))
                (i64.store (i32.add (local.get $out) (i32.shl (local.get $user) (i32.const 3))) (local.get $until))
                (local.set $user (i32.add (local.get $user) (i32.const 1)))
                (br $next)))
            (i32.const 900)))"#
    );
    component(&text)
}
