//! Identifiers of users, and the lists of what they may do.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_EXECUTE, GENERIC_READ, GENERIC_WRITE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo,
    SDDL_REVISION_1, SE_FILE_OBJECT, SE_KERNEL_OBJECT, SE_OBJECT_TYPE,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, GetSecurityDescriptorControl,
    GetSecurityDescriptorDacl, GetSecurityDescriptorOwner, INHERIT_ONLY_ACE, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, SE_DACL_PROTECTED, SECURITY_ATTRIBUTES,
};

use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_EXECUTE, FILE_READ_ATTRIBUTES, FILE_READ_EA,
    FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA, FILE_WRITE_EA, READ_CONTROL, SYNCHRONIZE, WRITE_DAC, WRITE_OWNER,
};

use super::wide::{text_at, wide};
use super::{check, user};

/// Kinds of entries that allow something (winnt.h): ACCESS_ALLOWED_ACE_TYPE, and ACCESS_ALLOWED_CALLBACK_ACE_TYPE, which looks
/// the same and depends on a condition. Those of objects are of no file.
const ALLOWED: u8 = 0;
const ALLOWED_ON_CONDITION: u8 = 9;

/// The system, its administrators, and what the system's own files belong to: they may do everything.
pub const SYSTEM: &str = "S-1-5-18";
/// See [`SYSTEM`].
pub const ADMINISTRATORS: &str = "S-1-5-32-544";
const TRUSTED_INSTALLER: &str = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";

/// What stands for the owner: `CREATOR OWNER` and `OWNER RIGHTS`.
const OWNERS: [&str; 2] = ["S-1-3-0", "S-1-3-4"];

/// The rights that change a file or what is in it.
const CHANGES: u32 = GENERIC_ALL
    | GENERIC_WRITE
    | FILE_WRITE_DATA
    | FILE_APPEND_DATA
    | FILE_WRITE_ATTRIBUTES
    | FILE_WRITE_EA
    | FILE_DELETE_CHILD
    | DELETE
    | WRITE_DAC
    | WRITE_OWNER;

/// The rights that tell nothing of what is in a file.
const HARMLESS: u32 =
    FILE_READ_ATTRIBUTES | FILE_READ_EA | READ_CONTROL | SYNCHRONIZE | FILE_EXECUTE | GENERIC_EXECUTE;

/// What else may have a part in a right to change a file: those that only read.
const _: () = assert!(CHANGES & (HARMLESS | GENERIC_READ) == 0);

/// The bits of others, for those who read and for those who change.
const OTHERS_READ: u32 = 0o044;
const OTHERS_CHANGE: u32 = 0o022;

/// What one identifier may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The identifier, in its written form.
    pub sid: String,
    /// The rights.
    pub mask: u32,
}

/// Owner and list of something, in the system's memory.
#[derive(Debug)]
pub struct Descriptor(PSECURITY_DESCRIPTOR);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the system has allocated it so, and this is its only owner.
        unsafe { LocalFree(self.0) };
    }
}

