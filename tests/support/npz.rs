//! Reading `.npz` archives: the recorded vectors.
//!
//! Only deflate is needed; the reader's own `npz` feature would compile five more compressors, two of them in C.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use npyz::NpyFile;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

/// An open archive.
pub struct Npz(zip::ZipArchive<BufReader<File>>);

impl Npz {
    /// Opens a file.
    pub fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self(zip::ZipArchive::new(BufReader::new(file)).unwrap())
    }

    /// The arrays' names.
    #[allow(dead_code, reason = "each test binary uses a part of this module")]
    pub fn names(&self) -> Vec<String> {
        let file_names = self.0.file_names();
        file_names
            .filter_map(Result::ok)
            .map(|n| n.trim_end_matches(".npy").to_owned())
            .collect()
    }

    /// One array by its name, without `.npy`.
    pub fn array(&mut self, name: &str) -> NpyFile<Cursor<Vec<u8>>> {
        let mut bytes = Vec::new();
        self.0
            .by_name(&format!("{name}.npy"))
            .unwrap_or_else(|e| panic!("array `{name}`: {e}"))
            .read_to_end(&mut bytes)
            .unwrap();
        NpyFile::new(Cursor::new(bytes)).unwrap()
    }
}
