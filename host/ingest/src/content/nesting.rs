//! Follows where JSON values begin and end, without reading them.

/// The place of a byte within a JSON value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Nesting {
    /// The number of objects and lists that are open.
    depth: u32,
    in_text: bool,
    escaped: bool,
}

impl Nesting {
    /// Goes past a byte.
    pub(crate) fn pass(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
        } else if self.in_text {
            match byte {
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Returns true between two values.
    pub(crate) fn is_outside(self) -> bool {
        self.depth == 0 && !self.in_text
    }

    /// Returns true within a text.
    pub(crate) fn is_in_text(self) -> bool {
        self.in_text
    }
}