impl Descriptor {
    /// What is written in the security descriptor definition language.
    ///
    /// # Errors
    /// It is not.
    pub fn parse(text: &str) -> io::Result<Self> {
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
    ///
    /// # Errors
    /// The system's.
    pub fn of_file(file: &impl AsRawHandle) -> io::Result<Self> {
        Self::of(file, SE_FILE_OBJECT)
    }

    /// That of an open pipe: its first maker's, whichever process has made this instance.
    ///
    /// # Errors
    /// The system's.
    pub fn of_pipe(pipe: &impl AsRawHandle) -> io::Result<Self> {
        Self::of(pipe, SE_KERNEL_OBJECT)
    }

    fn of(thing: &impl AsRawHandle, kind: SE_OBJECT_TYPE) -> io::Result<Self> {
        let mut descriptor = ptr::null_mut();
        // SAFETY: a handle that is open, and room for a pointer.
        let error = unsafe {
            GetSecurityInfo(
                thing.as_raw_handle(),
                kind,
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
    pub fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(0),
            lpSecurityDescriptor: self.0,
            bInheritHandle: 0,
        }
    }

    /// For the system's calls.
    pub fn as_ptr(&self) -> PSECURITY_DESCRIPTOR {
        self.0
    }

    /// The owner, in its written form.
    ///
    /// # Errors
    /// The system's.
    pub fn owner(&self) -> io::Result<String> {
        let (mut owner, mut is_default) = (ptr::null_mut(), 0);
        // SAFETY: a valid descriptor, and room for a pointer into it and a number.
        check(unsafe { GetSecurityDescriptorOwner(self.0, &raw mut owner, &raw mut is_default) })?;
        // SAFETY: an identifier of the descriptor.
        unsafe { written(owner) }
    }

    /// The list, which ends with the descriptor; null: there is none, and everyone may do everything.
    ///
    /// # Errors
    /// The system's.
    pub fn list(&self) -> io::Result<*mut ACL> {
        let (mut is_present, mut list, mut is_default) = (0, ptr::null_mut(), 0);
        // SAFETY: a valid descriptor, and room for a pointer into it and two numbers.
        check(unsafe {
            GetSecurityDescriptorDacl(self.0, &raw mut is_present, &raw mut list, &raw mut is_default)
        })?;
        Ok(if is_present == 0 { ptr::null_mut() } else { list })
    }

    /// Whether the list is its own, and not the folder's.
    ///
    /// # Errors
    /// The system's.
    pub fn is_protected(&self) -> io::Result<bool> {
        let (mut control, mut revision) = (0, 0);
        // SAFETY: a valid descriptor, and room for two numbers.
        check(unsafe { GetSecurityDescriptorControl(self.0, &raw mut control, &raw mut revision) })?;
        Ok(control & SE_DACL_PROTECTED != 0)
    }

    /// What the list allows for the thing itself; `None`: there is no list, and everyone may do everything. Entries of other kinds
    /// take rights away, or are of no file.
    ///
    /// # Errors
    /// The system's.
    pub fn grants(&self) -> io::Result<Option<Vec<Grant>>> {
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
            if ![ALLOWED, ALLOWED_ON_CONDITION].contains(&header.AceType)
                || u32::from(header.AceFlags) & INHERIT_ONLY_ACE != 0
            {
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
pub(super) unsafe fn written(sid: PSID) -> io::Result<String> {
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

/// What those may do that are neither this user nor may do everything, in the bits of a mode, and who they are.
pub fn rights_of_others(grants: Option<&[Grant]>) -> (u32, Vec<String>) {
    const EVERYONE: &str = "S-1-1-0";
    let Some(grants) = grants else { return (OTHERS_READ | OTHERS_CHANGE, vec![EVERYONE.to_owned()]) };
    let (mut bits, mut who) = (0, Vec::new());
    let own = user().0;
    for Grant { sid, mask } in grants {
        let is_other = *sid != own && !is_trusted(sid) && !OWNERS.contains(&sid.as_str());
        if !is_other || mask & !HARMLESS == 0 {
            continue;
        }
        bits |= if mask & CHANGES == 0 { OTHERS_READ } else { OTHERS_CHANGE };
        if mask & !(HARMLESS | CHANGES) != 0 || mask & GENERIC_ALL != 0 {
            bits |= OTHERS_READ;
        }
        if !who.contains(sid) {
            who.push(sid.clone());
        }
    }
    (bits, who)
}

/// Whether an identifier is that of the system or its administrators.
pub fn is_trusted(sid: &str) -> bool {
    [SYSTEM, ADMINISTRATORS, TRUSTED_INSTALLER].contains(&sid)
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

    fn bits(list: &str) -> u32 {
        rights_of_others(Descriptor::parse(list).unwrap().grants().unwrap().as_deref()).0
    }

    #[test]
    fn a_list_is_read_as_a_mode() {
        let own = user();
        assert_eq!(bits(&format!("D:P(A;;FA;;;{own})(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)")), 0);
        assert_eq!(bits("D:(A;;FR;;;WD)"), 0o044);
        assert_eq!(bits("D:(A;;FW;;;BU)"), 0o022);
        assert_eq!(bits("D:(A;;FR;;;BU)(A;;FW;;;WD)"), 0o066);
        assert_eq!(bits("D:(A;;FA;;;AU)"), 0o066);
        assert_eq!(bits("D:(A;;GA;;;AU)"), 0o066);
        assert_eq!(bits("D:(A;;FX;;;AU)(A;OICIIO;FA;;;WD)"), 0, "neither read nor changed");
        assert_eq!(rights_of_others(None).0, 0o066, "no list lets in everyone");
    }
}
