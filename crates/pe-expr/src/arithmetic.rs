//! Numbers: 64-bit integers that never wrap and floats that are always finite.
//!
//! Integers are calculated in 128 bits, where no operation on two 64-bit
//! numbers overflows, and checked when they become values. Division and
//! remainder round towards minus infinity, as in Python.

use std::cmp::Ordering;

use serde_json::Value;

use crate::error::{Arithmetic, ErrorKind, Outcome};
use crate::operator::Binary;

/// A number of either kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// The number that a value is.
    pub(crate) fn of(value: &Value) -> Option<Number> {
        let Value::Number(number) = value else {
            return None;
        };
        if let Some(integer) = number.as_i64() {
            return Some(Number::Integer(integer.into()));
        }
        if let Some(integer) = number.as_u64() {
            return Some(Number::Integer(integer.into()));
        }
        number.as_f64().map(Number::Float)
    }

    /// The number as a value, if it has one.
    pub(crate) fn into_value(self) -> Outcome<Value> {
        match self {
            Number::Integer(integer) => i64::try_from(integer)
                .map(Value::from)
                .map_err(|_| ErrorKind::Arithmetic(Arithmetic::Overflow)),
            Number::Float(float) => serde_json::Number::from_f64(float)
                .map(Value::Number)
                .ok_or(ErrorKind::Arithmetic(Arithmetic::NotFinite)),
        }
    }

    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Number::Integer(integer) => integer as f64,
            Number::Float(float) => float,
        }
    }

    /// Exact order, also between integers and floats that no float could tell apart.
    pub(crate) fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Number::Integer(a), Number::Float(b)) => order_mixed(a, b),
            (Number::Float(a), Number::Integer(b)) => order_mixed(b, a).reverse(),
        }
    }

    pub(crate) fn negate(self) -> Number {
        match self {
            Number::Integer(integer) => Number::Integer(-integer),
            Number::Float(float) => Number::Float(-float),
        }
    }

    pub(crate) fn absolute(self) -> Number {
        match self {
            Number::Integer(integer) => Number::Integer(integer.abs()),
            Number::Float(float) => Number::Float(float.abs()),
        }
    }

    /// The sum; an integer stays exact until it becomes a value.
    pub(crate) fn plus(self, other: Number) -> Number {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => Number::Integer(a.saturating_add(b)),
            (a, b) => Number::Float(a.to_f64() + b.to_f64()),
        }
    }
}

/// The result of an operator on two numbers.
pub(crate) fn calculate(operator: Binary, left: Number, right: Number) -> Outcome<Number> {
    use Number::{Float, Integer};
    if operator == Binary::Divide {
        let divisor = nonzero(right.to_f64())?;
        return Ok(Float(left.to_f64() / divisor));
    }
    Ok(match (left, right) {
        (Integer(a), Integer(b)) => Integer(match operator {
            Binary::Add => a.saturating_add(b),
            Binary::Subtract => a.saturating_sub(b),
            Binary::Multiply => a.saturating_mul(b),
            Binary::FloorDivide => floor_divide(a, b)?.0,
            Binary::Modulo | Binary::Divide => floor_divide(a, b)?.1,
        }),
        (a, b) => {
            let (a, b) = (a.to_f64(), b.to_f64());
            Float(match operator {
                Binary::Add => a + b,
                Binary::Subtract => a - b,
                Binary::Multiply => a * b,
                Binary::FloorDivide => floor_divide_floats(a, b)?.0,
                Binary::Modulo | Binary::Divide => floor_divide_floats(a, b)?.1,
            })
        }
    })
}

/// The integer that a float is when its fraction is cut off.
pub(crate) fn truncate(float: f64) -> Outcome<Number> {
    // 2^63, the first float beyond the range; the range's lower end is a float itself.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if (-BEYOND..BEYOND).contains(&float) {
        Ok(Number::Integer(float as i128))
    } else {
        Err(ErrorKind::Arithmetic(Arithmetic::Overflow))
    }
}

