//! Versions of apps, and their order.

use std::cmp::Ordering;
use std::fmt;

/// A version in the order of Semantic Versioning: numbers with points between them, an optional
/// pre-release behind `-`, and an optional build behind `+`, which has no rank. It may have any
/// number of numbers; missing ones are 0. A `v` in front is ignored.
///
/// ```
/// use muster_model::Version;
/// let version = |text| Version::new(text).unwrap();
/// assert!(version("1.10.0") > version("1.9"));
/// assert!(version("2.0.0-beta.2") < version("2"));
/// ```
#[derive(Clone, Debug)]
pub struct Version(Box<str>);

impl Version {
    /// Reads a version. Returns `None` if the text is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let version = Self(text.into());
        let core = version.numbers().all(is_number);
        let pre = version.identifiers();
        let pre = pre.is_none_or(|mut pre| pre.all(is_identifier));
        let build = text.split_once('+').map(|(_, build)| build.split('.'));
        let build = build.is_none_or(|mut build| build.all(is_identifier));
        (core && pre && build).then_some(version)
    }

    /// Returns the version as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the version without its build.
    fn ranked(&self) -> &str {
        self.0.split('+').next().unwrap_or_default()
    }

    fn numbers(&self) -> impl Iterator<Item = &str> {
        let core = self.ranked().split('-').next().unwrap_or_default();
        core.strip_prefix(['v', 'V']).unwrap_or(core).split('.')
    }

    fn identifiers(&self) -> Option<impl Iterator<Item = &str>> {
        self.ranked().split_once('-').map(|(_, pre)| pre.split('.'))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_identifier(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.bytes().all(allowed)
}

/// Compares digits as numbers of any size.
fn numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Compares identifiers of pre-releases: numbers come before words.
fn identifiers(a: &str, b: &str) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => numbers(a, b),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (self.numbers(), other.numbers());
        loop {
            let (left, right) = (a.next(), b.next());
            if left.is_none() && right.is_none() {
                break;
            }
            let order = numbers(left.unwrap_or_default(), right.unwrap_or_default());
            if order.is_ne() {
                return order;
            }
        }
        let (mut a, mut b) = match (self.identifiers(), other.identifiers()) {
            (None, None) => return Ordering::Equal,
            // A pre-release comes before the version itself.
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (Some(a), Some(b)) => (a, b),
        };
        loop {
            let order = match (a.next(), b.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some(a), Some(b)) => identifiers(a, b),
            };
            if order.is_ne() {
                return order;
            }
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_the_order_of_semantic_versioning() {
        let ascending = [
            "0",
            "0.9.10",
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-rc.1",
            "1",
            "1.2",
            "1.9.9",
            "1.10.0",
            "1.10.0.1",
            "2.0",
            "10.0.0",
            "99999999999999999999999999",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                let order = Version::new(a).unwrap().cmp(&Version::new(b).unwrap());
                assert_eq!(order, at.cmp(&other), "{a} {b}");
            }
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        for text in ["1.10", "1.10.0", "v1.10", "01.010.0.0", "1.10.0+build.7"] {
            assert_eq!(Version::new(text), Version::new("1.10.0"), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_versions() {
        for text in [
            "", "v", "1.", ".1", "1..2", "a", "1.x", "1.0 ", "1.0-", "1.0-a..b", "1.0+", "1.0_2",
            "-1", "1.0 (45)", "1,0",
        ] {
            assert_eq!(Version::new(text), None, "{text}");
        }
    }
}
