//! Where a substitution ends: comments, patterns of `case` and here-documents in it may have brackets of their own.

/// What is open before the end.
#[derive(Clone, Copy)]
enum Open {
    /// Commands, in which so many `case` are open: the bracket behind a pattern closes nothing.
    Commands(usize),
    /// A calculation.
    Plain,
    Brace,
    Double,
    Backtick,
}

/// What ends a word of a command.
const ENDS_WORD: &[u8] = b" \t\r\n;&|()<>";
/// Words behind which a command begins.
const LEADING: &[&[u8]] = &[b"if", b"then", b"else", b"elif", b"while", b"until", b"do", b"!", b"{", b"time"];

/// Where the bracket that opened before `from` is closed. Another one right behind it begins a calculation.
pub(crate) fn closing(bytes: &[u8], from: usize) -> usize {
    let first = if bytes.get(from) == Some(&b'(') { Open::Plain } else { Open::Commands(0) };
    let (mut stack, mut at) = (vec![first], from);
    // a command may begin there, and here-documents that are announced on the line, each with its `-`
    let (mut begins, mut documents) = (true, Vec::new());
    while let (Some(&byte), Some(&top)) = (bytes.get(at), stack.last()) {
        let next = bytes.get(at + 1);
        let is_bare = !matches!(top, Open::Double | Open::Backtick);
        let starts_word = at == from || bytes.get(at - 1).is_some_and(|before| ENDS_WORD.contains(before));
        let was_beginning = begins;
        begins &= matches!(byte, b' ' | b'\t' | b'\r');
        match (top, byte) {
            (_, b'\\') => at += 1,
            (Open::Double, b'"') | (Open::Backtick, b'`') | (Open::Brace, b'}') => drop(stack.pop()),
            (Open::Backtick, _) => {}
            (_, b'`') => stack.push(Open::Backtick),
            (_, b'"') => stack.push(Open::Double),
            (_, b'$') if next == Some(&b'{') => {
                stack.push(Open::Brace);
                at += 1;
            }
            (_, b'$') if next == Some(&b'(') => {
                let is_plain = bytes.get(at + 2) == Some(&b'(');
                stack.push(if is_plain { Open::Plain } else { Open::Commands(0) });
                (begins, at) = (true, at + 1);
            }
            (_, b'$') if is_bare && next == Some(&b'\'') => at = quote_end(bytes, at + 2, true),
            (_, b'\'') if is_bare => at = quote_end(bytes, at + 1, false),
            (Open::Double | Open::Brace, _) => {}
            (Open::Plain, b'(') => stack.push(Open::Plain),
            (Open::Commands(_), b'(') => {
                let is_plain = was_beginning && next == Some(&b'(');
                stack.push(if is_plain { Open::Plain } else { Open::Commands(0) });
                begins = true;
            }
            (Open::Commands(1..), b')') => begins = true,
            (Open::Plain | Open::Commands(_), b')') => {
                stack.pop();
                begins = true;
                if stack.is_empty() {
                    return at;
                }
            }
            (Open::Plain, _) => {}
            (Open::Commands(_), b'\n') => {
                begins = true;
                at = behind_documents(bytes, at + 1, &mut documents) - 1;
            }
            (Open::Commands(_), b';' | b'&' | b'|') => begins = true,
            (Open::Commands(_), b'#') if starts_word => {
                begins = was_beginning;
                at = line_end(bytes, at) - 1;
            }
            (Open::Commands(_), b'<') if bytes.get(at..at + 3) == Some(b"<<<") => at += 2,
            (Open::Commands(_), b'<') if next == Some(&b'<') => {
                let strips = bytes.get(at + 2) == Some(&b'-');
                let delimiter;
                (delimiter, at) = delimiter_at(bytes, at + 2 + usize::from(strips));
                documents.push((delimiter, strips));
                at -= 1;
            }
            (Open::Commands(cases), _) if starts_word => {
                let rest = bytes.get(at..).unwrap_or_default();
                let length = rest.iter().position(|byte| ENDS_WORD.contains(byte)).unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or_default();
                begins = begins || was_beginning && LEADING.contains(&word) || word == b"in" && cases > 0;
                let cases = match word {
                    b"case" if was_beginning => cases + 1,
                    b"esac" if was_beginning => cases.saturating_sub(1),
                    _ => cases,
                };
                if let Some(top) = stack.last_mut() {
                    *top = Open::Commands(cases);
                }
                // marks in it are looked at one by one
                let plain = word.iter().take_while(|byte| !b"\\\"'`$".contains(byte)).count();
                at += plain.max(1) - 1;
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The end of the line.
fn line_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length)
}

/// Where a single quote ends.
fn quote_end(bytes: &[u8], from: usize, escapes: bool) -> usize {
    let mut at = from;
    while bytes.get(at).is_some_and(|byte| *byte != b'\'') {
        at += 1 + usize::from(escapes && bytes.get(at) == Some(&b'\\'));
    }
    at
}

/// What ends a here-document, without its quotes, and where that ends.
fn delimiter_at(bytes: &[u8], from: usize) -> (Vec<u8>, usize) {
    let (mut delimiter, mut quote, mut at) = (Vec::new(), None, from);
    while matches!(bytes.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    while let Some(&byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(mark), _) if mark == byte => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'\\') => {}
            (None, _) if ENDS_WORD.contains(&byte) => break,
            _ => delimiter.push(byte),
        }
        at += 1;
    }
    (delimiter, at)
}

/// Behind the here-documents that begin there.
fn behind_documents(bytes: &[u8], from: usize, documents: &mut Vec<(Vec<u8>, bool)>) -> usize {
    let mut at = from;
    for (delimiter, strips) in documents.drain(..) {
        while at < bytes.len() {
            let end = line_end(bytes, at);
            let line = bytes.get(at..end).unwrap_or_default();
            let tabs = line.iter().take_while(|byte| strips && **byte == b'\t').count();
            let behind = line.get(tabs..).and_then(|line| line.strip_prefix(delimiter.as_slice()));
            match behind {
                Some(b"" | b"\r") => {
                    at = end + 1;
                    break;
                }
                // bash takes `END)` for its end, too
                Some(behind) if behind.starts_with(b")") => {
                    at = end - behind.len();
                    break;
                }
                _ => at = end + 1,
            }
        }
    }
    at
}
