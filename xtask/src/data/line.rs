//! Writes a line as JSON straight into bytes, because a serializer would take longer than
//! everything else.

use std::io::Write;

use super::DAY;

/// An open JSON object.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Writes an object with the keys that `fill` adds.
    pub(super) fn write(out: &'a mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        let mut object = Object { out, empty: true };
        fill(&mut object);
        object.out.push(b'}');
    }

    pub(super) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        text(self.out, key);
        self.out.push(b':');
        self.out
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        text(self.key(key), value);
    }

    pub(super) fn whole(&mut self, key: &str, value: i64) {
        whole(self.key(key), value);
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) {
        let value: &[u8] = if value { b"true" } else { b"false" };
        self.key(key).extend_from_slice(value);
    }

    pub(super) fn null(&mut self, key: &str) {
        self.key(key).extend_from_slice(b"null");
    }

    /// Writes an amount of money as a number: `12`, `12.5`, `12.05`.
    pub(super) fn money(&mut self, key: &str, cents: u32) {
        let out = self.key(key);
        whole(out, i64::from(cents / 100));
        let rest = (cents % 100) as u8;
        if rest != 0 {
            out.extend_from_slice(&[b'.', b'0' + rest / 10]);
            if !rest.is_multiple_of(10) {
                out.push(b'0' + rest % 10);
            }
        }
    }

    /// Writes an amount of money as some senders do: `"12.50"`.
    pub(super) fn money_text(&mut self, key: &str, cents: u32) {
        let out = self.key(key);
        out.push(b'"');
        whole(out, i64::from(cents / 100));
        out.push(b'.');
        digits(out, u64::from(cents % 100), 2);
        out.push(b'"');
    }

    pub(super) fn texts<'t>(&mut self, key: &str, values: impl IntoIterator<Item = &'t str>) {
        let out = self.key(key);
        out.push(b'[');
        for (nth, value) in values.into_iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            text(out, value);
        }
        out.push(b']');
    }

    pub(super) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        Object::write(self.key(key), fill);
    }

    /// Writes an instant in the vendor's form: `2026-02-28 09:59:55.977000`.
    pub(super) fn instant(&mut self, key: &str, ms: i64) {
        let out = self.key(key);
        out.push(b'"');
        push_date(out, ms);
        let ms = ms.rem_euclid(DAY) as u64;
        out.push(b' ');
        digits(out, ms / 3_600_000, 2);
        out.push(b':');
        digits(out, ms / 60_000 % 60, 2);
        out.push(b':');
        digits(out, ms / 1000 % 60, 2);
        out.push(b'.');
        digits(out, ms % 1000, 3);
        out.extend_from_slice(b"000\"");
    }

    /// Writes text with a number in it, such as an id.
    pub(super) fn format(&mut self, key: &str, value: std::fmt::Arguments<'_>) {
        let out = self.key(key);
        out.push(b'"');
        // Writing to a `Vec` cannot fail.
        let _ = out.write_fmt(value);
        out.push(b'"');
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn whole(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let value = value.unsigned_abs();
    digits(out, value, value.checked_ilog10().unwrap_or(0) + 1);
}

/// Appends the last `width` decimal digits.
fn digits(out: &mut Vec<u8>, value: u64, width: u32) {
    let mut power = 10_u64.pow(width.saturating_sub(1));
    while power > 0 {
        out.push(b'0' + (value / power % 10) as u8);
        power /= 10;
    }
}

/// Returns the UTC date of an instant: `2026-02-28`.
pub(super) fn date(ms: i64) -> String {
    let mut out = Vec::new();
    push_date(&mut out, ms);
    String::from_utf8_lossy(&out).into_owned()
}

fn push_date(out: &mut Vec<u8>, ms: i64) {
    // Hinnant's `civil_from_days`, for instants from 1970 on.
    let days = ms.div_euclid(DAY) + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    digits(out, year as u64, 4);
    out.push(b'-');
    digits(out, month as u64, 2);
    out.push(b'-');
    digits(out, day as u64, 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fill: impl FnOnce(&mut Object<'_>)) -> String {
        let mut out = Vec::new();
        Object::write(&mut out, fill);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn objects_are_json() {
        let json = written(|object| {
            object.text("query", "a \"b\" \\ c");
            object.whole("n", -120);
            object.whole("zero", 0);
            object.money("a", 1200);
            object.money("b", 1250);
            object.money("c", 1205);
            object.money_text("d", 1205);
            object.texts("list", ["x", "y"]);
            object.object("inner", |inner| inner.null("nothing"));
            object.flag("yes", true);
            object.format("id", format_args!("{:04x}", 255));
        });
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let wanted = serde_json::json!({
            "query": "a \"b\" \\ c", "n": -120, "zero": 0, "a": 12, "b": 12.5, "c": 12.05, "d": "12.05",
            "list": ["x", "y"], "inner": {"nothing": null}, "yes": true, "id": "00ff",
        });
        assert_eq!(value, wanted);
    }

    #[test]
    fn instants_read_back() {
        for ms in [0, 1_606_211_995_977, 1_709_164_800_000, 1_772_323_199_999] {
            let json = written(|object| object.instant("t", ms));
            let text = json.split('"').nth(3).unwrap();
            assert_eq!(text.parse(), Ok(muster_model::Millis(ms)), "{text}");
        }
        assert_eq!(date(1_772_323_199_999), "2026-02-28");
    }
}
