//! The catalog's tables, their version, and opening a database file.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use uuid::Uuid;

use super::CatalogError;

/// Bytes of the smallest page that a database can have.
const SMALLEST_DATABASE_BYTES: u64 = 512;
/// Version of the tables below. A database with another one is refused.
const SCHEMA_VERSION: i64 = 1;

/// `AUTOINCREMENT` on `revision.ord` is what makes an ord unique for ever: SQLite remembers the
/// highest one it gave out even after its row is gone.
const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE acl (
  id INTEGER PRIMARY KEY,
  policy TEXT NOT NULL UNIQUE
);
CREATE TABLE document (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  collection TEXT NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('folder', 'api')),
  source_hash BLOB,
  stated TEXT NOT NULL,
  ord INTEGER REFERENCES revision (ord),
  acl INTEGER REFERENCES acl (id),
  CHECK ((ord IS NULL) = (acl IS NULL))
);
CREATE INDEX document_by_collection ON document (collection);
CREATE TABLE revision (
  ord INTEGER PRIMARY KEY AUTOINCREMENT,
  document INTEGER NOT NULL REFERENCES document (id),
  hash BLOB NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  kind TEXT NOT NULL,
  uri TEXT,
  service TEXT,
  severity TEXT,
  tags TEXT NOT NULL,
  created INTEGER,
  updated INTEGER,
  first_line INTEGER NOT NULL,
  written INTEGER NOT NULL,
  published INTEGER NOT NULL DEFAULT 0,
  superseded INTEGER
);
CREATE INDEX revision_by_document ON revision (document);
CREATE TABLE chunk (
  ord INTEGER NOT NULL REFERENCES revision (ord) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  heading TEXT NOT NULL,
  start_byte INTEGER NOT NULL,
  end_byte INTEGER NOT NULL,
  first_line INTEGER NOT NULL,
  last_line INTEGER NOT NULL,
  PRIMARY KEY (ord, number)
) WITHOUT ROWID;
CREATE TABLE acl_history (
  document INTEGER NOT NULL REFERENCES document (id),
  acl INTEGER NOT NULL REFERENCES acl (id),
  valid_from INTEGER NOT NULL,
  valid_to INTEGER,
  who TEXT NOT NULL,
  why TEXT NOT NULL
);
CREATE INDEX acl_history_by_document ON acl_history (document, valid_from);
CREATE TABLE folder_policy (
  collection TEXT NOT NULL,
  path TEXT NOT NULL,
  stated TEXT NOT NULL,
  kind TEXT,
  uri TEXT,
  valid_from INTEGER NOT NULL,
  valid_to INTEGER,
  who TEXT NOT NULL
);
CREATE INDEX folder_policy_by_path ON folder_policy (collection, path, valid_from);
CREATE TABLE alias (
  spelling TEXT PRIMARY KEY,
  principal TEXT NOT NULL,
  resolved INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE quarantine (
  collection TEXT NOT NULL,
  path TEXT NOT NULL,
  line INTEGER,
  reason TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (collection, path)
) WITHOUT ROWID;
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL);
";

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Read and write; created if absent.
    Write,
    /// Read only, beside whoever writes.
    Read,
}

/// Opens the database at `path` and checks, or creates, its tables.
pub(super) fn open(path: &Path, mode: Mode) -> Result<Connection, CatalogError> {
    let flags = match mode {
        Mode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Mode::Read => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    if mode == Mode::Read && !path.exists() {
        return Err(CatalogError::Missing(path.to_owned()));
    }
    // SQLite takes a file that is shorter than a page for an empty database, and would begin anew.
    let length = path.metadata().map_or(0, |metadata| metadata.len());
    if (1..SMALLEST_DATABASE_BYTES).contains(&length) {
        return Err(CatalogError::Damaged("its file is cut off".to_owned()));
    }
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if mode == Mode::Read {
        connection.pragma_update(None, "query_only", true)?;
    } else {
        // WAL lets readers work beside the writer; FULL makes a commit durable before it returns.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "secure_delete", true)?;
    }
    check_version(&connection, mode)?;
    Ok(connection)
}

fn check_version(connection: &Connection, mode: Mode) -> Result<(), CatalogError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match (found, mode) {
        (SCHEMA_VERSION, _) => Ok(()),
        (0, Mode::Write) if is_empty(connection)? => create(connection),
        _ => Err(CatalogError::SchemaVersion {
            found,
            known: SCHEMA_VERSION,
        }),
    }
}

fn is_empty(connection: &Connection) -> Result<bool, CatalogError> {
    let any: Option<i64> = connection
        .query_row("SELECT 1 FROM sqlite_master LIMIT 1", [], |row| row.get(0))
        .optional()?;
    Ok(any.is_none())
}

fn create(connection: &Connection) -> Result<(), CatalogError> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    for key in ["generation", "acl_salt"] {
        transaction.execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2)",
            (key, Uuid::new_v4().to_string()),
        )?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()?;
    Ok(())
}
