//! What one expression may cost, and the meter that charges it.
//!
//! Invariant: no code of this crate allocates in proportion to a value, nor
//! walks one, without charging the [`Meter`] first. There is no clock here:
//! bounded steps are what bounds time.

use crate::error::{Bound, ErrorKind, Outcome};

/// Bounds on one expression or one rendered template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest source of one expression, in bytes.
    pub source_bytes: usize,
    /// Deepest nesting of brackets, calls and prefix operators.
    pub nesting: usize,
    /// Bytes that may be built in one evaluation, all intermediate values counted.
    pub bytes: usize,
    /// Steps of one evaluation: one for every operation, more for long loops inside functions.
    pub steps: u64,
}

impl Default for Limits {
    /// 4 KiB of source, 32 levels, 1 MiB built, 100,000 steps.
    fn default() -> Self {
        Limits { source_bytes: 4096, nesting: 32, bytes: 1 << 20, steps: 100_000 }
    }
}

/// Deepest nesting of a *value* that this crate builds, parses or returns inside another.
///
/// The same bound as `serde_json` has for text, so that whatever is built can be read back.
pub(crate) const VALUE_DEPTH: usize = 128;
/// Most expressions in one parameter tree.
pub(crate) const EXPRESSIONS: usize = 1000;
/// Longest JSON pointer of a template in a parameter tree: a thousand templates below one
/// key of a megabyte must not keep a gigabyte.
pub(crate) const POINTER_BYTES: usize = 4096;
/// Charge for a value or a map entry, on top of its text.
pub(crate) const NODE_BYTES: usize = 16;

/// Work units of a step: a scanned byte is one, a visited element sixteen.
const UNITS_PER_STEP: u64 = 256;
const UNITS_PER_ELEMENT: u64 = 16;

/// What is left of the limits during an evaluation.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    bytes: usize,
    units: u64,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Meter {
            bytes: limits.bytes,
            units: limits.steps.saturating_mul(UNITS_PER_STEP),
            limits: limits.clone(),
        }
    }

    /// Charges `count` bytes about to be built.
    pub(crate) fn bytes(&mut self, count: usize) -> Outcome<()> {
        match self.bytes.checked_sub(count) {
            Some(left) => self.bytes = left,
            None => {
                return Err(ErrorKind::TooLarge {
                    what: Bound::Bytes,
                    limit: self.limits.bytes as u64,
                });
            }
        }
        self.scan(count)
    }

    /// Charges `count` values or map entries about to be built, their text apart.
    pub(crate) fn nodes(&mut self, count: usize) -> Outcome<()> {
        self.bytes(count.saturating_mul(NODE_BYTES))
    }

    /// Charges one evaluated operation.
    pub(crate) fn step(&mut self) -> Outcome<()> {
        self.units(UNITS_PER_STEP)
    }

    /// Charges a walk over `count` elements.
    pub(crate) fn visit(&mut self, count: usize) -> Outcome<()> {
        self.units((count as u64).saturating_mul(UNITS_PER_ELEMENT))
    }

    /// Charges a walk over `count` bytes of text.
    pub(crate) fn scan(&mut self, count: usize) -> Outcome<()> {
        self.units(count as u64)
    }

    fn units(&mut self, units: u64) -> Outcome<()> {
        match self.units.checked_sub(units) {
            Some(left) => {
                self.units = left;
                Ok(())
            }
            None => Err(ErrorKind::TooLarge { what: Bound::Steps, limit: self.limits.steps }),
        }
    }
}
