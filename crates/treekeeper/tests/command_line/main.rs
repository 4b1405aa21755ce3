//! The command line on a server and a real git: what it refuses, what it leaves alone, what it says.
//!
//! One binary for all of it: each would start a server of its own.
//! Every text that a person reads is compared whole; read a changed one as an operator at 3 a.m. would.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod against;
mod auth;
mod bad_files;
mod blame;
mod canary;
mod config_show;
mod data;
mod demo;
mod dev_server;
mod doctor;
mod drift;
mod escapes;
mod escapes_git;
mod explain;
mod fetches;
mod fmt;
mod foreground;
mod formats;
mod help;
mod history;
mod lock;
mod man;
mod markdown;
mod minimal;
mod operator;
mod output;
mod protect;
mod quiet;
mod reader;
mod refusals;
mod rehearsals;
mod rollback;
mod round_trips;
mod sarif;
mod saved_plans;
mod scene;
mod secrets;
mod stops;
mod transport;
mod validate;
