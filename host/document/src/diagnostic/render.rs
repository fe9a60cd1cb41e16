//! Diagnostics as text, in the form that compilers use.

use annotate_snippets::{
    AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use super::{Diagnostic, Diagnostics, Label, Severity, Span};

impl Diagnostics {
    /// Renders each diagnostic with its place, the text there and its help lines, with an empty
    /// line between two. `colour` adds ANSI colours.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let mut text = self
            .all
            .iter()
            .map(|diagnostic| diagnostic.render(colour))
            .collect::<Vec<_>>()
            .join("\n\n");
        if self.left_out > 0 {
            text.push_str(&format!("\n\nand {} more", self.left_out));
        }
        text
    }
}

impl Diagnostic {
    /// Renders the diagnostic with its place, the text there and its help lines. `colour` adds ANSI
    /// colours. The result does not end with a line feed.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(self.message.as_str()));
        let mut rest = self.labels.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            // Labels of one file share a snippet.
            let same = behind
                .iter()
                .take_while(|label| label.source.path() == first.source.path())
                .count();
            let (together, others) = rest.split_at(same + 1);
            group = match first.span {
                None => group.element(Origin::path(first.source.path())),
                Some(_) => group.element(snippet(together)),
            };
            rest = others;
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let text = renderer.render(&[group]);
        text.lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Makes a snippet of the lines around the marks of one file. The renderer receives only these
/// lines, because the file may be large and the diagnostics many.
fn snippet(labels: &[Label]) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let Some(source) = labels.first().map(|label| &label.source) else {
        return Snippet::source("");
    };
    let text = source.text();
    let spans = || labels.iter().filter_map(|label| label.span);
    let first = spans().map(|span| span.start).min().unwrap_or_default();
    let last = spans().map(|span| span.end).max().unwrap_or_default();
    let start = text
        .get(..first)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |at| at + 1);
    let end = text
        .get(last..)
        .and_then(|rest| rest.find('\n'))
        .map_or(text.len(), |at| last + at);
    let (line, _) = source.line_and_column(start);
    // The carriage returns of Windows line ends would be shown as characters; a blank in their
    // place keeps the columns right.
    let lines = text.get(start..end).unwrap_or_default().replace('\r', " ");
    let mut snippet = Snippet::source(lines).line_start(line).path(source.path());
    for (number, label) in labels.iter().enumerate() {
        let Some(span) = label.span else { continue };
        let Span {
            start: from,
            end: to,
        } = source.first_line(span);
        let kind = if number == 0 {
            AnnotationKind::Primary
        } else {
            AnnotationKind::Context
        };
        let text = (!label.text.is_empty()).then(|| normalize_untrusted_str(&label.text));
        snippet = snippet.annotation(kind.span(from - start..to - start).label(text));
    }
    snippet
}
