//! Test only: a seeded simulator of syncers, rivals, agents and faults over memkeeper's database.
//!
//! [`run`] plays one seed: the same seed is always the same run. What happens is judged by [`checker`], which shares
//! no code with the planner, the gates or the parser.

pub mod actors;
pub mod checker;
pub mod commit;
mod counts;
pub mod driver;
pub mod generate;
pub mod print;
pub mod programme;
pub mod protocol;
pub mod random;
pub mod repository;
pub mod sabotage;
pub mod scenario;
pub mod world;

pub use counts::{Counts, Violation};
pub use scenario::{Options, run};
