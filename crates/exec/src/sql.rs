//! The `sql` kind: PostgreSQL statements in one transaction, which is read-only where the plan says that they read.

mod table;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use runbook_core::ports::{BoxFuture, ExecError, Job};
use runbook_core::runbook::kinds::sql::{Statement, known_change, statements};
use runbook_core::runbook::{CommandKind, Effect};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Connection, Error, NoTls, SimpleQueryMessage, Socket};

use self::table::Table;
use self::tls::Rustls;
pub use self::tls::count_authorities;
use crate::connections::{Connections, Database, Tls};
use crate::executor::{End, Kind};
use crate::transcript::Transcript;
use crate::web::{certificate_hint, not_started};

/// psql's status for a connection that went away.
const GONE: i32 = 2;
/// How long the server gets to end what it is told to end.
const WIND_UP: Duration = Duration::from_secs(3);
/// How long reaching the server may take at most.
const CONNECT: Duration = Duration::from_secs(10);

pub(crate) struct Sql {
    connections: Arc<Connections>,
}

/// A session, ended with its value.
struct Session {
    client: Client,
    notices: mpsc::UnboundedReceiver<DbError>,
    pump: JoinHandle<()>,
    tls: Option<Rustls>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

/// Why the statements did not get to their end.
enum Broken {
    /// The server said no; the transaction is rolled back.
    Refused(Error),
    /// The connection went.
    Gone(String),
}

impl Broken {
    fn of(error: Error) -> Self {
        let ended = error.as_db_error().is_some_and(|error| {
            [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            ]
            .contains(error.code())
                || matches!(error.severity(), "FATAL" | "PANIC")
        });
        if error.as_db_error().is_none() || ended { Self::Gone(said(&error)) } else { Self::Refused(error) }
    }
}

impl Sql {
    pub(crate) fn new(connections: Arc<Connections>) -> Self {
        Self { connections }
    }

    async fn carry_out(
        &self,
        job: &Job,
        io: &mut Transcript,
        mut stop: watch::Receiver<bool>,
    ) -> Result<End, ExecError> {
        let statements =
            statements(&job.text, &job.values()).map_err(|error| not_started(&error.to_string()))?;
        if job.effect == Effect::Read
            && let Some(reason) = known_change(&job.text)
        {
            return Err(not_started(&format!("the plan says that it reads, but {reason}")));
        }
        let database = self.connections.database(job.connection.as_deref()).map_err(|e| not_started(&e))?;
        let mut session = tokio::select! {
            biased;
            session = open(database, job) => session?,
            () = told_to_stop(&mut stop) => return Err(not_started("its time was up, or it was cancelled, before the server could be reached")),
        };
        let cancel = session.client.cancel_token();
        let tls = session.tls.clone();
        let ended = {
            let mut work = std::pin::pin!(transaction(&mut session, &statements, io));
            tokio::select! {
                biased;
                ended = &mut work => ended,
                () = told_to_stop(&mut stop) => {
                    let told = match tls {
                        Some(tls) => cancel.cancel_query(tls).await,
                        None => cancel.cancel_query(NoTls).await,
                    };
                    if let Err(error) = told {
                        tracing::warn!(run = %job.run, %error, "the server could not be told to end a statement");
                    }
                    work.await
                }
            }
        };
        session.tell_notices(io);
        match ended {
            Ok(()) => Ok(End::Code(0)),
            Err(Broken::Refused(error)) => {
                tell(&error, io);
                // given up by closing the connection as well, should the server not hear it
                let _rolled_back = session.client.batch_execute("ROLLBACK").await;
                let cut = error.code() == Some(&SqlState::QUERY_CANCELED);
                Ok(if cut { End::TimedOut } else { End::Code(1) })
            }
            Err(Broken::Gone(reason)) if job.effect == Effect::Read => {
                io.err(&format!("error: the connection to the server was lost: {reason}"));
                Ok(End::Code(GONE))
            }
            Err(Broken::Gone(reason)) => Err(ExecError::Lost(format!(
                "the connection to the server was lost before it confirmed the transaction: {reason}"
            ))),
        }
    }
}

/// Until the command must end; never, when nobody can say so any more.
async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Connects, and opens the transaction. Nothing of the command has been sent when this fails.
async fn open(database: &Database, job: &Job) -> Result<Session, ExecError> {
    let mut config = database.config.clone();
    config.connect_timeout(CONNECT.min(Duration::from_millis(job.timeout_ms.max(1))));
    let unreachable = |error: Error| {
        let said = said(&error);
        let hint = if said.contains("server does not support TLS") {
            "; hint: turn ssl on at the server, or write sslmode=disable in a network that you trust"
        } else {
            certificate_hint(&said)
        };
        not_started(&format!("the database could not be reached: {said}{hint}"))
    };
    let session = match &database.tls {
        Tls::Off => session(&config, NoTls, None).await.map_err(unreachable)?,
        Tls::Verified(authorities) => {
            let tls = Rustls::new(authorities.as_deref()).map_err(|reason| not_started(&reason))?;
            session(&config, tls.clone(), Some(tls)).await.map_err(unreachable)?
        }
    };
    // Behind the first query a transaction cannot be made writable again. The strings are read as the reader of the
    // text reads them.
    let begin = match job.effect {
        Effect::Read => "BEGIN READ ONLY",
        Effect::Idempotent | Effect::Once => "BEGIN READ WRITE",
    };
    let timeout_ms = i32::try_from(job.timeout_ms.max(1)).unwrap_or(i32::MAX);
    let begin = format!(
        "{begin}; SET LOCAL standard_conforming_strings = on; SET LOCAL statement_timeout = {timeout_ms}; SELECT 1"
    );
    session
        .client
        .batch_execute(&begin)
        .await
        .map_err(|error| not_started(&format!("the transaction could not be begun: {}", said(&error))))?;
    Ok(session)
}

async fn session<T>(
    config: &tokio_postgres::Config,
    connector: T,
    tls: Option<Rustls>,
) -> Result<Session, Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(connector).await?;
    let (tell, notices) = mpsc::unbounded_channel();
    Ok(Session { client, notices, pump: tokio::spawn(pump(connection, tell)), tls })
}

