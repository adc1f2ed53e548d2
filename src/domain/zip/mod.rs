//! The splice: a ZIP archive with a few entries more, without moving a byte of the base.
