//! Identifiers of users, and the lists of what they may do.

use std::ffi::c_void;
use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::{HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo,
    SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, GetSecurityDescriptorControl,
    GetSecurityDescriptorDacl, GetSecurityDescriptorOwner, INHERIT_ONLY_ACE, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, SE_DACL_PROTECTED, SECURITY_ATTRIBUTES,
};

use super::wide::{text_at, wide};
use super::{check, size_of_u32};

/// ACCESS_ALLOWED_ACE_TYPE (winnt.h).
const ALLOWED: u8 = 0;

/// The system, its administrators, and what the system's own files belong to: they may do everything.
pub(super) const SYSTEM: &str = "S-1-5-18";
pub(super) const ADMINISTRATORS: &str = "S-1-5-32-544";
pub(super) const TRUSTED_INSTALLER: &str = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";

/// What stands for the owner: `CREATOR OWNER` and `OWNER RIGHTS`.
pub(super) const OWNERS: [&str; 2] = ["S-1-3-0", "S-1-3-4"];

/// What one identifier may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// The identifier, in its written form.
    pub(super) sid: String,
    /// The rights.
    pub(super) mask: u32,
}

/// Owner and list of something, in the system's memory.
#[derive(Debug)]
pub(super) struct Descriptor(PSECURITY_DESCRIPTOR);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the system has allocated it so, and this is its only owner.
        unsafe { LocalFree(self.0) };
    }
}

impl Descriptor {
    /// What is written in the security descriptor definition language.
    pub(super) fn parse(text: &str) -> io::Result<Self> {
        let (text, mut descriptor) = (wide(text), ptr::null_mut());
        // SAFETY: a text that ends with NUL, and room for a pointer.
        check(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        })?;
        Ok(Self(descriptor))
    }

    /// That of an open file or folder.
    pub(super) fn of_file(file: HANDLE) -> io::Result<Self> {
        let mut descriptor = ptr::null_mut();
        // SAFETY: a handle that is open, and room for a pointer.
        let error = unsafe {
            GetSecurityInfo(
                file,
                SE_FILE_OBJECT,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                &raw mut descriptor,
            )
        };
        if error == 0 { Ok(Self(descriptor)) } else { Err(io::Error::from_raw_os_error(error.cast_signed())) }
    }

    /// The attributes with which something is made, of which a program that this process starts inherits nothing.
    pub(super) fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: size_of_u32::<SECURITY_ATTRIBUTES>(),
            lpSecurityDescriptor: self.0,
            bInheritHandle: 0,
        }
    }

    /// For the system's calls.
    pub(super) fn as_ptr(&self) -> PSECURITY_DESCRIPTOR {
        self.0
    }

    /// The owner, in its written form.
    pub(super) fn owner(&self) -> io::Result<String> {
        let (mut owner, mut is_default) = (ptr::null_mut(), 0);
        // SAFETY: a valid descriptor, and room for a pointer into it and a number.
        check(unsafe { GetSecurityDescriptorOwner(self.0, &raw mut owner, &raw mut is_default) })?;
        // SAFETY: an identifier of the descriptor.
        unsafe { written(owner) }
    }

    /// The list, which ends with the descriptor; null: there is none, and everyone may do everything.
    pub(super) fn list(&self) -> io::Result<*mut ACL> {
        let (mut is_present, mut list, mut is_default) = (0, ptr::null_mut(), 0);
        // SAFETY: a valid descriptor, and room for a pointer into it and two numbers.
        check(unsafe {
            GetSecurityDescriptorDacl(self.0, &raw mut is_present, &raw mut list, &raw mut is_default)
        })?;
        Ok(if is_present == 0 { ptr::null_mut() } else { list })
    }

    /// Whether the list is its own, and not the folder's.
    pub(super) fn is_protected(&self) -> io::Result<bool> {
        let (mut control, mut revision) = (0, 0);
        // SAFETY: a valid descriptor, and room for two numbers.
        check(unsafe { GetSecurityDescriptorControl(self.0, &raw mut control, &raw mut revision) })?;
        Ok(control & SE_DACL_PROTECTED != 0)
    }

    /// What the list allows for the thing itself; `None`: there is no list, and everyone may do everything. Entries of other kinds
    /// take rights away, or let in those that an application knows.
    pub(super) fn grants(&self) -> io::Result<Option<Vec<Grant>>> {
        let list = self.list()?;
        if list.is_null() {
            return Ok(None);
        }
        let mut grants = Vec::new();
        // SAFETY: a valid list.
        for at in 0..u32::from(unsafe { (*list).AceCount }) {
            let mut found: *mut c_void = ptr::null_mut();
            // SAFETY: a valid list, and room for a pointer.
            check(unsafe { GetAce(list, at, &raw mut found) })?;
            // SAFETY: every entry begins with its header.
            let header = unsafe { *found.cast::<ACE_HEADER>() };
            if header.AceType != ALLOWED || u32::from(header.AceFlags) & INHERIT_ONLY_ACE != 0 {
                continue;
            }
            let allowed = found.cast::<ACCESS_ALLOWED_ACE>();
            // SAFETY: the header says that it is one; its identifier begins where the last field is.
            let grant = unsafe {
                Grant { sid: written((&raw mut (*allowed).SidStart).cast())?, mask: (*allowed).Mask }
            };
            grants.push(grant);
        }
        Ok(Some(grants))
    }
}

/// An identifier in its written form.
///
/// # Safety
/// It is valid.
unsafe fn written(sid: PSID) -> io::Result<String> {
    let mut text = ptr::null_mut();
    // SAFETY: a valid identifier, and room for a pointer.
    check(unsafe { ConvertSidToStringSidW(sid, &raw mut text) })?;
    // SAFETY: a text that ends with NUL; it is freed once, as the call's documentation says.
    unsafe {
        let name = text_at(text);
        LocalFree(text.cast());
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_says_whose_it_is_and_who_may_do_what() {
        let text = format!("O:{SYSTEM}D:P(A;;FR;;;WD)(D;;FW;;;WD)(A;OICIIO;FA;;;WD)(A;;FA;;;{SYSTEM})");
        let descriptor = Descriptor::parse(&text).unwrap();
        assert_eq!(descriptor.owner().unwrap(), SYSTEM);
        assert!(descriptor.is_protected().unwrap());
        let grants = descriptor.grants().unwrap().unwrap();
        assert_eq!(grants.iter().map(|grant| grant.sid.as_str()).collect::<Vec<_>>(), ["S-1-1-0", SYSTEM]);
        Descriptor::parse("nonsense").unwrap_err();
    }
}
