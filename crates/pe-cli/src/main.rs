//! The `pe` command.

fn main() {}
