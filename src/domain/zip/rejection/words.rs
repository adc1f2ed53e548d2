//! How a rejection is told: its code, and its sentence.

use super::{Field, Rejection};
use std::fmt;

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
            Self::Zip64Values { .. } => "zip64-values",
            Self::Zip64Extra { .. } => "zip64-extra",
            Self::DirectoryPlace { .. } => "directory-place",
            Self::DirectoryWalk { .. } => "directory-walk",
            Self::EntryCount { .. } => "entry-count",
            Self::TooManyEntries { .. } => "too-many-entries",
            Self::DirectoryTooLarge { .. } => "directory-too-large",
            Self::TooManyReplaced { .. } => "too-many-replaced",
            Self::StubInFront { .. } => "stub-in-front",
            Self::OutsideArchive { .. } => "outside-archive",
            Self::Gap { .. } => "gap",
            Self::Overlap { .. } => "overlap",
            Self::DuplicateName { .. } => "duplicate-name",
            Self::UnsafeName { .. } => "unsafe-name",
            Self::UnicodePath { .. } => "unicode-path",
            Self::FolderInTheWay { .. } => "folder-in-the-way",
            Self::Signed { .. } => "signed",
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
            Self::DirectoryTooLarge { .. } => {
                "repack it without comments of entries by `zip -rX`, or put an archive into the archive"
            }
            Self::TooManyReplaced { .. } => {
                "remove the files of that name, and repack it with `zip -r`"
            }
            Self::StubInFront { .. } => {
                "repack it with `zip -r`, or strip a self-extractor with `zip -J`"
            }
            Self::DuplicateName { .. } | Self::UnsafeName { .. } => {
                "rename or remove that entry, and repack it with `zip -r`"
            }
            Self::FolderInTheWay { .. } => "rename that folder, and repack it with `zip -r`",
            Self::Signed { .. } => "put it into a ZIP, and sell that",
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
                "a second end record hides at byte {at}, in the end record or its comment"
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
            Self::DirectoryTooLarge { at, size_bytes } => {
                write!(
                    f,
                    "the directory at byte {at} has {size_bytes} bytes, more than are supported"
                )
            }
            Self::TooManyReplaced { at, name } => write!(
                f,
                "the record '{}' at byte {at} is one of too many that new files would replace",
                Shown(name)
            ),
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
            Self::Gap { at, size_bytes } => {
                write!(f, "the {size_bytes} bytes at byte {at} belong to no entry")
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
            Self::UnicodePath { at, name } => write!(
                f,
                "readers disagree about the Unicode name of '{}' at byte {at}",
                Shown(name)
            ),
            Self::FolderInTheWay { at, name } => {
                write!(
                    f,
                    "by the record '{}' at byte {at} a folder stands where a file is to be added",
                    Shown(name)
                )
            }
            Self::Signed { at, name } => write!(
                f,
                "the signature '{}' at byte {at} would no longer be valid",
                Shown(name)
            ),
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
