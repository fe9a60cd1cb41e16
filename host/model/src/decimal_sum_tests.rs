//! Tests of sums of decimals. The SDK of rules shares the file of the sums, and not these.

use crate::DecimalSum;

fn sum(numbers: &[f64]) -> f64 {
    numbers.iter().copied().collect::<DecimalSum>().sum()
}

#[test]
fn decimals_add_exactly() {
    assert_eq!(sum(&[0.1; 3]), 0.3);
    assert_eq!(sum(&[0.1; 10]), 1.0);
    assert_eq!(sum(&[0.7, 0.1, 0.1]), 0.9);
    assert_eq!(sum(&[19.99; 100]), 1999.0);
    assert_eq!(sum(&[0.1, 0.2, -0.3]), 0.0);
    assert_eq!(sum(&[1e9, 0.1, -1e9]), 0.1);
    assert_eq!(sum(&[4_000_000_000.01, 4_000_000_000.02]), 8_000_000_000.03);
    assert_eq!(sum(&[12_345_678_901.25; 4]), 49_382_715_605.0);
    assert_eq!(sum(&[]), 0.0);
    let average: DecimalSum = [0.1; 3].into_iter().collect();
    assert_eq!(average.over(3.0), 0.1);
}

#[test]
fn other_numbers_keep_their_digits() {
    assert_eq!(sum(&[1.0 / 3.0; 3]), 1.0);
    assert_eq!(sum(&[1e-10; 5]), 5e-10);
    assert_eq!(
        sum(&[9_007_199_254_740_991.0, 1.0]),
        9_007_199_254_740_992.0
    );
    assert_eq!(sum(&[1e300, 1.0]), 1e300);
    assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
    let small = sum(&[0.123_456_789_012; 7]);
    assert!((small - 0.864_197_523_084).abs() < 1e-15, "{small}");
}

proptest::proptest! {
    #[test]
    fn the_sum_is_that_of_the_decimals(
        numbers in proptest::collection::vec(-1_000_000_000_000_i64..1_000_000_000_000, 0..200),
        places in 0..7_u32,
    ) {
        let scale = 10_f64.powi(places as i32);
        // The text of a decimal reads as the nearest number.
        let decimal = |number: i64| number as f64 / scale;
        let total: i64 = numbers.iter().sum();
        let found = numbers.iter().map(|number| decimal(*number)).collect::<DecimalSum>();
        let wanted = decimal(total);
        let size: f64 = numbers.iter().map(|number| decimal(*number).abs()).sum();
        let close = (found.sum() - wanted).abs() <= size * f64::EPSILON;
        let short = numbers.iter().all(|number| number.unsigned_abs() < 1_000_000_000);
        proptest::prop_assert!(found.sum() == wanted || (!short && close));
    }
}
