//! Texts from modules, made safe for logs and terminals.

/// Returns the beginning of a text: at most `limit` bytes, whole characters, and no control
/// characters (which could move a terminal's cursor or forge a log line). An ellipsis stands for
/// the rest.
pub(crate) fn short(text: &str, limit: usize) -> String {
    let kept = text.floor_char_boundary(limit);
    let (head, tail) = text.split_at(kept);
    let mut short: String = head
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if !tail.is_empty() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_whole_characters_and_clears_controls() {
        assert_eq!(short("all of it", 9), "all of it");
        assert_eq!(short("öä", 3), "ö…");
        assert_eq!(short("a\u{1b}[31m\nb", 99), "a [31m b");
    }
}
