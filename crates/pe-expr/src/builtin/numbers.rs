//! Functions on numbers.

use super::Arguments;
use crate::arithmetic::{Number, truncate};
use crate::error::Outcome;
use crate::limits::Meter;
use crate::slot::{Slot, type_name};

pub(super) fn sum<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let list = arguments.list(0)?;
    meter.visit(list.len())?;
    let mut sum = Number::Integer(0);
    for (index, element) in list.iter().enumerate() {
        let Some(number) = Number::of(element) else {
            return Err(arguments.wrong_element(0, index, "a number", type_name(element)));
        };
        sum = sum.plus(number);
    }
    sum.into_value().map(Slot::Own)
}

/// Half to even, as Python does; with digits, of the exact decimal value of the float.
pub(super) fn round<'a>(arguments: &mut Arguments<'a>) -> Outcome<Slot<'a>> {
    const MOST_DIGITS: i64 = 15;
    let number = arguments.number(0)?;
    let digits = if arguments.given(1) { Some(arguments.integer(1)?) } else { None };
    if digits.is_some_and(|digits| !(0..=MOST_DIGITS).contains(&digits)) {
        return Err(
            arguments.unusable(1, format!("the number of digits is from 0 to {MOST_DIGITS}"))
        );
    }
    let rounded = match (number, digits) {
        (Number::Integer(_), _) => number,
        (Number::Float(float), None) => truncate(float.round_ties_even())?,
        (Number::Float(float), Some(digits)) => {
            // The text of a float is exact at any precision, and at most some 330 bytes long.
            let text = format!("{float:.*}", digits as usize);
            Number::Float(text.parse().unwrap_or(float))
        }
    };
    rounded.into_value().map(Slot::Own)
}