/// Moves messages until the connection ends.
async fn pump<T>(mut connection: Connection<Socket, T>, tell: mpsc::UnboundedSender<DbError>)
where
    T: tokio_postgres::tls::TlsStream + Unpin,
{
    let mut messages = futures_util::stream::poll_fn(|cx| connection.poll_message(cx));
    while let Some(Ok(message)) = messages.next().await {
        if let AsyncMessage::Notice(notice) = message {
            // nobody listens any more when the command is over
            let _heard = tell.send(notice);
        }
    }
}

/// The statements one after the other, then COMMIT.
async fn transaction(
    session: &mut Session,
    statements: &[Statement],
    io: &mut Transcript,
) -> Result<(), Broken> {
    for statement in statements {
        one(&session.client, statement, io).await.map_err(Broken::of)?;
        session.tell_notices(io);
    }
    session.client.batch_execute("COMMIT").await.map_err(Broken::of)
}

async fn one(client: &Client, statement: &Statement, io: &mut Transcript) -> Result<(), Error> {
    // The server itself sees that it is one statement: it refuses to prepare two.
    let prepared = client.prepare(&statement.text).await?;
    let is_number = |kind: &Type| {
        [Type::INT2, Type::INT4, Type::INT8, Type::FLOAT4, Type::FLOAT8, Type::NUMERIC, Type::OID]
            .contains(kind)
    };
    let numbers: Vec<bool> = prepared.columns().iter().map(|column| is_number(column.type_())).collect();
    let mut messages = std::pin::pin!(client.simple_query_raw(&statement.text).await?);
    let mut table = None;
    while let Some(message) = messages.next().await {
        match message? {
            SimpleQueryMessage::RowDescription(columns) => {
                let names: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
                table = Some(Table::new(&names, numbers.clone(), io.worth_keeping()));
            }
            SimpleQueryMessage::Row(row) => {
                if let Some(table) = &mut table {
                    table.push((0..row.len()).map(|column| row.try_get(column).ok().flatten()));
                }
            }
            SimpleQueryMessage::CommandComplete(count) => {
                if let Some(table) = &table {
                    io.out(table.print());
                    io.skip(table.skipped);
                }
                match statement.verb.as_str() {
                    "INSERT" => io.out(format!("INSERT 0 {count}\n")),
                    verb @ ("UPDATE" | "DELETE" | "MERGE") => io.out(format!("{verb} {count}\n")),
                    verb if table.is_none() => io.out(format!("{verb}\n")),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl Session {
    fn tell_notices(&mut self, io: &mut Transcript) {
        while let Ok(notice) = self.notices.try_recv() {
            io.err(&format!("{}:  {}", notice.severity(), notice.message()));
        }
    }
}

/// What the server said, on standard error.
fn tell(error: &Error, io: &mut Transcript) {
    let Some(error) = error.as_db_error() else { return io.err(&format!("error: {}", said(error))) };
    io.err(&format!("{}:  {}: {}", error.severity(), error.code().code(), error.message()));
    for (word, more) in [("DETAIL", error.detail()), ("HINT", error.hint()), ("CONTEXT", error.where_())] {
        if let Some(more) = more {
            io.err(&format!("{word}:  {more}"));
        }
    }
}

/// An error with what is below it.
fn said(error: &Error) -> String {
    use std::error::Error as _;
    match error.as_db_error() {
        Some(error) => format!("{}: {}", error.code().code(), error.message()),
        None => error.source().map_or_else(|| error.to_string(), |below| format!("{error}: {below}")),
    }
}

impl Kind for Sql {
    fn kind(&self) -> CommandKind {
        CommandKind::Sql
    }

    fn run<'a>(
        &'a self,
        job: &'a Job,
        io: &'a mut Transcript,
        stop: watch::Receiver<bool>,
    ) -> BoxFuture<'a, Result<End, ExecError>> {
        Box::pin(self.carry_out(job, io, stop))
    }

    fn wind_up(&self) -> Duration {
        WIND_UP
    }
}
