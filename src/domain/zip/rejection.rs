//! Why an archive is not served.

mod words;

/// A base archive that is not served as it is: what is wrong, where, and what the operator does about it.
///
/// `Display` says all three in one sentence. Offsets are bytes from the start of the archive. Names come from
/// the archive, and are shown shortened and escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The storage gave another number of bytes than were asked for.
    IncompleteRead {
        /// Where the read began.
        at: u64,
        /// How many bytes were asked for.
        wanted: u64,
        /// How many bytes came.
        supplied: u64,
    },
    /// The name of a file to be added can't be one.
    NewName {
        /// The name.
        name: String,
    },
    /// There is no end of central directory record (APPNOTE 4.3.16).
    NoEnd {
        /// The archive's size.
        size_bytes: u64,
    },
    /// Bytes follow the end record and its comment, or the comment is cut short (4.3.16, 4.4.12).
    TrailingBytes {
        /// The end record.
        at: u64,
    },
    /// A second end record hides in the first or its comment (4.3.16): some readers would show that one's archive.
    SecondEnd {
        /// The second signature.
        at: u64,
    },
    /// The archive claims to be a part of several (4.4.19 to 4.4.22, 4.4.11).
    SeveralDisks {
        /// The record that says so.
        at: u64,
    },
    /// The directory is encrypted, or its records are masked (4.3.14, 4.4.4 bit 13, 7.3.4).
    EncryptedDirectory {
        /// The record that says so.
        at: u64,
    },
    /// The zip64 locator does not point to a zip64 end record right in front of it (4.3.15).
    Zip64Locator {
        /// The locator.
        at: u64,
    },
    /// The end record and the zip64 end record contradict each other (4.4.1.4).
    Zip64Values {
        /// The zip64 end record.
        at: u64,
    },
    /// A header calls for a zip64 extra field that is missing, doubled or too short (4.5.3).
    Zip64Extra {
        /// The header.
        at: u64,
    },
    /// The directory does not end where the end records begin (4.4.23, 4.4.24).
    DirectoryPlace {
        /// Where the end records begin.
        at: u64,
        /// Where the directory would end by its stated offset and size.
        stated_end: u64,
    },
    /// The directory's records do not fill it exactly (4.3.12).
    DirectoryWalk {
        /// Where a record was expected.
        at: u64,
    },
    /// The directory has another number of records than the end record states (4.4.22).
    EntryCount {
        /// The start of the directory.
        at: u64,
        /// What the end record states.
        stated: u64,
    },
    /// More entries than an index is made for.
    TooManyEntries {
        /// The start of the directory.
        at: u64,
        /// What the end record states.
        stated: u64,
    },
    /// The directory is longer than an index is made for (4.4.23).
    DirectoryTooLarge {
        /// The start of the directory.
        at: u64,
        /// What the end record states.
        size_bytes: u64,
    },
    /// More entries than one would expect have the names of files to be added, in upper or lower case.
    TooManyReplaced {
        /// The first record that is too many.
        at: u64,
        /// Its name.
        name: String,
    },
    /// The first entry does not begin at the first byte: a program or other bytes stand in front (4.1.9, 4.3.6).
    /// Or they would, once an entry in front of them is cut out.
    StubInFront {
        /// Where the first entry begins.
        at: u64,
    },
    /// An entry reaches into the directory or past it (4.4.16).
    OutsideArchive {
        /// Where the entry is said to begin.
        at: u64,
        /// Its name.
        name: String,
    },
    /// Bytes other than zeros belong to no entry (4.3.6): readers that do not know the directory find entries there.
    Gap {
        /// Where they begin.
        at: u64,
        /// How many there are up to the next entry, or to the directory.
        size_bytes: u64,
    },
    /// Two entries share bytes (4.3.6).
    Overlap {
        /// Where the second of them begins.
        at: u64,
        /// Where the first of them begins.
        other: u64,
    },
    /// Two entries have one name, and not both are empty folders.
    DuplicateName {
        /// The second record.
        at: u64,
        /// The name.
        name: String,
    },
    /// A name that could be written outside the folder that it is unpacked to (4.4.17).
    UnsafeName {
        /// The record.
        at: u64,
        /// The name.
        name: String,
    },
    /// A Unicode path extra field that is doubled, too short, or of another version than 1 (4.6.9): each reader
    /// makes another name of it.
    UnicodePath {
        /// The header.
        at: u64,
        /// The name without it.
        name: String,
    },
    /// A folder stands where a file is to be added.
    FolderInTheWay {
        /// The record.
        at: u64,
        /// The name.
        name: String,
    },
    /// A signature would no longer be valid: that of an APK, which knows where the directory is, or that of a JAR,
    /// one of whose files would be replaced.
    Signed {
        /// The record of the signature, or where an APK's ends.
        at: u64,
        /// The name of its file, or of its block.
        name: String,
    },
    /// An entry must be replaced, and what must be kept in memory for that is too much.
    TooLargeToRewrite {
        /// The first record that changes.
        at: u64,
        /// How much would be kept.
        size_bytes: u64,
    },
    /// There is no local header where the directory says (4.3.7).
    NoLocalHeader {
        /// Where it should be.
        at: u64,
        /// The entry's name.
        name: String,
    },
    /// The local header contradicts the directory (4.3.7, 4.3.12).
    LocalMismatch {
        /// The local header.
        at: u64,
        /// The entry's name.
        name: String,
        /// What differs.
        field: Field,
    },
    /// The data descriptor is missing or contradicts the directory (4.3.9).
    Descriptor {
        /// Where it should be.
        at: u64,
        /// The entry's name.
        name: String,
    },
    /// The compressed data can't be inflated, or ends before or after its stated size (4.4.5, 4.4.8).
    BrokenData {
        /// Where the data begins.
        at: u64,
        /// The entry's name.
        name: String,
    },
    /// The data has another size than stated (4.4.9).
    DataSize {
        /// Where the data begins.
        at: u64,
        /// The entry's name.
        name: String,
    },
    /// The data has another CRC-32 than stated (4.4.7).
    DataCrc {
        /// Where the data begins.
        at: u64,
        /// The entry's name.
        name: String,
    },
}

/// A field that a local header and a directory record both have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The file name (4.4.17).
    Name,
    /// The compression method (4.4.5).
    Method,
    /// The general purpose flags (4.4.4).
    Flags,
    /// The CRC-32 (4.4.7).
    Crc,
    /// The compressed or uncompressed size (4.4.8, 4.4.9).
    Size,
}
