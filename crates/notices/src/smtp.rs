//! E-mail over SMTP, through lettre.
//!
//! One mail goes to one address. Its `Message-Id` is made of the outbox's key: a mail that is sent again, because the answer to
//! the first try was lost, bears the same one, so that a mailbox or a person can tell. SMTP gives no way to look before.
//!
//! Each mail has a connection of its own. One that is kept for the next would still hold the late answers of a dialogue that was
//! given up, and they would be taken for answers to the next mail.

use std::fmt;
use std::time::Duration;

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, SinglePart};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use runbook_core::ports::{BoxFuture, Letter, Mail, SendError};
use runbook_core::update::{Arrival, SUBJECT_MAX, one_line};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::Secret;

/// Time for one whole dialogue, from connecting to the server's last word: a server that accepts and then says nothing would be
/// waited for without end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time until the server has accepted a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Time for a polite end: the mail is taken by then.
const GOODBYE: Duration = Duration::from_secs(1);

/// How the connection is kept from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// `STARTTLS` must work, usually on port 587.
    Starttls,
    /// TLS from the first byte, usually on port 465.
    Implicit,
    /// Nothing: only for a server on this machine.
    None,
}

/// Where mail is handed in.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `updates@example.com`, or with a name before it.
    pub from: String,
    /// How the connection is kept from being read.
    pub tls: SmtpTls,
    /// User and password, where the server asks for them.
    pub login: Option<(String, Secret)>,
}

/// Mail cannot be sent with these settings.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// `from` is no address.
    #[error("smtp.from '{0}' is no e-mail address; hint: write it as Blocks <updates@example.com>")]
    From(String),
    /// A password would be readable on its way.
    #[error(
        "smtp.tls = \"none\" is only for a server on this machine, and {0} is none; hint: starttls or implicit"
    )]
    Plain(String),
    /// TLS cannot be set up.
    #[error(
        "TLS to {host} cannot be set up: {reason}; hint: is smtp.host the name that its certificate bears?"
    )]
    Tls {
        /// The server.
        host: String,
        /// Why.
        reason: String,
    },
}

/// A way to send mail through one server.
pub struct SmtpMail {
    host: String,
    port: u16,
    /// Whether TLS begins with the first byte, and its settings; nothing where there is none.
    tls: Option<(bool, TlsParameters)>,
    login: Option<Credentials>,
    from: Mailbox,
    server: String,
    patience: Duration,
}

impl fmt::Debug for SmtpMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMail").field("server", &self.server).finish_non_exhaustive()
    }
}

impl SmtpMail {
    /// Builds it; nothing is sent yet.
    ///
    /// # Errors
    /// When these settings cannot work, whatever the server says.
    pub fn new(config: SmtpConfig) -> Result<SmtpMail, SmtpError> {
        // Two providers in one program make TLS panic: all of ours decide alike.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let SmtpConfig { host, port, from, tls, login } = config;
        let from: Mailbox = from.parse().map_err(|_| SmtpError::From(from.clone()))?;
        if tls == SmtpTls::None && !is_this_machine(&host) {
            return Err(SmtpError::Plain(host));
        }
        let parameters = || {
            TlsParameters::new(host.clone())
                .map_err(|error| SmtpError::Tls { host: host.clone(), reason: error.to_string() })
        };
        let tls = match tls {
            SmtpTls::Starttls => Some((false, parameters()?)),
            SmtpTls::Implicit => Some((true, parameters()?)),
            SmtpTls::None => None,
        };
        let login = login.map(|(user, password)| Credentials::new(user, password.expose().to_owned()));
        let server = format!("{host}:{port}");
        Ok(SmtpMail { host, port, tls, login, from, server, patience: PATIENCE })
    }

    /// Logs in and out again: what `blocks doctor` shows.
    ///
    /// # Errors
    /// When the server does not let us in.
    pub async fn check(&self) -> Result<String, SendError> {
        let mut connection = self.in_time(self.connected()).await?;
        let _ = timeout(GOODBYE, connection.quit()).await;
        Ok(format!("{} answers and lets us in", self.server))
    }

