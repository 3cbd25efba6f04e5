//! A mail server that keeps what it takes: real SMTP over TCP, as strict as a real one about order, login and addresses.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::config::MailConfig;
use crate::server::App;
use crate::shared::{Reply, lock};

/// Longest line of the protocol, in bytes.
const LINE_MAX: usize = 1_000;
/// Largest mail, in bytes.
const MAIL_MAX: usize = 1024 * 1024;

/// What the server has taken, and how unkind it is.
#[derive(Debug)]
pub(crate) struct Mailbox {
    config: MailConfig,
    address: String,
    mails: Vec<Taken>,
    /// The next so many mails are answered with this code instead of being taken.
    refuse: Option<(u16, u32)>,
    /// The next so many mails are taken, and the answer gets lost.
    lose_answers: u32,
    /// Every code that was answered to a command that was refused.
    refused: Vec<u16>,
}

/// One mail.
#[derive(Debug, Clone, Serialize)]
struct Taken {
    from: String,
    to: Vec<String>,
    message_id: String,
    subject: String,
    /// As it came, without the dots that the protocol adds.
    data: String,
    /// The body as a person reads it.
    text: String,
}

/// `POST /control/mail`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailRequest {
    /// Answer the next mails with this code.
    #[serde(default)]
    refuse: Option<u16>,
    /// How many.
    #[serde(default = "one")]
    count: u32,
    /// Take the next so many, and lose the answer.
    #[serde(default)]
    lose_answers: Option<u32>,
}

fn one() -> u32 {
    1
}

impl Mailbox {
    pub(crate) fn new(config: MailConfig, address: String) -> Mailbox {
        Mailbox { config, address, mails: Vec::new(), refuse: None, lose_answers: 0, refused: Vec::new() }
    }

    pub(crate) fn state(&self) -> Value {
        json!({ "address": self.address, "mails": self.mails, "refused": self.refused })
    }

    /// Sets what goes wrong next.
    pub(crate) fn set(&mut self, wanted: &MailRequest) -> Reply {
        if let Some(code) = wanted.refuse {
            self.refuse = Some((code, wanted.count));
        }
        if let Some(count) = wanted.lose_answers {
            self.lose_answers = count;
        }
        Reply::json(200, &json!({ "ok": true }))
    }

    /// Takes a mail: the answer, and whether it gets lost.
    fn take(&mut self, mail: Taken) -> (u16, &'static str, bool) {
        if let Some((code, left)) = self.refuse.filter(|(_, left)| *left > 0) {
            self.refuse = Some((code, left - 1));
            self.refused.push(code);
            return (code, "not now", false);
        }
        self.mails.push(mail);
        let is_lost = self.lose_answers > 0;
        self.lose_answers = self.lose_answers.saturating_sub(1);
        (250, "kept", is_lost)
    }
}

/// Serves until the sandbox ends.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener) {
    let mut stopped = app.stopped.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let app = Arc::clone(&app);
                    tokio::spawn(async move {
                        let mut stopped = app.stopped.clone();
                        tokio::select! {
                            // A peer that goes away is no fault.
                            _gone = talk(&app, stream) => {}
                            _stop = stopped.wait_for(|stop| *stop) => {}
                        }
                    });
                }
            }
            _stop = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

/// What one connection has said so far.
#[derive(Default)]
struct Session {
    greeted: bool,
    logged_in: bool,
    from: Option<String>,
    to: Vec<String>,
}

async fn talk(app: &App, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.sandbox.test ESMTP\r\n").await?;
    let mut session = Session::default();
    while let Some(line) = line(&mut stream).await? {
        let (verb, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
        match verb.to_ascii_uppercase().as_str() {
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            "DATA" if session.from.is_some() && !session.to.is_empty() => {
                stream.write_all(b"354 go on\r\n").await?;
                let Some(data) = data(&mut stream).await? else { return Ok(()) };
                let mail = taken(&session, data);
                (session.from, session.to) = (None, Vec::new());
                let (code, text, is_lost) = lock(&app.mail).take(mail);
                if is_lost {
                    return Ok(());
                }
                stream.write_all(format!("{code} {text}\r\n").as_bytes()).await?;
            }
            verb => {
                let answer = session.answer(&lock(&app.mail).config, verb, rest);
                let code = answer.get(..3).and_then(|code| code.parse::<u16>().ok()).unwrap_or_default();
                if code >= 400 {
                    lock(&app.mail).refused.push(code);
                }
                stream.write_all(answer.as_bytes()).await?;
            }
        }
    }
    Ok(())
}

impl Session {
    fn answer(&mut self, config: &MailConfig, verb: &str, rest: &str) -> String {
        let text = match verb {
            "EHLO" if !rest.is_empty() => {
                self.greeted = true;
                return "250-mail.sandbox.test\r\n250-8BITMIME\r\n250-AUTH PLAIN\r\n250 SIZE 1048576\r\n"
                    .to_owned();
            }
            "HELO" if !rest.is_empty() => {
                self.greeted = true;
                "250 mail.sandbox.test"
            }
            "NOOP" => "250 ok",
            "RSET" => {
                (self.from, self.to) = (None, Vec::new());
                "250 ok"
            }
            _ if !self.greeted => "503 say EHLO first",
            "AUTH" => {
                let wanted = base64(format!("\0{}\0{}", config.user, config.password).as_bytes());
                self.logged_in = rest == format!("PLAIN {wanted}");
                if self.logged_in { "235 welcome" } else { "535 5.7.8 user or password is wrong" }
            }
            "MAIL" if !self.logged_in => "530 5.7.0 log in first",
            "MAIL" => match path(rest, "FROM:") {
                Some(from) if self.from.is_none() => {
                    self.from = Some(from);
                    "250 ok"
                }
                Some(_) => "503 one mail after the other",
                None => "501 5.1.7 that is no address",
            },
            "RCPT" if self.from.is_none() => "503 say MAIL first",
            "RCPT" => match path(rest, "TO:") {
                Some(to) if to.starts_with("nobody@") => "550 5.1.1 no such user",
                Some(to) => {
                    self.to.push(to);
                    "250 ok"
                }
                None => "501 5.1.3 that is no address",
            },
            "DATA" => "503 say MAIL and RCPT first",
            _ => "500 5.5.2 not understood",
        };
        format!("{text}\r\n")
    }
}

/// `FROM:<a@b> BODY=8BITMIME`
fn path(rest: &str, word: &str) -> Option<String> {
    let begin = rest.get(..word.len()).filter(|begin| begin.eq_ignore_ascii_case(word))?;
    let inside = rest.get(begin.len()..)?.trim_start().strip_prefix('<')?;
    let (address, _) = inside.split_once('>')?;
    let is_address = address.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    is_address.then(|| address.to_owned())
}

async fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if stream.read_until(b'\n', &mut bytes).await? == 0 || bytes.len() > LINE_MAX {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned()))
}

