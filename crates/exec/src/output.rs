//! What is kept of a command's output: head and tail, the middle counted.

use std::collections::VecDeque;
use std::time::Duration;

use runbook_core::ports::Output;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::redact::Redactor;
use crate::spool::Spool;

/// Bytes read from a pipe at once: what a Linux pipe holds.
const CHUNK_BYTES: usize = 64 * 1024;
/// A pipe can be enlarged to 1 MiB.
const READS_AFTER_STOP: u32 = 16;
/// Ends the text of a stream that was left before its end.
const STILL_OPEN: &str = "\n[... not read to the end: an unknown process still holds this output ...]\n";

/// Keeps `limit` bytes of the head and `limit` of the tail, whatever passes through.
pub(crate) struct Bounded {
    limit: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped_bytes: u64,
}

impl Bounded {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, head: Vec::new(), tail: VecDeque::new(), dropped_bytes: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let (to_head, rest) = bytes.split_at(bytes.len().min(self.limit - self.head.len()));
        self.head.extend_from_slice(to_head);
        let (skipped, to_tail) = rest.split_at(rest.len().saturating_sub(self.limit));
        self.tail.extend(to_tail);
        let overflow = self.tail.len().saturating_sub(self.limit);
        self.tail.drain(..overflow);
        self.dropped_bytes += (skipped.len() + overflow) as u64;
    }

    /// Counts bytes that were never given.
    pub(crate) fn skip(&mut self, bytes: u64) {
        self.dropped_bytes += bytes;
    }

    /// What is kept so far beyond the first `from` bytes; `None` once bytes were dropped.
    pub(crate) fn beyond(&self, from: usize) -> Option<Vec<u8>> {
        let kept = self.head.iter().chain(&self.tail).skip(from).copied();
        (self.dropped_bytes == 0).then(|| kept.collect())
    }

    /// What follows the head, with a line for what was dropped, and where it begins.
    pub(crate) fn after_head(&self) -> (usize, Vec<u8>) {
        let mut rest = dropped_line(&self.head, self.dropped_bytes).into_bytes();
        rest.extend(&self.tail);
        (self.head.len(), rest)
    }

    /// The text, lossily decoded. NUL becomes U+FFFD too, because some stores cannot hold it.
    pub(crate) fn finish(self) -> Output {
        let Self { mut head, tail, mut dropped_bytes, .. } = self;
        let mut tail: Vec<u8> = tail.into();
        if dropped_bytes > 0 {
            // A character cut in two by us is counted as dropped rather than shown as damage.
            let cut = cut_character(&head);
            head.truncate(head.len() - cut);
            let rest = tail.iter().take(3).take_while(|byte| (0x80..0xC0).contains(*byte)).count();
            tail.drain(..rest);
            dropped_bytes += (cut + rest) as u64;
            head.extend(dropped_line(&head, dropped_bytes).into_bytes());
        }
        head.append(&mut tail);
        let text = String::from_utf8_lossy(&head).replace('\0', "\u{FFFD}");
        Output { text, dropped_bytes }
    }
}

/// Stands between head and tail.
fn dropped_line(head: &[u8], dropped_bytes: u64) -> String {
    let line_end = if head.last().is_none_or(|byte| *byte == b'\n') { "" } else { "\n" };
    format!("{line_end}[... {dropped_bytes} bytes dropped ...]\n")
}

/// How many bytes at the end of `bytes` begin a character that is not complete.
fn cut_character(bytes: &[u8]) -> usize {
    for back in 1..=3.min(bytes.len()) {
        let byte = bytes.get(bytes.len() - back).copied().unwrap_or_default();
        let needs = match byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            0x80..=0xBF => continue,
            _ => 1,
        };
        return if needs > back { back } else { 0 };
    }
    0
}

