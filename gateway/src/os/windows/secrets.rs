//! Secrets in files: encrypted with a key of the user's log-in (DPAPI), within a file that the user alone may read. That works
//! without a desktop session, and what is copied to another machine or read by another user is of no use.

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData, CryptUnprotectData,
};

use super::check;

/// What is written to a private file so that `secret` can be read from it again.
///
/// # Errors
/// The system's.
pub fn seal(secret: &[u8]) -> io::Result<Vec<u8>> {
    let (input, mut output) = (blob(secret)?, CRYPT_INTEGER_BLOB::default());
    // SAFETY: bytes that are only read, and room for where the system puts others.
    check(unsafe {
        CryptProtectData(
            &raw const input,
            ptr::null(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &raw mut output,
        )
    })?;
    // SAFETY: what the call above has made.
    Ok(unsafe { taken(output) })
}

/// The secret in what [`seal`] has made.
///
/// # Errors
/// The system's: it was made by another user or on another machine, or is damaged.
#[allow(clippy::needless_pass_by_value, reason = "elsewhere it is what is returned")]
pub fn open_sealed(sealed: Vec<u8>) -> io::Result<Vec<u8>> {
    let (input, mut output) = (blob(&sealed)?, CRYPT_INTEGER_BLOB::default());
    // SAFETY: bytes that are only read, and room for where the system puts others.
    check(unsafe {
        CryptUnprotectData(
            &raw const input,
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &raw mut output,
        )
    })?;
    // SAFETY: what the call above has made.
    Ok(unsafe { taken(output) })
}

/// Bytes for the system, which does not change them.
fn blob(bytes: &[u8]) -> io::Result<CRYPT_INTEGER_BLOB> {
    let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    Ok(CRYPT_INTEGER_BLOB { cbData: length, pbData: bytes.as_ptr().cast_mut() })
}

/// What the system has put somewhere, which is overwritten and freed there.
///
/// # Safety
/// It is the system's, and nothing else uses it.
unsafe fn taken(output: CRYPT_INTEGER_BLOB) -> Vec<u8> {
    if output.pbData.is_null() {
        return Vec::new();
    }
    let length = usize::try_from(output.cbData).unwrap_or(0);
    // SAFETY: as many bytes as the system says, of memory that is ours now, and is freed once.
    unsafe {
        let place = std::slice::from_raw_parts_mut(output.pbData, length);
        let bytes = place.to_vec();
        place.fill(0);
        LocalFree(output.pbData.cast());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_not_read_and_can_be_opened() {
        let sealed = seal(b"a secret").unwrap();
        assert!(!sealed.windows(8).any(|part| part == b"a secret"));
        assert_eq!(open_sealed(sealed.clone()).unwrap(), b"a secret");
        let damaged = [&sealed[..sealed.len() / 2], b"x"].concat();
        open_sealed(damaged).unwrap_err();
        open_sealed(b"{}".to_vec()).unwrap_err();
    }
}
