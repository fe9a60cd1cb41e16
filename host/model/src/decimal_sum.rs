//! Exact sums of decimals.

/// A sum of numbers that is exact for decimals of up to six digits behind the point: 0.1 three
/// times is 0.3, whatever the order.
///
/// Each number is split into its whole part, its millionths and a rest below half a millionth. The
/// first two are whole numbers, which an `f64` adds without error up to 2^53. The rest of a
/// decimal is only the error of its binary form, and is left out of the sum. The compiler emits the
/// same steps (`host/compiler/src/emit/measure/values.rs`), and rules have the same type.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DecimalSum {
    whole: f64,
    millionths: f64,
    /// The sum of the rests, in millionths.
    rest: f64,
    /// The sum of the magnitudes, which bounds the errors of the binary forms.
    size: f64,
}

impl DecimalSum {
    /// The parts of a unit that are added as whole numbers.
    pub const PARTS: f64 = 1e6;
    /// The largest error of the rests, in millionths, for each unit of the magnitudes: a binary
    /// form and a product are each off by at most 2^-53 of their value. Twice that is left as
    /// reserve for the sum of the rests.
    pub const ERROR: f64 = Self::PARTS / (1_u64 << 51) as f64;
    /// The magnitude below which all millionths of the sum are a whole number below 2^53.
    pub const EXACT: f64 = (1_u64 << 33) as f64;

    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        let whole = number.trunc();
        let parts = (number - whole) * Self::PARTS;
        let millionths = parts.round_ties_even();
        self.whole += whole;
        self.millionths += millionths;
        self.rest += parts - millionths;
        self.size += number.abs();
    }

    /// Returns the sum.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.over(1.0)
    }

    /// Returns the sum, divided by a count.
    #[must_use]
    pub fn over(&self, count: f64) -> f64 {
        let rest = if self.rest.abs() <= self.size * Self::ERROR {
            0.0
        } else {
            self.rest
        };
        if self.whole.abs() < Self::EXACT {
            // One division of two whole numbers gives the number that the decimal reads as.
            (self.whole * Self::PARTS + self.millionths + rest) / (Self::PARTS * count)
        } else {
            (self.whole + (self.millionths + rest) / Self::PARTS) / count
        }
    }
}

impl FromIterator<f64> for DecimalSum {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut sum = Self::default();
        numbers.into_iter().for_each(|number| sum.add(number));
        sum
    }
}
