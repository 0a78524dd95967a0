//! The store over real files: what it promises, and what it does when something breaks.

#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]

mod admin;
mod archive;
mod attempts;
mod child;
mod closing;
#[cfg(feature = "failpoints")]
mod crash_points;
mod crowd;
mod faults;
mod journal;
mod mailbox;
mod ownership;
mod queries;
mod scene;
mod sessions;
mod versions;
