//! Whether shell text is put together in a way that bash accepts: what opens is closed by its own word, and no operator
//! stands where a command must.
//!
//! It looks at the tokens once, from left to right, and keeps what is open in a list. Where bash's grammar becomes subtle
//! it accepts: text that bash runs must never be refused here.

use super::shell::{Kind, Token, Word};

/// Where and why bash would refuse a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// First byte of the token at fault.
    pub(crate) at: usize,
    /// The token as people know it: `done`, `;`.
    pub(crate) what: String,
    /// What is wrong with it, in lowercase.
    pub(crate) why: &'static str,
}

impl Refused {
    /// The reason in words.
    pub(crate) fn reason(&self) -> String {
        format!("bash would refuse its text: `{}` {}", self.what, self.why)
    }
}

const NO_COMMAND: &str = "stands where a command must begin";
const CLOSES_NOTHING: &str = "closes nothing that is open there";
const EMPTY: &str = "stands before any command of its part";
const BEHIND: &str = "follows the end of a group, loop or condition without a `;`";
const BRACKET: &str = "is a bracket where none may stand; quote it";
const NO_TARGET: &str = "names no file";
const LOOP_HEAD: &str = "does not fit into the head of a loop";
const CASE_HEAD: &str = "does not fit into the head of a `case` or into one of its patterns";
const NO_BODY: &str = "is no body of a function; write `{ ...; }`";
const ARRAY: &str = "does not fit into an array";
const NEVER_CLOSED: &str = "is never closed";

/// What is open around a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Paren,
    Brace,
    /// Up to `then`.
    Condition,
    Then,
    Else,
    /// Up to `do`.
    Until,
    /// Up to `done`.
    Body,
    Case,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A command, or the end of the list.
    Command,
    /// A command: an operator stands before.
    Needed,
    /// A function's body.
    FunctionBody,
    /// More words of a simple command that has so many, redirections left out.
    Words(usize),
    /// A compound command is complete.
    Behind,
}

struct Reader<'a, 't> {
    tokens: &'t [Token<'a>],
    at: usize,
    open: Vec<Frame>,
    next: Next,
    /// The list at hand holds a command.
    seen: bool,
}

