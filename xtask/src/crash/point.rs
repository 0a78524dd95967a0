//! Points of the sweep: when, or where, the process dies.

use std::fmt;
use std::time::Duration;

/// Where `pe` can be made to die, each before or after something becomes durable or happens.
const FAIL_POINTS: [&str; 9] = [
    "driver::before_append",
    "driver::after_append",
    "driver::before_call",
    "driver::after_call",
    "store::before_begin",
    "store::before_commit",
    "store::after_commit",
    "store::before_claim",
    "store::after_claim",
];

/// More often than this no point is passed in one run.
const MOST_PASSES: u32 = 24;

/// How the processes of one trial die.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// The process that begins the run.
    pub(super) first: Death,
    /// The processes that go on with it; those after these live.
    pub(super) then: Vec<Death>,
}

/// How one process dies.
#[derive(Debug, Clone)]
pub(super) enum Death {
    /// Killed from outside after this time.
    After(Duration),
    /// At a fail point, when it is passed this often.
    At(&'static str, u32),
}

impl Point {
    /// The point of a sweep that has this number; the same every time.
    pub(super) fn of(seed: u64, number: u32, undisturbed: Duration) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003) ^ u64::from(number));
        // Every fail point has its turn, between kills from outside.
        let first = match number % 2 {
            0 => {
                let place = FAIL_POINTS[number as usize / 2 % FAIL_POINTS.len()];
                let passes = if place.ends_with("claim") { 0 } else { chance.u32(0..MOST_PASSES) };
                Death::At(place, passes)
            }
            _ => Death::random(&mut chance, undisturbed),
        };
        let more = [0, 0, 1, 1, 2][chance.usize(0..5)];
        let then = (0..more).map(|_| match chance.bool() {
            true => Death::random(&mut chance, undisturbed / 2),
            false => {
                let place = FAIL_POINTS[chance.usize(0..FAIL_POINTS.len())];
                Death::At(place, chance.u32(0..MOST_PASSES / 3))
            }
        });
        Self { first, then: then.collect() }
    }
}

impl Death {
    fn random(chance: &mut fastrand::Rng, within: Duration) -> Self {
        Self::After(within.mul_f64(chance.f64() * 1.05))
    }

    /// What sets the fail point off, as the `fail` crate reads it.
    pub(super) fn action(&self) -> Option<String> {
        match self {
            Self::After(_) => None,
            Self::At(place, 0) => Some(format!("{place}=return")),
            Self::At(place, passes) => Some(format!("{place}={passes}*off->return")),
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => write!(f, "after {time:?}"),
            Self::At(place, passes) => write!(f, "at {place}, pass {passes}"),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.then.iter().try_for_each(|death| write!(f, ", then {death}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_the_same_every_time_and_every_fail_point_has_its_turn() {
        let time = Duration::from_millis(100);
        let shown = |number| Point::of(3, number, time).to_string();
        assert_eq!(shown(5), shown(5));
        assert_ne!(shown(5), shown(7));
        for place in FAIL_POINTS {
            assert!(
                (0..50).any(|number| shown(number).starts_with(&format!("at {place}"))),
                "{place}"
            );
        }
    }
}
