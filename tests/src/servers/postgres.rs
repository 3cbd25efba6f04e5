//! A PostgreSQL server with one database and one role that is not a superuser.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use tokio::process::Command;

use super::find::POSTGRES;
use super::server::{Home, Server, free_port};
use super::{Outcome, TRIES};
use crate::app::uuid_like;
use crate::{Finished, run_in, until_or_show};

/// The role that tests use; it owns the database, and is no superuser.
pub const ROLE: &str = "blocks";
/// The database that tests use.
pub const DATABASE: &str = "blocks";
/// The superuser; it reaches the database `postgres`.
const ADMIN: &str = "postgres";

/// A server of its own, with passwords (SCRAM) on TCP and on its unix socket; ended when dropped. It trades what would
/// survive a power cut for speed.
pub struct Postgres {
    /// Declared before its folder: it ends before its folder goes.
    server: Server,
    home: Home,
    port: u16,
    password: String,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("server", &self.server)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Postgres {
    /// Makes an empty database and starts its server, as another user when the test is root's.
    ///
    /// # Panics
    /// When programs that are there do not do it.
    pub async fn start() -> Outcome<Postgres> {
        let home = match Home::new(&POSTGRES) {
            Ok(home) => home,
            Err(why) => return Outcome::NotHere(why),
        };
        let (password, of_admin) = (uuid_like(), uuid_like());
        make_cluster(&home, &of_admin).await;
        // `host:port:database:user:password`; the server's port is not known yet, and the file is this server's own.
        home.write("pgpass", &format!("*:*:*:{ROLE}:{password}\n*:*:*:{ADMIN}:{of_admin}\n"));
        for _ in 0..TRIES {
            let port = free_port();
            let mut server = home.start(server_command(&home, port), Signal::QUIT);
            if is_ready(&mut server, &home).await {
                let postgres = Postgres { server, home, port, password };
                postgres.make_database().await;
                return Outcome::Started(postgres);
            }
        }
        panic!("PostgreSQL does not start:\n{}", home.last_words())
    }

    /// Where it listens on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its unix socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        self.home.path()
    }

    /// The password of [`ROLE`]: letters and digits.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// A file for `PGPASSFILE`.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.home.path().join("pgpass")
    }

    /// Its address as a connection string, password included: never for an argument.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{ROLE}:{}@127.0.0.1:{}/{DATABASE}", self.password, self.port)
    }

    /// Makes it offer TLS to new sessions, with this certificate and key (PEM). It goes on taking plain ones.
    ///
    /// # Panics
    /// When it does not.
    pub async fn offer_tls(&self, certificate: &str, key: &str) {
        let certificate = self.home.write("server.crt", certificate).display().to_string();
        let key = self.home.write("server.key", key).display().to_string();
        let settings = format!(
            "alter system set ssl_cert_file = '{certificate}';\nalter system set ssl_key_file = '{key}';\nalter system set ssl = on;\nselect pg_reload_conf();\n"
        );
        let made = self.psql_as_admin(&settings).await;
        assert_eq!(made.code, 0, "TLS cannot be turned on: {}", made.stderr);
        until_or_show("PostgreSQL offers TLS", async || {
            let shown = self.psql_as_admin("show ssl;").await.stdout;
            if shown == "on\n" { Ok(()) } else { Err(format!("{shown}{}", self.home.last_words())) }
        })
        .await;
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// What `psql` makes of these statements, as [`ROLE`]: rows without a head, fields with `|` between. The first
    /// mistake ends it.
    pub async fn psql(&self, sql: &str) -> Finished {
        self.psql_as(ROLE, DATABASE, sql).await
    }

    /// The same as the superuser, in the database `postgres`.
    pub async fn psql_as_admin(&self, sql: &str) -> Finished {
        self.psql_as(ADMIN, ADMIN, sql).await
    }

    /// Statements go in through a file, for they may hold a secret.
    async fn psql_as(&self, role: &str, database: &str, sql: &str) -> Finished {
        let script = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(script.path(), sql).expect("a temporary file can be written");
        let mut environment: BTreeMap<_, _> = self.home.environment().into_iter().collect();
        environment.insert("PGPASSFILE".to_owned(), self.password_file().display().to_string());
        let (port, script) = (self.port.to_string(), script.path().display().to_string());
        let arguments = ["-XAtqw", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port];
        let arguments = [&arguments[..], &["-U", role, "-d", database, "-f", &script]].concat();
        run_in(&self.home.program("psql"), &arguments, &environment, self.home.path()).await
    }

    async fn make_database(&self) {
        let role = format!("create role {ROLE} login password '{}';\n", self.password);
        let made = self.psql_as_admin(&format!("{role}create database {DATABASE} owner {ROLE};\n")).await;
        assert_eq!(made.code, 0, "the role and its database are not made: {}", made.stderr);
    }
}

/// `initdb`: the same on every machine, whatever its locale and time zone are.
async fn make_cluster(home: &Home, password: &str) {
    let password = home.write("admin-password", password);
    let mut initdb = home.command("initdb");
    initdb.args(["--auth=scram-sha-256", "--username", ADMIN, "--encoding=UTF8", "--locale=C", "--no-sync"]);
    initdb.arg("--pwfile").arg(&password).arg("--pgdata").arg(home.path().join("data"));
    let made = Command::from(initdb).kill_on_drop(true).output().await.expect("initdb can be started");
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    std::fs::remove_file(&password).expect("the superuser's password file can be removed");
}

fn server_command(home: &Home, port: u16) -> std::process::Command {
    let mut command = home.command("postgres");
    command.arg("-D").arg(home.path().join("data")).args(["-p", &port.to_string()]);
    command.args(["-c", "listen_addresses=127.0.0.1", "-c"]);
    command.arg(format!("unix_socket_directories={}", home.path().display()));
    // The machine may crash, a test's data is lost then. `jit` needs LLVM, which the unpacked tree does not bring.
    for setting in ["fsync=off", "full_page_writes=off", "jit=off", "shared_buffers=16MB", "huge_pages=off"] {
        command.args(["-c", setting]);
    }
    command.args(["-c", "timezone=GMT", "-c", "log_timezone=GMT"]);
    command
}

/// The server says in its pid file that it is ready; until then, or until it has ended.
async fn is_ready(server: &mut Server, home: &Home) -> bool {
    until_or_show("PostgreSQL is ready", async || {
        if server.has_ended() {
            return Ok(false);
        }
        let said = std::fs::read_to_string(home.path().join("data/postmaster.pid")).unwrap_or_default();
        // A file that an earlier try left behind names another process.
        let is_its = said.lines().next() == Some(server.pid().to_string().as_str());
        let is_ready = is_its && said.lines().nth(7).is_some_and(|state| state.trim() == "ready");
        if is_ready { Ok(true) } else { Err(home.last_words()) }
    })
    .await
}