    async fn deliver(&self, key: &str, letter: &Letter) -> Result<Arrival, SendError> {
        let id = message_id(key, &self.from.email);
        let message = message(&self.from, letter, &id)?;
        let dialogue = async {
            let mut connection = self.connected().await?;
            connection.send(message.envelope(), &message.formatted()).await?;
            Ok(connection)
        };
        let mut connection = self.in_time(dialogue).await?;
        let _ = timeout(GOODBYE, connection.quit()).await;
        Ok(Arrival { id: Some(id), link: None })
    }

    /// A connection that is kept from being read, and logged in, as far as these are configured.
    async fn connected(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let (server, hello) = ((self.host.as_str(), self.port), ClientId::default());
        let from_the_first_byte =
            self.tls.as_ref().filter(|(is_first, _)| *is_first).map(|(_, tls)| tls.clone());
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &hello, from_the_first_byte, None)
                .await?;
        if let Some((false, tls)) = &self.tls {
            // Refused where the server does not offer it.
            connection.starttls(tls.clone(), &hello).await?;
        }
        if let Some(login) = &self.login {
            connection.auth(DEFAULT_MECHANISMS, login).await?;
        }
        Ok(connection)
    }

    /// What a dialogue with the server comes to. One that takes too long is given up, and its connection closed.
    async fn in_time<T>(
        &self,
        dialogue: impl Future<Output = Result<T, smtp::Error>>,
    ) -> Result<T, SendError> {
        match timeout(self.patience, dialogue).await {
            Ok(said) => said.map_err(|error| self.not_sent(&error)),
            Err(_) => Err(SendError::Retry {
                after_ms: None,
                reason: format!(
                    "{} is too slow: it was waited {} s for",
                    self.server,
                    self.patience.as_secs()
                ),
            }),
        }
    }

    /// A no for good is one with a code of five hundred, or one of our own side: an address or a login that this server has no
    /// way for. Whatever else happened may go well later.
    fn not_sent(&self, error: &smtp::Error) -> SendError {
        let reason = one_line(&format!("{} did not take the mail: {}", self.server, chain(error)));
        let reason: String = reason.chars().take(300).collect();
        if error.is_permanent() || error.is_client() {
            SendError::Permanent { reason }
        } else {
            SendError::Retry { after_ms: None, reason }
        }
    }
}

impl Mail for SmtpMail {
    fn send<'a>(
        &'a self,
        key: &'a str,
        _attempt: u32,
        letter: &'a Letter,
    ) -> BoxFuture<'a, Result<Arrival, SendError>> {
        Box::pin(self.deliver(key, letter))
    }
}

/// The mail, of typed parts alone: an address is parsed, a subject is encoded, a text is the body.
fn message(from: &Mailbox, letter: &Letter, id: &str) -> Result<Message, SendError> {
    let no = |reason: String| SendError::Permanent { reason };
    let to: Address = letter.to.parse().map_err(|_| no("the recipient is no e-mail address".to_owned()))?;
    let subject: String = one_line(&letter.subject).chars().take(SUBJECT_MAX).collect();
    let thread = message_id(&format!("thread/{}", letter.thread), &from.email);
    let mut message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(subject)
        .message_id(Some(id.to_owned()))
        .in_reply_to(thread.clone())
        .references(thread)
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(letter.text.clone()))
        .map_err(|error| no(format!("the mail cannot be made: {error}")))?;
    // Nobody's holiday notice is to answer it.
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
    Ok(message)
}

