//! Scripted tools, plan generators and naive models for tests.
