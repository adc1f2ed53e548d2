//! Why an archive is not served.

use std::fmt;

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
    /// A second end record hides in the archive comment (4.3.16): some readers would show that one's archive.
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
    /// There is a zip64 locator, but the end record holds no sentinel that calls for it (4.4.1.4).
    Zip64Sentinels {
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
    /// Two entries share bytes (4.3.6).
    Overlap {
        /// Where the second of them begins.
        at: u64,
        /// Where the first of them begins.
        other: u64,
    },
    /// Two entries have one name, or a file has a folder's name.
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
    /// A folder stands where a file is to be added.
    FolderInTheWay {
        /// The record.
        at: u64,
        /// The name.
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

impl Rejection {
    /// A stable word for logs, stored verdicts and tests.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::IncompleteRead { .. } => "incomplete-read",
            Self::NewName { .. } => "new-name",
            Self::NoEnd { .. } => "no-end",
            Self::TrailingBytes { .. } => "trailing-bytes",
            Self::SecondEnd { .. } => "second-end",
            Self::SeveralDisks { .. } => "several-disks",
            Self::EncryptedDirectory { .. } => "encrypted-directory",
            Self::Zip64Locator { .. } => "zip64-locator",
            Self::Zip64Sentinels { .. } => "zip64-sentinels",
            Self::Zip64Values { .. } => "zip64-values",
            Self::Zip64Extra { .. } => "zip64-extra",
            Self::DirectoryPlace { .. } => "directory-place",
            Self::DirectoryWalk { .. } => "directory-walk",
            Self::EntryCount { .. } => "entry-count",
            Self::TooManyEntries { .. } => "too-many-entries",
            Self::StubInFront { .. } => "stub-in-front",
            Self::OutsideArchive { .. } => "outside-archive",
            Self::Overlap { .. } => "overlap",
            Self::DuplicateName { .. } => "duplicate-name",
            Self::UnsafeName { .. } => "unsafe-name",
            Self::FolderInTheWay { .. } => "folder-in-the-way",
            Self::TooLargeToRewrite { .. } => "too-large-to-rewrite",
            Self::NoLocalHeader { .. } => "no-local-header",
            Self::LocalMismatch { .. } => "local-mismatch",
            Self::Descriptor { .. } => "descriptor",
            Self::BrokenData { .. } => "broken-data",
            Self::DataSize { .. } => "data-size",
            Self::DataCrc { .. } => "data-crc",
        }
    }

    /// What the operator does about it: the last part of the sentence.
    fn remedy(&self) -> &'static str {
        match self {
            Self::IncompleteRead { .. } => "try again, and upload it again if that does not help",
            Self::NewName { .. } => "give the file a plain name without folders",
            Self::NoEnd { .. } => "upload a complete ZIP",
            Self::TrailingBytes { .. } => {
                "upload it again, and repack it with `zip -r` if that does not help"
            }
            Self::SecondEnd { .. } => {
                "remove the comment with `zip -z`, or repack it with `zip -r`"
            }
            Self::SeveralDisks { .. } => "join the parts with `zip -s 0 parts.zip --out whole.zip`",
            Self::EncryptedDirectory { .. } => "repack it without encrypted file names",
            Self::TooManyEntries { .. } => "split the product, or put an archive into the archive",
            Self::StubInFront { .. } => {
                "strip the self-extractor with `zip -J`, or repack it with `zip -r`"
            }
            Self::DuplicateName { .. } | Self::UnsafeName { .. } => {
                "rename or remove that entry, and repack it with `zip -r`"
            }
            Self::FolderInTheWay { .. } => "rename that folder, and repack it with `zip -r`",
            Self::TooLargeToRewrite { .. } => {
                "remove the file of that name, or repack it so that it comes last"
            }
            Self::BrokenData { .. } | Self::DataSize { .. } | Self::DataCrc { .. } => {
                "restore that file from its source, and repack it with `zip -r`"
            }
            _ => "repack it with `zip -r`",
        }
    }
}

