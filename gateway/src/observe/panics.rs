//! What the log says of a panic: where it was, and its message only if that is a text of the code.
//!
//! A message that is made at run time may quote what the code had in hand: a slice of a statement in the middle of a character
//! says the statement.

use std::any::Any;
use std::panic::{PanicHookInfo, set_hook};

/// From here on, panics are logged and not printed.
pub fn log_panics() {
    set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(tracing::field::display);
    let thread = std::thread::current();
    tracing::error!(location, thread = thread.name(), reason = fixed_text(panic.payload()), "panic");
}

/// The message, if no value went into it: the others are made as `String`.
fn fixed_text(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn only_a_text_of_the_code_is_said() {
        let said = |panics: fn(&str)| {
            let payload = catch_unwind(|| panics("select 'é' from hush")).unwrap_err();
            fixed_text(payload.as_ref())
        };
        assert_eq!(said(|_| panic!("a text of ours")), Some("a text of ours"));
        assert_eq!(said(|sql| panic!("{sql}")), None);
        assert_eq!(said(|sql| assert_eq!(&sql[..9], "x", "within a character")), None);
        assert_eq!(said(|sql| assert_eq!(sql.parse::<u8>().unwrap(), 0)), None);
    }
}
