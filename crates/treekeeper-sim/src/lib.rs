//! Test only: a seeded simulator of syncers, rivals, agents and faults over memkeeper's database.

pub mod protocol;
pub mod sabotage;