/// Why bash would refuse a complete text whose tokens these are; `None` when nothing is known to be wrong with it.
pub(crate) fn refused(tokens: &[Token<'_>]) -> Option<Refused> {
    let mut reader = Reader { tokens, at: 0, open: Vec::new(), next: Next::Command, seen: false };
    reader.read().err()
}

fn fault<T>(token: &Token<'_>, why: &'static str) -> Result<T, Refused> {
    let what = match &token.kind {
        Kind::Word(word) => word.text().chars().take(40).collect(),
        Kind::Op(op) => (*op).to_owned(),
        Kind::Redirect(op) => (*op).to_owned(),
        Kind::HereDoc => "<<".to_owned(),
        Kind::Newline => "the line's end".to_owned(),
        Kind::Comment => "#".to_owned(),
    };
    Err(Refused { at: token.start, what, why })
}

/// The word as one that the shell may know: quotes make it one like any other.
fn keyword<'w>(word: &'w Word<'_>) -> &'w str {
    if word.quoted { "" } else { word.text() }
}

impl<'a, 't> Reader<'a, 't> {
    fn read(&mut self) -> Result<(), Refused> {
        while let Some(token) = self.take() {
            match &token.kind {
                Kind::Comment | Kind::HereDoc => {}
                Kind::Newline => {
                    if matches!(self.next, Next::Words(_) | Next::Behind) {
                        self.next = Next::Command;
                    }
                }
                Kind::Redirect(_) => self.redirect(token)?,
                Kind::Op(op) => self.operator(op, token)?,
                Kind::Word(word) => {
                    if keyword(word) == "coproc" && !matches!(self.next, Next::Words(_)) {
                        // what may follow it is a grammar of its own
                        return Ok(());
                    }
                    self.word(keyword(word), token)?;
                }
            }
        }
        let unfinished = !self.open.is_empty() || matches!(self.next, Next::Needed | Next::FunctionBody);
        match self.tokens.iter().rev().find(|token| !matches!(token.kind, Kind::Newline | Kind::Comment)) {
            Some(last) if unfinished => fault(last, "is followed by nothing, and something is still open"),
            _ => Ok(()),
        }
    }

    fn take(&mut self) -> Option<&'t Token<'a>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    fn peek(&self) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at)
    }

    /// Goes over line ends, comments and the texts of here-documents.
    fn skip_lines(&mut self) {
        while self
            .peek()
            .is_some_and(|token| matches!(token.kind, Kind::Newline | Kind::Comment | Kind::HereDoc))
        {
            self.at += 1;
        }
    }

    fn push(&mut self, frame: Frame) {
        self.open.push(frame);
        self.begin_list();
    }

    fn begin_list(&mut self) {
        self.next = Next::Command;
        self.seen = false;
    }

    fn pop(&mut self) {
        self.open.pop();
        self.next = Next::Behind;
        self.seen = true;
    }

    fn begins_command(&self) -> bool {
        matches!(self.next, Next::Command | Next::Needed | Next::FunctionBody)
    }

    fn redirect(&mut self, token: &Token<'_>) -> Result<(), Refused> {
        match self.peek().map(|next| &next.kind) {
            Some(Kind::Word(_)) => self.at += 1,
            _ => return fault(token, NO_TARGET),
        }
        if self.begins_command() {
            self.next = Next::Words(0);
            self.seen = true;
        }
        Ok(())
    }

    fn operator(&mut self, op: &str, token: &Token<'_>) -> Result<(), Refused> {
        let complete = matches!(self.next, Next::Words(_) | Next::Behind);
        let ended = complete || self.next == Next::Command;
        match op {
            "(" => self.bracket(token),
            ")" if self.open.last() != Some(&Frame::Paren) || !ended => fault(token, CLOSES_NOTHING),
            ")" if !self.seen => fault(token, EMPTY),
            ")" => {
                self.pop();
                Ok(())
            }
            ";;" | ";&" | ";;&" if self.open.last() == Some(&Frame::Case) && ended => self.patterns(token),
            ";" | "&" if complete => {
                self.next = Next::Command;
                Ok(())
            }
            "&&" | "||" | "|" if complete => {
                self.next = Next::Needed;
                Ok(())
            }
            ";;" | ";&" | ";;&" => fault(token, CLOSES_NOTHING),
            _ => fault(token, NO_COMMAND),
        }
    }

    /// A group, a function's `()`, or an array.
    fn bracket(&mut self, token: &Token<'_>) -> Result<(), Refused> {
        if self.begins_command() {
            self.push(Frame::Paren);
            return Ok(());
        }
        let before = self.at.checked_sub(2).and_then(|before| self.tokens.get(before));
        let joined = before.filter(|before| before.end == token.start);
        if let Some(Kind::Word(word)) = joined.map(|before| &before.kind)
            && word.text().ends_with('=')
        {
            return self.array(token);
        }
        let closes = self.peek().is_some_and(|next| next.kind == Kind::Op(")"));
        let named = before.is_some_and(|before| matches!(before.kind, Kind::Word(_)));
        if self.next == Next::Words(1) && closes && named {
            self.at += 1;
            self.next = Next::FunctionBody;
            return Ok(());
        }
        fault(token, BRACKET)
    }

    fn array(&mut self, begin: &Token<'_>) -> Result<(), Refused> {
        while let Some(token) = self.take() {
            match &token.kind {
                Kind::Op(")") => return Ok(()),
                Kind::Op(_) => return fault(token, ARRAY),
                _ => {}
            }
        }
        fault(begin, NEVER_CLOSED)
    }

    fn word(&mut self, word: &str, token: &Token<'_>) -> Result<(), Refused> {
        let arithmetic = word.starts_with("((");
        if let Next::Words(count) = self.next {
            if arithmetic {
                return fault(token, BRACKET);
            }
            self.next = Next::Words(count + 1);
            return Ok(());
        }
        if self.closes(word, token)? {
            return Ok(());
        }
        if self.next == Next::Behind {
            return fault(token, BEHIND);
        }
        self.seen = true;
        match word {
            "if" => self.push(Frame::Condition),
            "while" | "until" => self.push(Frame::Until),
            "{" => self.push(Frame::Brace),
            "for" | "select" => return self.loop_head(token),
            "case" => return self.case_head(token),
            "[[" => return self.condition(token),
            _ if arithmetic => self.next = Next::Behind,
            _ if self.next == Next::FunctionBody => return fault(token, NO_BODY),
            "!" | "time" => {
                if let Some(Kind::Word(option)) = self.peek().map(|next| &next.kind)
                    && word == "time"
                    && matches!(option.text(), "-p" | "--")
                {
                    self.at += 1;
                }
                // both may stand alone
                let alone = self.peek().is_none_or(|next| matches!(next.kind, Kind::Newline | Kind::Op(";")));
                self.next = if alone { Next::Behind } else { Next::Command };
            }
            "function" => return self.function(token),
            _ => self.next = Next::Words(1),
        }
        Ok(())
    }

    /// Takes a word that closes a part of what is open; says whether it is one.
    fn closes(&mut self, word: &str, token: &Token<'_>) -> Result<bool, Refused> {
        let (from, to): (&[Frame], Option<Frame>) = match word {
            "then" => (&[Frame::Condition], Some(Frame::Then)),
            "elif" => (&[Frame::Then], Some(Frame::Condition)),
            "else" => (&[Frame::Then], Some(Frame::Else)),
            "fi" => (&[Frame::Then, Frame::Else], None),
            "do" => (&[Frame::Until], Some(Frame::Body)),
            "done" => (&[Frame::Body], None),
            "}" => (&[Frame::Brace], None),
            "esac" => (&[Frame::Case], None),
            _ => return Ok(false),
        };
        if !self.open.last().is_some_and(|top| from.contains(top)) {
            return fault(token, CLOSES_NOTHING);
        }
        if !matches!(self.next, Next::Command | Next::Behind) {
            return fault(token, NO_COMMAND);
        }
        if !self.seen && word != "esac" {
            return fault(token, EMPTY);
        }
        match (to, self.open.last_mut()) {
            (Some(to), Some(top)) => {
                *top = to;
                self.begin_list();
            }
            _ => self.pop(),
        }
        Ok(true)
    }

    /// From behind `for` to behind its `do`.
    fn loop_head(&mut self, begin: &Token<'_>) -> Result<(), Refused> {
        let Some(Token { kind: Kind::Word(name), .. }) = self.take() else { return fault(begin, LOOP_HEAD) };
        let arithmetic = keyword(name).starts_with("((");
        let before = self.at;
        self.skip_lines();
        let lists = !arithmetic
            && matches!(self.peek().map(|token| &token.kind), Some(Kind::Word(word)) if keyword(word) == "in");
        if lists {
            self.at += 1;
            loop {
                match self.take() {
                    Some(Token { kind: Kind::Word(word), .. }) if !keyword(word).starts_with("((") => {}
                    Some(Token { kind: Kind::Comment, .. }) => {}
                    Some(Token { kind: Kind::Op(";") | Kind::Newline, .. }) => break,
                    other => return fault(other.unwrap_or(begin), LOOP_HEAD),
                }
            }
        } else if self.at == before && self.peek().is_some_and(|token| token.kind == Kind::Op(";")) {
            self.at += 1;
        }
        self.skip_lines();
        match self.take() {
            Some(Token { kind: Kind::Word(word), .. }) if keyword(word) == "do" => self.push(Frame::Body),
            Some(Token { kind: Kind::Word(word), .. }) if keyword(word) == "{" => self.push(Frame::Brace),
            other => return fault(other.unwrap_or(begin), LOOP_HEAD),
        }
        Ok(())
    }

    /// From behind `case` to behind its first pattern.
    fn case_head(&mut self, begin: &Token<'_>) -> Result<(), Refused> {
        let Some(Token { kind: Kind::Word(_), .. }) = self.take() else { return fault(begin, CASE_HEAD) };
        self.skip_lines();
        match self.take() {
            Some(Token { kind: Kind::Word(word), .. }) if keyword(word) == "in" => {}
            other => return fault(other.unwrap_or(begin), CASE_HEAD),
        }
        self.open.push(Frame::Case);
        self.patterns(begin)
    }

    /// From the end of one part of a `case` to behind the next part's pattern, or behind `esac`.
    fn patterns(&mut self, begin: &Token<'_>) -> Result<(), Refused> {
        self.skip_lines();
        match self.peek().map(|token| &token.kind) {
            Some(Kind::Word(word)) if keyword(word) == "esac" => {
                self.at += 1;
                self.pop();
                return Ok(());
            }
            Some(Kind::Op("(")) => self.at += 1,
            _ => {}
        }
        loop {
            match self.take() {
                Some(Token { kind: Kind::Word(_), .. }) => {}
                other => return fault(other.unwrap_or(begin), CASE_HEAD),
            }
            match self.take() {
                Some(Token { kind: Kind::Op("|"), .. }) => {}
                Some(Token { kind: Kind::Op(")"), .. }) => break,
                other => return fault(other.unwrap_or(begin), CASE_HEAD),
            }
        }
        self.begin_list();
        Ok(())
    }

    /// From behind `[[` to behind its `]]`.
    fn condition(&mut self, begin: &Token<'_>) -> Result<(), Refused> {
        while let Some(token) = self.take() {
            if matches!(&token.kind, Kind::Word(word) if keyword(word) == "]]") {
                self.next = Next::Behind;
                return Ok(());
            }
        }
        fault(begin, NEVER_CLOSED)
    }

    /// From behind `function` to before its body.
    fn function(&mut self, begin: &Token<'_>) -> Result<(), Refused> {
        let Some(Token { kind: Kind::Word(_), .. }) = self.take() else { return fault(begin, NO_BODY) };
        if let [open, close, ..] = self.tokens.get(self.at..).unwrap_or_default()
            && open.kind == Kind::Op("(")
            && close.kind == Kind::Op(")")
        {
            self.at += 2;
        }
        self.next = Next::FunctionBody;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::shell::lex;
    use super::*;

    /// What is at fault, unless the text is not complete anyway.
    fn fault_of(text: &str) -> Option<String> {
        let lexed = lex(text);
        if lexed.complete() {
            refused(&lexed.tokens).map(|refused| refused.what)
        } else {
            Some("open".into())
        }
    }

    #[test]
    fn text_that_bash_refuses() {
        for (text, what) in [
            ("if true; echo\n", "open"),
            ("done\n", "done"),
            (")\n", ")"),
            ("echo a\nfi\n", "fi"),
            ("foo ((\n", "open"),
            ("foo ((1))\n", "((1))"),
            ("|| x\n", "||"),
            ("&& x\n", "&&"),
            ("echo hi |\n", "open"),
            ("echo 'a\n", "open"),
            ("; x\n", ";"),
            ("a ;; b\n", ";;"),
            ("a && || b\n", "||"),
            ("a & ; b\n", ";"),
            ("a | ; b\n", ";"),
            ("if a; then; b; fi\n", ";"),
            ("if a; then fi\n", "fi"),
            ("if a; then b; done\n", "done"),
            ("if a; then b; else c; elif d; then e; fi\n", "elif"),
            ("if a; then b; fi echo\n", "echo"),
            ("while a; b; done\n", "done"),
            ("while true do a; done\n", "done"),
            ("for i in 1 2 do a; done\n", "done"),
            ("for i in (1 2); do a; done\n", "("),
            ("for i in 1; a; done\n", "a"),
            ("case a in b c) d;; esac\n", "c"),
            ("case a b in c) d;; esac\n", "b"),
            ("{ a; ) \n", "open"),
            ("( a; }\n", "open"),
            ("()\n", ")"),
            ("}\n", "}"),
            ("echo a (b)\n", "("),
            ("echo a(b)\n", "("),
            ("echo a >\n", ">"),
            ("echo > | b\n", ">"),
            ("f() echo\n", "echo"),
            ("[[ a == b ]\n", "[["),
            ("a=(b | c)\n", "|"),
            ("then a\n", "then"),
        ] {
            assert_eq!(fault_of(text).as_deref(), Some(what), "{text}");
        }
    }

    #[test]
    fn text_that_bash_takes() {
        for text in [
            "",
            "# only\n",
            "a; b & c && d || e | f\n",
            "a &\nb &\nwait\n",
            "a &&\n\n # and\n b |\n c\n",
            "if a; then b; elif c; then d; else e; fi >f 2>&1 | g\n",
            "if [[ a && ( b || c ) ]] then b; fi\n",
            "if ((1)) then b; fi; if (a) then b; fi\n",
            "if a; then if b; then c; fi fi\n",
            "while read -r a; do b; done < <(c)\n",
            "until ! a; do sleep 1; done\n",
            "for i; do a; done; for i do a; done; for i\ndo a; done\n",
            "for i in; do a; done\n",
            "for i in a # why\ndo\n b\ndone\n",
            "for ((i=0; i<3; i++)); do a; done;\n",
            "for i\nin a b; do a; done\n",
            "select a in b c; do d; done\n",
            "case $a in\n (b|c) d ;;\n e) ;;\n *) f; ;;\nesac\n",
            "case a in b) c; esac; case a\nin b) c;& d) e;;& esac\n",
            "{ a; b; } && ( c; d ) &\n",
            "{ (a) }\n",
            "f() { a; }; g () ( b ); function h { c; }\nfunction i() { d; }\nf\n",
            "f()\n{\n a\n}\n",
            "f() if a; then b; fi\n",
            "a=(b c\n d # e\n) x=1\ndeclare -A m=([k]=v)\na+=(b)\n",
            ">a; <b c; 2>&1 d >&- {fd}>e\n",
            "cat <<E | b\n if done fi )\nE\n",
            "if a <<E; then b; fi\nx\nE\n",
            "time -p a | b; time; ! a\n",
            "echo if then fi done } { ]] esac\n",
            "\"if\" a; \\done; 'fi'\n",
            "find . -exec a {} \\; -o \\( -name b \\)\n",
            "((a=1)) && $((b)) `c` $(if)\n",
            "coproc X { a; }\n",
            "[[ $a =~ ^(b|c)$ && -n \"$d\" ]] || e\n",
            "X=1 Y=2\nX=1 a\n",
            "[ a ] && b; ]] ; in\n",
        ] {
            assert_eq!(fault_of(text), None, "{text}");
        }
    }
}
