//! HTML that is safe by its type: markup comes from literals in this program, everything else is escaped on its way in.

use std::fmt::Display;

/// A piece of HTML. There is no way to put text from outside into it unescaped.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Markup. `'static` keeps everything out that somebody typed or sent.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text from anywhere.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        escape(&text.to_string(), &mut self.0);
        self
    }

    /// ` name="value"`, inside a tag that `raw` has begun.
    pub(super) fn attr(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        escape(&value.to_string(), &mut self.0);
        self.0.push('"');
        self
    }

    /// Another piece.
    pub(super) fn add(&mut self, other: &Html) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// An element that holds text only.
    pub(super) fn element(
        &mut self,
        open: &'static str,
        text: impl Display,
        close: &'static str,
    ) -> &mut Self {
        self.raw(open).text(text).raw(close)
    }

    /// `<input type="hidden">`.
    pub(super) fn hidden(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        self.raw("<input type=\"hidden\" name=\"").raw(name).raw("\"").attr("value", value).raw(">")
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Both quotes too, so that it holds in attributes. Control characters have no place in HTML.
fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            '\n' | '\t' => into.push(c),
            '\r' => {}
            c if c.is_control() => into.push('\u{fffd}'),
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn what_comes_from_outside_is_text() {
        let mut html = Html::new();
        html.raw("<a").attr("href", "\" onclick='x'>").raw(">").text("<b>&amp;\u{0}\r\n").raw("</a>");
        assert_eq!(
            html.as_str(),
            "<a href=\"&quot; onclick=&#39;x&#39;&gt;\">&lt;b&gt;&amp;amp;\u{fffd}\n</a>"
        );
    }
}
