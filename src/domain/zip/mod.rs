//! The splice: a ZIP archive with a few entries more, without moving a byte of the base.
//!
//! ```text
//! base[0 .. cd)  |  new local entries  |  base[cd .. cd end) unchanged  |  new records  |  end records
//! ```
//!
//! Clauses are those of PKWARE's APPNOTE 6.3.10. Nothing here reads or writes: [`IndexReader`] asks for ranges of
//! the archive and becomes an [`ArchiveIndex`]; [`Plan::append`] makes of it the [`Segment`]s of the output,
//! which the edge pumps.
//!
//! - **A base is rejected rather than mended** ([`Rejection`]): what some readers see differently than others
//!   would be laundered into an archive that looks sound.
//! - **Entries are replaced** if a new file goes where one of that name is, even if the names differ in case:
//!   file systems that ignore case could hold one of the two only. The old entry is cut out of the archive, and
//!   the directory's offsets are moved; everything else of every record stays.
//! - **New files go into the top folder** if everything is in one folder, else to the root.

mod crc;
mod cut;
mod ends;
mod format;
mod index;
mod insertion;
mod local;
mod moves;
mod names;
mod new_entries;
mod plan;
mod reads;
mod rejection;
mod rewrite;
mod segment;
#[cfg(not(target_arch = "wasm32"))]
mod verify;
mod walk;

pub use index::{ArchiveIndex, IndexReader};
pub use insertion::{Entries, EntryReader, Insertion};
pub use new_entries::NewFile;
pub use plan::{Plan, PlanError};
pub use rejection::{Field, Rejection};
pub use segment::{InlineBytes, Segment};
#[cfg(not(target_arch = "wasm32"))]
pub use verify::{MAX_PROBLEMS, Verdict, verify};

/// Bytes as base64 in JSON: as an array of numbers they would be four times as long.
mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(
        bytes: &Arc<[u8]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<[u8]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD_NO_PAD
            .decode(text)
            .map(Arc::from)
            .map_err(serde::de::Error::custom)
    }
}