/// Reads a pipe to its end, or until `stop` changes or its sender is gone; the text says so then. What is kept can be
/// read in the spool meanwhile.
///
/// # Errors
///
/// What reading the pipe gave.
pub(crate) async fn collect(
    pipe: Option<impl AsyncRead + Unpin>,
    mut redactor: Redactor,
    limit: usize,
    mut spool: Spool,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<Output> {
    let mut kept = Bounded::new(limit);
    let mut chunk = vec![0; CHUNK_BYTES];
    // Once stopped, only what a pipe can already hold is still taken: whoever writes may never pause.
    let mut reads_left = None;
    if let Some(mut pipe) = pipe {
        while reads_left != Some(0) {
            let read = if let Some(left) = reads_left {
                reads_left = Some(left - 1);
                match timeout(Duration::ZERO, pipe.read(&mut chunk)).await {
                    Ok(read) => read?,
                    Err(_) => break,
                }
            } else {
                tokio::select! {
                    biased;
                    _ = stop.changed() => {
                        reads_left = Some(READS_AFTER_STOP);
                        continue;
                    }
                    read = pipe.read(&mut chunk) => read?,
                    () = spool.due() => {
                        spool.rewrite(&kept);
                        continue;
                    }
                }
            };
            if read == 0 {
                reads_left = None;
                break;
            }
            redactor.push(chunk.get(..read).unwrap_or_default(), &mut |bytes| kept.push(bytes));
            spool.follow(&kept);
        }
    }
    redactor.finish(&mut |bytes| kept.push(bytes));
    let mut output = kept.finish();
    if reads_left.is_some() {
        output.text.push_str(STILL_OPEN);
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keep(limit: usize, chunks: &[&[u8]]) -> Output {
        let mut kept = Bounded::new(limit);
        for chunk in chunks {
            kept.push(chunk);
        }
        kept.finish()
    }

    #[test]
    fn head_and_tail() {
        assert_eq!(keep(4, &[b"abcdefgh"]), Output { text: "abcdefgh".to_owned(), dropped_bytes: 0 });
        let output = keep(4, &[b"abcdefg", b"hijk"]);
        assert_eq!(
            output,
            Output { text: "abcd\n[... 3 bytes dropped ...]\nhijk".to_owned(), dropped_bytes: 3 }
        );
        assert_eq!(keep(0, &[b"abc"]).text, "[... 3 bytes dropped ...]\n");
    }

    #[test]
    fn a_character_cut_by_the_limit_is_dropped_whole() {
        let output = keep(4, &["abcäxxxxxxöbcd".as_bytes()]);
        assert_eq!(output.text, "abc\n[... 10 bytes dropped ...]\nbcd");
        assert_eq!(output.dropped_bytes, 10);
    }

    #[test]
    fn binary_is_decoded_lossily() {
        assert_eq!(keep(9, &[&[0xFF, 0x00, b'a']]).text, "\u{FFFD}\u{FFFD}a");
    }

    #[tokio::test]
    async fn a_stream_that_never_pauses_is_left_when_told() {
        let (stop, stopped) = watch::channel(false);
        let endless = tokio::io::repeat(b'y');
        let both = async {
            tokio::join!(
                collect(Some(endless), Redactor::new::<&str>(&[]), 8, Spool::none(), stopped),
                async {
                    stop.send_replace(true);
                }
            )
        };
        let (output, ()) = both.await;
        let output = output.unwrap();
        assert!(output.text.starts_with("yyyyyyyy") && output.text.ends_with(STILL_OPEN), "{output:?}");
        let (_stop, stopped) = watch::channel(false);
        let output =
            collect(Some(&b"abc"[..]), Redactor::new::<&str>(&[]), 8, Spool::none(), stopped).await.unwrap();
        assert_eq!(output.text, "abc");
    }

    proptest! {
        #[test]
        fn chunking_does_not_matter_and_memory_is_bounded(
            bytes in proptest::collection::vec(any::<u8>(), 0..400), limit in 0_usize..60, size in 1_usize..50,
        ) {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            let mut kept = Bounded::new(limit);
            for chunk in &chunks {
                kept.push(chunk);
                prop_assert!(kept.head.len() <= limit && kept.tail.len() <= limit);
            }
            prop_assert_eq!(kept.finish(), keep(limit, &[&bytes]));
        }
    }
}
