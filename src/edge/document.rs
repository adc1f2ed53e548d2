//! An object's storage: JSON in SQL tables. An object has one role, which its name decides, and one document
//! for it; an order has its audit trail besides.
//!
//! A table is made by the first that writes to it: whoever only reads leaves an empty object empty.

use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::{SqlStorageValue, State};

use super::bindings;
use crate::domain::json;
use crate::domain::order::Note;
use crate::flow::ports::Unavailable;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The referee over a purchase.
    Order,
    /// Where refunds and disputes wait for their order.
    Payment,
    /// An e-mail address, and its orders.
    Address,
    /// What the operator is to be told.
    Operator,
}

impl Role {
    fn table(self) -> &'static str {
        match self {
            Self::Order => "purchase",
            Self::Payment => "payment",
            Self::Address => "address",
            Self::Operator => "alarms",
        }
    }
}

/// The document of this role, if the object has it.
pub(super) fn load<T: DeserializeOwned>(
    state: &State,
    role: Role,
) -> Result<Option<T>, Unavailable> {
    text(state, role)?.map(|text| parse(&text)).transpose()
}

/// The document's JSON, as it is stored.
pub(super) fn text(state: &State, role: Role) -> Result<Option<String>, Unavailable> {
    let query = format!("SELECT json FROM {}", role.table());
    Ok(select(state, role.table(), &query, Vec::new())?.pop())
}

/// Stores it. In one turn with what was loaded, so that nothing comes between.
pub(super) fn store<T: Serialize>(
    state: &State,
    role: Role,
    document: &T,
) -> Result<(), Unavailable> {
    let table = role.table();
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL)"
    );
    let put = format!(
        "INSERT INTO {table} (id, json) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json"
    );
    write(state, Some(&create), &put, Vec::new(), document)
}

const TRAIL: &str = "delivery";

/// Adds to the audit trail: a row per stream, in the order in which they began.
pub(super) fn add_to_trail(state: &State, note: Note) -> Result<(), Unavailable> {
    match note {
        Note::Began(delivery) => {
            // No index on `stream`: it would be one more row written, to find one among a few. Each stream's name is drawn
            // anew, so no two rows have the same.
            let create = format!(
                "CREATE TABLE IF NOT EXISTS {TRAIL} (at INTEGER PRIMARY KEY, stream TEXT NOT NULL, json TEXT NOT NULL)"
            );
            let put = format!("INSERT INTO {TRAIL} (stream, json) VALUES (?, ?)");
            let stream = vec![delivery.stream.as_str().into()];
            write(state, Some(&create), &put, stream, &delivery)
        }
        Note::Went(stream, progress) => {
            let merge = format!("UPDATE {TRAIL} SET json = json_patch(json, ?2) WHERE stream = ?1");
            write(state, None, &merge, vec![stream.as_str().into()], &progress)
        }
    }
}

/// The audit trail, each entry as JSON.
pub(super) fn trail(state: &State) -> Result<Vec<String>, Unavailable> {
    let query = format!("SELECT json FROM {TRAIL} ORDER BY at");
    select(state, TRAIL, &query, Vec::new())
}

fn select(
    state: &State,
    table: &str,
    query: &str,
    values: Vec<SqlStorageValue>,
) -> Result<Vec<String>, Unavailable> {
    let sql = state.storage().sql();
    let read = |query: &str, values| -> worker::Result<Vec<String>> {
        let rows = sql.exec(query, values)?.raw();
        rows.map(|row| Ok(first_text(row?))).collect()
    };
    match read(query, values) {
        Ok(rows) => Ok(rows),
        Err(error) => {
            let exists = "SELECT name FROM sqlite_master WHERE name = ?";
            match read(exists, vec![table.into()]) {
                Ok(tables) if tables.is_empty() => Ok(Vec::new()),
                _ => Err(bindings::unavailable("storage", &error)),
            }
        }
    }
}

/// All that is read here is the text of one column.
fn first_text(row: Vec<SqlStorageValue>) -> String {
    match row.into_iter().next() {
        Some(SqlStorageValue::String(text)) => text,
        _ => String::new(),
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Unavailable> {
    json::read(text).map_err(|error| bindings::malformed("storage", &error))
}

/// Writes a document as the last of a statement's values. `create` makes the table, should it not be there: to ask for it
/// each time would take as long as the write.
fn write(
    state: &State,
    create: Option<&str>,
    put: &str,
    mut values: Vec<SqlStorageValue>,
    document: &impl Serialize,
) -> Result<(), Unavailable> {
    let json = json::write(document).map_err(|error| bindings::unavailable("storage", &error))?;
    values.push(json.into());
    let sql = state.storage().sql();
    let written = match (sql.exec(put, values.clone()), create) {
        (Err(_), Some(create)) => sql.exec(create, None).and_then(|_| sql.exec(put, values)),
        (written, _) => written,
    };
    written
        .map(|_| ())
        .map_err(|error| bindings::unavailable("storage", &error))
}

/// Removes it, so that the object is as if it had never been.
pub(super) fn remove(state: &State, role: Role) -> Result<(), Unavailable> {
    let drop = format!("DROP TABLE IF EXISTS {}", role.table());
    let removed = state.storage().sql().exec(&drop, None);
    removed
        .map(|_| ())
        .map_err(|error| bindings::unavailable("storage", &error))
}
