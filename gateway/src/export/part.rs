//! A file while it is written: hidden, locked, counted, and gone unless it is published.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use uuid::Uuid;

use super::folder::ExportFolder;
use super::sink::ExportBounds;
use crate::os;

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 256 << 10;
/// The disk is looked at every so many bytes.
const LOOK_BYTES: u64 = 8 << 20;
/// How often a name is made anew that another gateway takes for a dead one's.
const ATTEMPTS_MAX: u32 = 5;

const ENDING: &str = ".part";
const RANDOM_CHARS: usize = 16;

/// A file that is being written.
#[derive(Debug)]
pub struct PartFile {
    folder: Arc<ExportFolder>,
    name: String,
    /// `None` once it is published.
    file: Option<File>,
    buffer: Vec<u8>,
    digest: Digest,
    bytes: u64,
    looked_at: u64,
    bounds: ExportBounds,
}

struct Digest(Context);

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SHA-256")
    }
}

/// Whether `name` is that of a file that is being written, or was.
pub(super) fn is_part(name: &str) -> bool {
    let rest = name.strip_prefix('.').and_then(|name| name.strip_suffix(ENDING));
    rest.and_then(|rest| rest.rsplit_once('.')).is_some_and(|(name, random)| {
        !name.is_empty()
            && random.len() == RANDOM_CHARS
            && random.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

impl PartFile {
    /// Makes one in `folder`, which may become `name`.
    ///
    /// # Errors
    /// The system's; there is too little room.
    pub(super) fn create(folder: Arc<ExportFolder>, name: &str, bounds: ExportBounds) -> io::Result<Self> {
        check_room(&folder, &bounds, 0)?;
        for _ in 0..ATTEMPTS_MAX {
            let random = Uuid::new_v4().simple().to_string();
            let part = format!(".{name}.{}{ENDING}", &random[..RANDOM_CHARS]);
            let file = folder.open.create(&part)?;
            // Where a file system has no locks, nothing is swept either.
            let is_locked = !matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock));
            if is_locked && folder.open.has(&part)? {
                return Ok(Self {
                    folder,
                    name: part,
                    file: Some(file),
                    buffer: Vec::with_capacity(BUFFER_BYTES),
                    digest: Digest(Context::new(&SHA256)),
                    bytes: 0,
                    looked_at: 0,
                    bounds,
                });
            }
        }
        Err(io::Error::other("other gateways removed it as often as it was made"))
    }

    /// Adds `bytes`.
    ///
    /// # Errors
    /// The system's; `FileTooLarge` beyond the bound, `StorageFull` where too little room would be left.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let bytes = self.bytes + self.buffer.len() as u64;
        if bytes > self.bounds.bytes_max {
            let message = format!(
                "it would have more than {} bytes (`limits.export_bytes_max`)",
                self.bounds.bytes_max
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        if bytes - self.looked_at >= LOOK_BYTES {
            self.looked_at = bytes;
            check_room(&self.folder, &self.bounds, self.buffer.len() as u64)?;
        }
        file.write_all(&self.buffer)?;
        self.digest.0.update(&self.buffer);
        self.bytes = bytes;
        self.buffer.clear();
        self.buffer.shrink_to(2 * BUFFER_BYTES);
        Ok(())
    }

    /// Bytes that it has so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes + self.buffer.len() as u64
    }

    /// All is written: waits until it is on disk.
    ///
    /// # Errors
    /// The system's, and those of a bound.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.buffer = Vec::new();
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }

    /// Its SHA-256 so far, as hexadecimal digits.
    pub(super) fn sha256(&self) -> String {
        hexadecimal(self.digest.0.clone().finish().as_ref())
    }

    /// Has it appear as `name`, where nothing has that name.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where something has it. It is removed then.
    pub(super) fn publish(mut self, name: &str) -> io::Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let published = self.folder.open.publish(file, &self.name, name).and_then(|()| self.stay(name));
        if published.is_err() {
            let _ = self.folder.open.remove(&self.name);
        }
        published
    }

    /// It is where its path says, for good.
    fn stay(&self, name: &str) -> io::Result<()> {
        if self.folder.is_in_place() {
            return self.folder.open.sync();
        }
        let _ = self.folder.open.remove(name);
        Err(io::Error::new(io::ErrorKind::NotFound, "the folder was moved or replaced meanwhile"))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // It may have been removed with its folder.
            let _ = self.folder.open.remove(&self.name);
        }
    }
}

fn check_room(folder: &ExportFolder, bounds: &ExportBounds, bytes: u64) -> io::Result<()> {
    if folder.open.disk()?.free_bytes >= bounds.free_bytes_min.saturating_add(bytes) {
        Ok(())
    } else {
        Err(os::full_disk(bounds.free_bytes_min))
    }
}

/// Whether the file `name` in `folder` has this SHA-256 and these bytes.
pub(super) fn is_same(folder: &ExportFolder, name: &str, sha256: &str, bytes: u64) -> bool {
    let same = || -> io::Result<bool> {
        let mut file = folder.open.read(name)?;
        if file.metadata()?.len() != bytes {
            return Ok(false);
        }
        let (mut context, mut buffer) = (Context::new(&SHA256), vec![0; BUFFER_BYTES]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hexadecimal(context.finish().as_ref()) == sha256),
                read => context.update(&buffer[..read]),
            }
        }
    };
    same().unwrap_or(false)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
