//! The total, bounded expression and template language of plan files.
