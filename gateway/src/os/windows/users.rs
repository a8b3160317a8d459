//! The names of users.

use std::ptr;

use snowgate_link::os::user;
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::ConvertStringSidToSidW;
use windows_sys::Win32::Security::{LookupAccountSidW, PSID, SID_NAME_USE};

use snowgate_link::os::{text_of, wide};

/// Units that a name may have, and that of its domain.
const NAME_UNITS_MAX: u32 = 512;

/// This user, for people.
pub fn own_user() -> String {
    name_of_sid(&user().0)
}

/// The name of a user of this system, by the number that the link has for it: none but this user is ever let in.
pub fn user_name(number: u32) -> Option<String> {
    let own = user();
    if own.number() == number { look_up(&own.0) } else { None }
}

/// The name behind an identifier, or the identifier.
pub(super) fn name_of_sid(sid: &str) -> String {
    look_up(sid).unwrap_or_else(|| sid.to_owned())
}

/// `DOMAIN\name`, or the name alone of what belongs to no domain.
fn look_up(sid: &str) -> Option<String> {
    let (text, mut sid): (_, PSID) = (wide(sid), ptr::null_mut());
    // SAFETY: a text that ends with NUL, and room for a pointer.
    if unsafe { ConvertStringSidToSidW(text.as_ptr(), &raw mut sid) } == 0 {
        return None;
    }
    let mut name = vec![0; NAME_UNITS_MAX as usize];
    let mut domain = name.clone();
    let (mut name_units, mut domain_units) = (NAME_UNITS_MAX, NAME_UNITS_MAX);
    let mut kind: SID_NAME_USE = 0;
    // SAFETY: an identifier that the call above has made and that is freed once, and as much room as is said.
    let found = unsafe {
        let found = LookupAccountSidW(
            ptr::null(),
            sid,
            name.as_mut_ptr(),
            &raw mut name_units,
            domain.as_mut_ptr(),
            &raw mut domain_units,
            &raw mut kind,
        );
        LocalFree(sid);
        found
    };
    let (name, domain) = (text_of(&name), text_of(&domain));
    match (found, domain.is_empty()) {
        (0, _) => None,
        (_, true) => Some(name),
        (_, false) => Some(format!("{domain}\\{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_user_has_a_name_and_nobody_has_none() {
        let own = user_name(user().number()).unwrap();
        assert!(!own.is_empty() && own == own_user());
        assert_eq!(user_name(user().number() + 1), None);
        assert_eq!(name_of_sid("S-1-5-21-1-2-3-4"), "S-1-5-21-1-2-3-4");
    }
}
