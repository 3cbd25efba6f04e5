//! Opening the file: settings, ownership, layout and its migrations.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::error::OpenError;

/// "BLKS": how the file says whose it is (SQLite's `application_id`).
pub(crate) const APPLICATION_ID: i64 = 0x424C_4B53;

/// In order; the position, counted from 1, is the layout (SQLite's `user_version`). Never edit a released one.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_runs_of_a_target.sql"),
    include_str!("../migrations/0003_where_it_was_tried.sql"),
    include_str!("../migrations/0004_alerts.sql"),
    include_str!("../migrations/0005_kept.sql"),
    include_str!("../migrations/0006_incidents_by_pager.sql"),
    include_str!("../migrations/0007_changes.sql"),
    include_str!("../migrations/0008_ended_alerts.sql"),
    include_str!("../migrations/0009_dead_letters.sql"),
    include_str!("../migrations/0010_outbox_in_order.sql"),
    include_str!("../migrations/0011_alerts_of_a_group.sql"),
    include_str!("../migrations/0012_pager_keys.sql"),
];

/// The layout that this release writes.
pub(crate) const LAYOUT: i64 = MIGRATIONS.len() as i64;

/// How long one connection waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// Page caches in KiB. Small: the journal is read a stream at a time, and the system caches the file anyway.
const WRITER_CACHE_KIB: i64 = 2048;
const READER_CACHE_KIB: i64 = 512;

/// Opens for writing; makes the file (only for its owner, it holds messages and output) and brings its layout up
/// to date.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    create(path).map_err(|error| OpenError::File { path: path.to_owned(), reason: error.to_string() })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let wrong = |source| OpenError::Database { path: path.to_owned(), source };
    let mut connection = Connection::open_with_flags(path, flags).map_err(wrong)?;
    connection.busy_timeout(BUSY).map_err(wrong)?;
    check_owner(&connection, path)?;
    check_not_newer(&connection, path)?;
    configure(&connection, WRITER_CACHE_KIB).map_err(wrong)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(wrong)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(wrong)?;
    // what a done message leaves behind is overwritten where that costs no further write
    connection.pragma_update(None, "secure_delete", "FAST").map_err(wrong)?;
    // the writer does this between batches; pages
    connection.pragma_update(None, "wal_autocheckpoint", 4000).map_err(wrong)?;
    // the write-ahead log shrinks again after a burst; bytes
    connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024).map_err(wrong)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection).map_err(wrong)?;
    Ok(connection)
}

/// Opens for reading a file that has this release's layout.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    match read_as(path, path) {
        // SQLite makes files beside the one that it reads. Where it may not, and nothing waits in a log, nobody writes.
        Err(OpenError::Database { source, .. }) if is_not_writable(&source) && !has_a_log(path) => {
            match path.to_str() {
                Some(text) => read_as(path, Path::new(&unchanging(text))),
                None => Err(OpenError::Database { path: path.to_owned(), source }),
            }
        }
        other => other,
    }
}

fn is_not_writable(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Whether changes wait beside the file that are not in it.
fn has_a_log(path: &Path) -> bool {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut log = path.into_os_string();
    log.push("-wal");
    std::fs::metadata(log).map_or_else(|error| error.kind() != ErrorKind::NotFound, |data| data.len() > 0)
}

/// A file that is read as it stands, as SQLite's URI.
fn unchanging(path: &str) -> String {
    let escaped: String = path
        .chars()
        .map(|c| match c {
            '%' | '?' | '#' => format!("%{:02x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    format!("file:{escaped}?immutable=1")
}

fn read_as(path: &Path, name: &Path) -> Result<Connection, OpenError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let wrong = |source| OpenError::Database { path: path.to_owned(), source };
    let connection = Connection::open_with_flags(name, flags)
        .map_err(|error| OpenError::File { path: path.to_owned(), reason: error.to_string() })?;
    connection.busy_timeout(BUSY).map_err(wrong)?;
    configure(&connection, READER_CACHE_KIB).map_err(wrong)?;
    connection.pragma_update(None, "query_only", true).map_err(wrong)?;
    check_owner(&connection, path)?;
    check_not_newer(&connection, path)?;
    let found = layout(&connection).map_err(wrong)?;
    if found < LAYOUT {
        return Err(OpenError::Older { path: path.to_owned(), found, supported: LAYOUT });
    }
    Ok(connection)
}

fn configure(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    // negative: KiB instead of pages
    connection.pragma_update(None, "cache_size", -cache_kib)
}

fn check_owner(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let wrong = |source| OpenError::Database { path: path.to_owned(), source };
    let found: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(wrong)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(wrong)?;
    let empty = found == 0 && tables == 0;
    if found == APPLICATION_ID || empty {
        Ok(())
    } else {
        Err(OpenError::NotOurs { path: path.to_owned(), found })
    }
}

fn check_not_newer(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found = layout(connection).map_err(|source| OpenError::Database { path: path.to_owned(), source })?;
    if found > LAYOUT {
        return Err(OpenError::Newer { path: path.to_owned(), found, supported: LAYOUT });
    }
    Ok(())
}

fn layout(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    for (sql, number) in MIGRATIONS.iter().zip(1_i64..) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // asked inside the transaction: another process may be opening the same file
        if layout(&transaction)? < number {
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", number)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(unix)]
fn create(path: &Path) -> std::io::Result<()> {
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // a power cut must not take the new file's name back
        Ok(_) => File::open(folder)?.sync_all(),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().append(true).create(true).open(path).map(drop)
}