/// `<32 hex characters@the sender's domain>`: the same for the same key, and telling nothing of it.
fn message_id(key: &str, from: &Address) -> String {
    let digest = hex::encode(Sha256::digest(key.as_bytes()));
    format!("<{}@{}>", digest.chars().take(32).collect::<String>(), from.domain())
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The error with what is behind it: its own text is often only "connection error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn from() -> Mailbox {
        "Blocks <updates@example.com>".parse().unwrap()
    }

    fn letter(to: &str, subject: &str, text: &str) -> Letter {
        Letter {
            to: to.to_owned(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            thread: "x".to_owned(),
        }
    }

    fn formatted(letter: &Letter) -> Option<String> {
        let id = message_id("update/1/0", &from().email);
        let message = message(&from(), letter, &id).ok()?;
        Some(String::from_utf8(message.formatted()).unwrap())
    }

    /// The names of its headers, sorted.
    fn headers(formatted: &str) -> Vec<String> {
        let (head, _) = formatted.split_once("\r\n\r\n").unwrap();
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        let mut names: Vec<String> =
            lines.map(|line| line.split(':').next().unwrap_or_default().to_lowercase()).collect();
        names.sort();
        names
    }

    const OURS: [&str; 11] = [
        "auto-submitted",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "in-reply-to",
        "message-id",
        "mime-version",
        "references",
        "subject",
        "to",
    ];

    #[test]
    fn a_mail_is_plain_text_with_the_keys_own_id() {
        let text = formatted(&letter("a@example.com", "flowengine: orders are late", "One\nTwo")).unwrap();
        assert_eq!(headers(&text), OURS, "{text}");
        for wanted in [
            "From: Blocks <updates@example.com>\r\n",
            "To: a@example.com\r\n",
            "Subject: flowengine: orders are late\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "\r\n\r\nOne\r\nTwo",
        ] {
            assert!(text.contains(wanted), "{wanted:?} in {text}");
        }
        let id = |key| message_id(key, &from().email);
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        assert!(id("a").ends_with("@example.com>") && id("a").starts_with('<'), "{}", id("a"));
    }

    #[test]
    fn no_address_becomes_a_header_and_plain_smtp_stays_here() {
        for bad in ["", "a", "a@b\r\nBcc: c@d", "a@b, c@d", "A <a@example.com>", "a b@example.com"] {
            assert!(formatted(&letter(bad, "x", "y")).is_none(), "{bad:?}");
        }
        let config = |host: &str, from: &str, tls| SmtpConfig {
            host: host.to_owned(),
            port: 25,
            from: from.to_owned(),
            tls,
            login: None,
        };
        let plain = SmtpMail::new(config("mail.example.com", "a@example.com", SmtpTls::None));
        assert!(plain.unwrap_err().to_string().contains("only for a server on this machine"));
        let nobody = SmtpMail::new(config("localhost", "nobody", SmtpTls::None));
        assert!(nobody.unwrap_err().to_string().contains("no e-mail address"));
    }

    fn local(port: u16) -> SmtpMail {
        let (host, from) = ("127.0.0.1".to_owned(), "updates@example.com".to_owned());
        SmtpMail::new(SmtpConfig { host, port, from, tls: SmtpTls::None, login: None }).unwrap()
    }

    #[tokio::test]
    async fn a_server_that_accepts_and_says_nothing_is_not_waited_for() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mail =
            SmtpMail { patience: Duration::from_millis(200), ..local(listener.local_addr().unwrap().port()) };
        let silent = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.push(stream);
            }
        });
        let letter = letter("a@example.com", "x", "y");
        for said in [mail.send("k", 1, &letter).await.map(|_| ()), mail.check().await.map(|_| ())] {
            let Err(SendError::Retry { reason, .. }) = &said else { panic!("{said:?}") };
            assert!(reason.contains("is too slow"), "{reason}");
        }
        silent.abort();
    }

    /// Says this as its greeting and after each command, and keeps nothing.
    async fn serves(words: &'static [&'static str]) -> u16 {
        use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            for word in words {
                let mut line = String::new();
                stream.write_all(format!("{word}\r\n").as_bytes()).await.unwrap();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
            }
        });
        port
    }

    #[tokio::test]
    async fn what_the_server_has_no_way_for_is_not_tried_again() {
        let mail = local(serves(&["220 here", "250 here"]).await);
        let said = mail.send("k", 1, &letter("\u{fc}ser@example.com", "x", "y")).await.unwrap_err();
        assert!(matches!(&said, SendError::Permanent { reason } if reason.contains("SMTPUTF8")), "{said:?}");
        let mail = local(serves(&["220 here", "250 here", "451 later"]).await);
        let said = mail.send("k", 1, &letter("a@example.com", "x", "y")).await.unwrap_err();
        assert!(matches!(said, SendError::Retry { .. }), "{said:?}");
    }

    proptest! {
        #[test]
        fn nothing_from_outside_becomes_a_header(
            subject in "(\r\n|\n|\r|Bcc: x@y|[ -~]|\u{e9}|\u{202e}|\u{0}|\u{2028}){0,60}",
            text in "(\r\n|\n|\r|\\.|Bcc: x@y|[ -~]|\u{e9}|<b>){0,200}",
        ) {
            let mail = formatted(&letter("a@example.com", &subject, &text)).unwrap();
            prop_assert_eq!(headers(&mail), OURS.to_vec(), "{}", mail);
        }
    }
}