fn floor_divide(a: i128, b: i128) -> Outcome<(i128, i128)> {
    if b == 0 {
        return Err(ErrorKind::Arithmetic(Arithmetic::DivisionByZero));
    }
    let (quotient, rest) = (a / b, a % b);
    Ok(if rest != 0 && (rest < 0) != (b < 0) { (quotient - 1, rest + b) } else { (quotient, rest) })
}

fn floor_divide_floats(a: f64, b: f64) -> Outcome<(f64, f64)> {
    let b = nonzero(b)?;
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest == 0.0 {
        rest = 0.0_f64.copysign(b);
    } else if (rest < 0.0) != (b < 0.0) {
        rest += b;
        quotient -= 1.0;
    }
    Ok((quotient.round(), rest))
}

fn nonzero(divisor: f64) -> Outcome<f64> {
    if divisor == 0.0 {
        return Err(ErrorKind::Arithmetic(Arithmetic::DivisionByZero));
    }
    Ok(divisor)
}

fn order_mixed(integer: i128, float: f64) -> Ordering {
    // Beyond 2^65 in either direction, where no integer value reaches.
    if float >= 3.7e19 {
        return Ordering::Less;
    }
    if float <= -3.7e19 {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    integer.cmp(&(whole as i128)).then_with(|| whole.partial_cmp(&float).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(operator: Binary, left: Number, right: Number, expected: Number) {
        assert_eq!(
            calculate(operator, left, right),
            Ok(expected),
            "{left:?} {} {right:?}",
            operator.text()
        );
    }

    #[test]
    fn division_rounds_down() {
        use Number::{Float, Integer};
        for (a, b, quotient, rest) in
            [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1), (6, -2, -3, 0)]
        {
            check(Binary::FloorDivide, Integer(a), Integer(b), Integer(quotient));
            check(Binary::Modulo, Integer(a), Integer(b), Integer(rest));
            check(Binary::FloorDivide, Float(a as f64), Integer(b), Float(quotient as f64));
            check(Binary::Modulo, Float(a as f64), Integer(b), Float(rest as f64));
        }
        check(Binary::FloorDivide, Float(7.5), Float(2.0), Float(3.0));
        check(Binary::Modulo, Float(-0.5), Float(2.0), Float(1.5));
    }

    #[test]
    fn order_is_exact() {
        let check = |a: Number, b: Number, expected: Ordering| {
            assert_eq!(a.order(b), expected, "{a:?} {b:?}");
            assert_eq!(b.order(a), expected.reverse(), "{b:?} {a:?}");
        };
        let big = 9_007_199_254_740_993;
        check(Number::Integer(big), Number::Float(9_007_199_254_740_992.0), Ordering::Greater);
        check(Number::Integer(1), Number::Float(1.0), Ordering::Equal);
        check(Number::Integer(1), Number::Float(1.5), Ordering::Less);
        check(Number::Integer(-1), Number::Float(-1.5), Ordering::Greater);
        check(Number::Integer(5), Number::Float(1e300), Ordering::Less);
        check(Number::Integer(5), Number::Float(-1e300), Ordering::Greater);
    }

    #[test]
    fn integers_do_not_wrap() {
        let most = Number::Integer(i64::MAX.into());
        let sum = calculate(Binary::Add, most, Number::Integer(1)).and_then(Number::into_value);
        assert_eq!(sum, Err(ErrorKind::Arithmetic(Arithmetic::Overflow)));
        let product = calculate(Binary::Multiply, most, most).and_then(Number::into_value);
        assert_eq!(product, Err(ErrorKind::Arithmetic(Arithmetic::Overflow)));
        assert!(truncate(-9_223_372_036_854_775_808.0).is_ok());
        assert!(truncate(9_223_372_036_854_775_808.0).is_err());
    }
}
