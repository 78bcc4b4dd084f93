//! Text for a terminal.

/// What fits on a line.
pub(super) const WIDTH: usize = 96;

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    pub(super) const fn new(on: bool) -> Self {
        Self { on }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(super) fn cyan(self, text: &str) -> String {
        self.with("36", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Lines of at most `width`, broken after a comma or a space where there is one.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    // Where the line may be broken, and how much of it that is.
    let mut gap = None;
    for letter in text.chars() {
        if length == width {
            let rest = line.split_off(gap.unwrap_or(line.len()));
            lines.push(line.trim_end().to_owned());
            line = rest;
            length = line.chars().count();
            gap = None;
        }
        // What is no letter for a terminal may be a command to it.
        line.push(if letter.is_control() { '�' } else { letter });
        length += 1;
        if matches!(letter, ',' | ' ') {
            gap = Some(line.len());
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// A text of exactly this width, cut where it is longer.
pub(super) fn fitted(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length > width {
        let kept: String = text.chars().take(width.saturating_sub(1)).collect();
        format!("{kept}…")
    } else {
        format!("{text}{}", " ".repeat(width - length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_after_commas_and_spaces_or_where_they_must() {
        assert_eq!(wrapped("", 4), [""]);
        assert_eq!(wrapped("abcd", 4), ["abcd"]);
        assert_eq!(wrapped("ab,cd,ef", 6), ["ab,cd,", "ef"]);
        assert_eq!(wrapped("ab,cdef", 4), ["ab,", "cdef"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("äöü äöü", 4), ["äöü", "äöü"]);
        assert_eq!(wrapped("a\x1b[2Jb", 9), ["a�[2Jb"]);
    }

    #[test]
    fn a_fitted_text_has_its_width() {
        assert_eq!(fitted("abc", 5), "abc  ");
        assert_eq!(fitted("abcdef", 5), "abcd…");
    }
}
