//! An object's storage: one JSON document per role. An object has one role, which its name decides.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use worker::State;

use super::bindings;
use crate::flow::ports::Unavailable;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The referee over a purchase.
    Order,
    /// What the operator is to be told.
    Operator,
}

impl Role {
    fn table(self) -> &'static str {
        match self {
            Self::Order => "purchase",
            Self::Operator => "alarms",
        }
    }
}

#[derive(Deserialize)]
struct Row {
    json: String,
}

/// The document of this role, if the object has it.
pub(super) fn load<T: DeserializeOwned>(
    state: &State,
    role: Role,
) -> Result<Option<T>, Unavailable> {
    let (sql, table) = (state.storage().sql(), role.table());
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL)"
    );
    let rows: Vec<Row> = sql
        .exec(&create, None)
        .and_then(|_| sql.exec(&format!("SELECT json FROM {table}"), None))
        .and_then(|cursor| cursor.to_array())
        .map_err(|error| bindings::unavailable("storage", &error))?;
    rows.first()
        .map(|row| serde_json::from_str(&row.json))
        .transpose()
        .map_err(|error| bindings::malformed("storage", &error))
}

/// Stores it. In one turn with what was loaded, so that nothing comes between.
pub(super) fn store<T: Serialize>(
    state: &State,
    role: Role,
    document: &T,
) -> Result<(), Unavailable> {
    let json = serde_json::to_string(document)
        .map_err(|error| bindings::unavailable("storage", &error))?;
    let put = format!(
        "INSERT INTO {} (id, json) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json",
        role.table()
    );
    let stored = state.storage().sql().exec(&put, vec![json.into()]);
    stored
        .map(|_| ())
        .map_err(|error| bindings::unavailable("storage", &error))
}

/// Whether an object has this role. Asking leaves no table behind.
pub(super) fn exists(state: &State, role: Role) -> Result<bool, Unavailable> {
    let find = "SELECT name AS json FROM sqlite_master WHERE type = 'table' AND name = ?";
    let rows: Vec<Row> = state
        .storage()
        .sql()
        .exec(find, vec![role.table().into()])
        .and_then(|cursor| cursor.to_array())
        .map_err(|error| bindings::unavailable("storage", &error))?;
    Ok(!rows.is_empty())
}
