//! The vocabulary of plans and runs: ids, plan files, tools, events, run state and the ports between crates.