impl fmt::Display for Rejection {
    #[expect(clippy::too_many_lines, reason = "an arm per variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IncompleteRead {
                at,
                wanted,
                supplied,
            } => {
                write!(f, "reading {wanted} bytes at byte {at} gave {supplied}")
            }
            Self::NewName { name } => {
                write!(f, "'{}' can't be the name of an added file", Shown(name))
            }
            Self::NoEnd { size_bytes } => {
                write!(
                    f,
                    "no end record is in the last 64 KiB before byte {size_bytes}: this is no whole ZIP"
                )
            }
            Self::TrailingBytes { at } => {
                write!(f, "the end record at byte {at} does not end the file")
            }
            Self::SecondEnd { at } => write!(
                f,
                "a second end record hides at byte {at} in the archive comment"
            ),
            Self::SeveralDisks { at } => write!(
                f,
                "the record at byte {at} belongs to an archive of several parts"
            ),
            Self::EncryptedDirectory { at } => {
                write!(f, "by the record at byte {at} the directory is encrypted")
            }
            Self::Zip64Locator { at } => {
                write!(
                    f,
                    "the zip64 locator at byte {at} does not point to the record in front of it"
                )
            }
            Self::Zip64Sentinels { at } => {
                write!(
                    f,
                    "the zip64 locator at byte {at} is not called for by the end record"
                )
            }
            Self::Zip64Values { at } => write!(
                f,
                "the zip64 end record at byte {at} contradicts the end record"
            ),
            Self::Zip64Extra { at } => {
                write!(f, "the header at byte {at} lacks a sound zip64 extra field")
            }
            Self::DirectoryPlace { at, stated_end } => {
                write!(
                    f,
                    "the directory should end at byte {at}, but is said to end at byte {stated_end}"
                )
            }
            Self::DirectoryWalk { at } => {
                write!(f, "there is no whole directory record at byte {at}")
            }
            Self::EntryCount { at, stated } => {
                write!(
                    f,
                    "the directory at byte {at} does not have the stated {stated} records"
                )
            }
            Self::TooManyEntries { at, stated } => {
                write!(
                    f,
                    "the directory at byte {at} has {stated} records, more than are supported"
                )
            }
            Self::StubInFront { at } => write!(
                f,
                "other bytes stand in front of the first entry at byte {at}"
            ),
            Self::OutsideArchive { at, name } => {
                write!(
                    f,
                    "the entry '{}' at byte {at} reaches into the directory or past it",
                    Shown(name)
                )
            }
            Self::Overlap { at, other } => {
                write!(f, "the entries at byte {other} and at byte {at} overlap")
            }
            Self::DuplicateName { at, name } => {
                write!(
                    f,
                    "the record at byte {at} repeats the name '{}'",
                    Shown(name)
                )
            }
            Self::UnsafeName { at, name } => write!(
                f,
                "the record at byte {at} has the unsafe name '{}'",
                Shown(name)
            ),
            Self::FolderInTheWay { at, name } => {
                write!(
                    f,
                    "by the record '{}' at byte {at} a folder stands where a file is to be added",
                    Shown(name)
                )
            }
            Self::TooLargeToRewrite { at, size_bytes } => {
                write!(
                    f,
                    "replacing a file would keep {size_bytes} bytes of the directory from byte {at} in memory"
                )
            }
            Self::NoLocalHeader { at, name } => {
                write!(f, "there is no entry '{}' at byte {at}", Shown(name))
            }
            Self::LocalMismatch { at, name, field } => {
                write!(
                    f,
                    "the {field} of '{}' at byte {at} is not the directory's",
                    Shown(name)
                )
            }
            Self::Descriptor { at, name } => {
                write!(
                    f,
                    "the data descriptor of '{}' at byte {at} is not the directory's",
                    Shown(name)
                )
            }
            Self::BrokenData { at, name } => {
                write!(f, "the data of '{}' at byte {at} is broken", Shown(name))
            }
            Self::DataSize { at, name } => {
                write!(
                    f,
                    "the data of '{}' at byte {at} has another size than stated",
                    Shown(name)
                )
            }
            Self::DataCrc { at, name } => {
                write!(
                    f,
                    "the data of '{}' at byte {at} has another CRC-32 than stated",
                    Shown(name)
                )
            }
        }?;
        write!(f, "; {}", self.remedy())
    }
}

impl std::error::Error for Rejection {}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Method => "compression method",
            Self::Flags => "flags",
            Self::Crc => "CRC-32",
            Self::Size => "size",
        })
    }
}

/// A name as it may be shown in a terminal and a log: escaped, and no longer than a line.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars();
        for shown in rest.by_ref().take(MAX_SHOWN_CHARS) {
            write!(f, "{}", shown.escape_debug())?;
        }
        if rest.next().is_some() {
            f.write_str("…")
        } else {
            Ok(())
        }
    }
}

const MAX_SHOWN_CHARS: usize = 100;
