//! The built-in tools against real files, processes and sockets.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap, as tests may")]

mod command;
mod containment;
mod files_list;
mod files_read;
mod files_search;
mod files_write;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod http_server;
mod pure;
mod specs;
mod support;
