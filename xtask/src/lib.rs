//! What a developer of Muster needs besides cargo, as `cargo xtask COMMAND`, and as a library for
//! benches and tests.
//!
//! It is no part of the product: nothing in `host/` depends on it, except benches and tests.
//!
//! ```
//! let directory = tempfile::tempdir()?;
//! let settings = xtask::data::DataSettings { users: 10, events: 100, days: 2, ..Default::default() };
//! let summary = xtask::data::generate(&settings, directory.path(), &mut |_events| {})?;
//! assert_eq!((summary.events, summary.files.len()), (100, 2));
//! # anyhow::Ok(())
//! ```

pub mod data;