/// The mail up to the line with a dot alone.
async fn data(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut data = String::new();
    loop {
        let Some(line) = line(stream).await? else { return Ok(None) };
        if line == "." {
            return Ok(Some(data));
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        data.push('\n');
        if data.len() > MAIL_MAX {
            return Ok(None);
        }
    }
}

fn taken(session: &Session, data: String) -> Taken {
    let (head, body) = data.split_once("\n\n").unwrap_or((&data, ""));
    let head = head.replace("\n ", " ").replace("\n\t", " ");
    let header = |name: &str| {
        let found = head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        found.unwrap_or_default()
    };
    let text = match header("Content-Transfer-Encoding").as_str() {
        "quoted-printable" => quoted_printable(body),
        _ => body.to_owned(),
    };
    Taken {
        from: session.from.clone().unwrap_or_default(),
        to: session.to.clone(),
        message_id: header("Message-ID"),
        subject: header("Subject"),
        text,
        data,
    }
}

fn quoted_printable(body: &str) -> String {
    let joined = body.replace("=\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'=') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (number >> (18 - 6 * place)) & 63;
            let sign = SIGNS.get(usize::try_from(index).unwrap_or_default()).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(sign) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::testkit::World;

    #[test]
    fn encodings() {
        for (bytes, text) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"\0a\0b", "AGEAYg==")]
        {
            assert_eq!(base64(bytes), text);
        }
        assert_eq!(quoted_printable("caf=C3=A9 a=\nb =3D"), "caf\u{e9} ab =");
    }

    async fn says(stream: &mut TcpStream, line: &str) -> String {
        stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        let mut bytes = [0; 512];
        let count = stream.read(&mut bytes).await.unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    #[tokio::test]
    async fn it_is_as_strict_as_a_real_one() {
        let world = World::new().await;
        let address = world.state().await["mail"]["address"].as_str().unwrap().to_owned();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let mut hello = [0; 64];
        assert!(stream.read(&mut hello).await.unwrap() > 3);
        let login = |password: &str| base64(format!("\0{}\0{password}", world.config.mail.user).as_bytes());
        for (line, code) in [
            ("MAIL FROM:<a@example.com>".to_owned(), "503"),
            ("EHLO test".to_owned(), "250"),
            ("MAIL FROM:<a@example.com>".to_owned(), "530"),
            (format!("AUTH PLAIN {}", login("wrong")), "535"),
            (format!("AUTH PLAIN {}", login(&world.config.mail.password)), "235"),
            ("RCPT TO:<b@example.com>".to_owned(), "503"),
            ("MAIL FROM:<a@example.com>".to_owned(), "250"),
            ("RCPT TO:b".to_owned(), "501"),
            ("RCPT TO:<nobody@example.com>".to_owned(), "550"),
            ("DATA".to_owned(), "503"),
            ("RCPT TO:<b@example.com>".to_owned(), "250"),
            ("DATA".to_owned(), "354"),
            ("Subject: x\r\nMessage-ID: <1@x>\r\n\r\n..dot\r\n.".to_owned(), "250"),
        ] {
            let answer = says(&mut stream, &line).await;
            assert!(answer.starts_with(code), "{line}: {answer}");
        }
        let state = world.state().await;
        let mail = &state["mail"]["mails"][0];
        assert_eq!(
            (&mail["subject"], &mail["message_id"], &mail["text"]),
            (&json!("x"), &json!("<1@x>"), &json!(".dot\n"))
        );
    }
}
