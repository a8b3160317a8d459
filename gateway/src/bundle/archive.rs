//! The zip file of a bundle. Its entries have one fixed time, so that it depends on nothing but their content.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, System, ZipWriter, result::ZipError};

/// A file of the archive.
#[derive(Debug)]
pub struct Entry {
    /// Its path there.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it can be run.
    pub is_program: bool,
}

/// Packs `entries`, in this order.
///
/// # Errors
/// An entry is named twice, or has more than 4 GiB.
pub fn pack(entries: &[Entry]) -> Result<Vec<u8>, ZipError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let mode = if entry.is_program { 0o755 } else { 0o644 };
        // The default time is the first one that a zip file can have.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(mode)
            // Windows' would have no modes.
            .system(System::Unix)
            .last_modified_time(zip::DateTime::default());
        archive.start_file(&*entry.path, options)?;
        archive.write_all(&entry.bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn entries() -> Vec<Entry> {
        vec![
            Entry { path: "manifest.json".into(), bytes: b"{}".to_vec(), is_program: false },
            Entry { path: "server/snowgate".into(), bytes: vec![7; 100_000], is_program: true },
        ]
    }

    #[test]
    fn programs_stay_programs_and_content_stays_the_same() {
        let packed = pack(&entries()).unwrap();
        assert!(packed.len() < 2_000, "{}", packed.len());
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        for entry in entries() {
            let mut file = archive.by_name(&entry.path).unwrap();
            let mode = file.unix_mode().unwrap() & 0o777;
            assert_eq!(mode, if entry.is_program { 0o755 } else { 0o644 });
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, entry.bytes);
        }
    }

    #[test]
    fn the_same_content_makes_the_same_bytes() {
        assert_eq!(pack(&entries()).unwrap(), pack(&entries()).unwrap());
    }

    #[test]
    fn a_path_that_is_there_twice_is_refused() {
        let twice: Vec<Entry> = entries().into_iter().chain(entries()).collect();
        assert!(pack(&twice).is_err());
    }
}
