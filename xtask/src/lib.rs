//! Commands for the developers of Muster, run as `cargo xtask COMMAND`, and a library for benches
//! and tests.
//!
//! It is no part of the product: nothing in `host/` depends on it, except benches and tests.
//!
//! ```
//! use xtask::data::{DataSettings, generate};
//! let directory = tempfile::tempdir()?;
//! let settings = DataSettings { users: 10, events: 100, days: 2, ..Default::default() };
//! let summary = generate(&settings, directory.path(), &mut |_events| {})?;
//! assert_eq!((summary.events, summary.files.len()), (100, 2));
//! # anyhow::Ok(())
//! ```

pub mod data;
