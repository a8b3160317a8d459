//! How a layer may change a value that an earlier one has set.
//!
//! The layers, in the order in which they are read: the defaults, the system's file, the user's file, the
//! environment. The gateway serves all clients of a user, but its environment is that of the one client that
//! happened to start it. So what protects is decided by the files, and a later layer can only narrow it; of
//! everything else the later layer's value is used.

use super::kind::Value;

/// How a later layer may change a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// It protects nothing: the later value is used.
    Free,
    /// A bound: what a file sets may be lowered. One that no file sets is not decided yet: a variable may
    /// raise it.
    AtMost,
    /// As [`Self::AtMost`], where 0 is no limit.
    Limit,
    /// It may become `true`. If that is its default, only a file can set `false`.
    True,
    /// It may become `false`. If that is its default, only a file can set `true`.
    False,
    /// A choice, which stays as the system's file made it. If that does not, the later value is used: a client
    /// may name an account or a folder of its own.
    Fixed,
    /// As [`Self::Fixed`], and also if the system's file has set the account or the connection: credentials
    /// are sent only where the file that names the account wants them.
    Account,
}

impl Protection {
    /// Every kind that protects, for the reference page.
    pub(super) const ALL: [Self; 6] =
        [Self::AtMost, Self::Limit, Self::True, Self::False, Self::Fixed, Self::Account];

    /// Whether `new` is no wider than `current`.
    pub(super) fn narrows(self, current: &Value, new: &Value) -> bool {
        match (self, current, new) {
            (Self::Free, ..) => true,
            (Self::AtMost, Value::Integer(current), Value::Integer(new)) => new <= current,
            (Self::Limit, Value::Integer(current), Value::Integer(new)) => {
                *current == 0 || (*new != 0 && new <= current)
            }
            (Self::True, _, Value::Boolean(new)) => *new || current == &Value::Boolean(false),
            (Self::False, _, Value::Boolean(new)) => !*new || current == &Value::Boolean(true),
            _ => current == new,
        }
    }

    /// Whether every file decides, and not the system's alone.
    pub(super) fn is_policy(self) -> bool {
        matches!(self, Self::AtMost | Self::Limit | Self::True | Self::False)
    }

    /// Whether the default is a protection too.
    pub(super) fn guards_default(self) -> bool {
        matches!(self, Self::True | Self::False)
    }

    /// The mark in the reference page.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Free => "",
            Self::AtMost => "lower",
            Self::Limit => "set or lower",
            Self::True => "`true`",
            Self::False => "`false`",
            Self::Fixed => "fixed",
            Self::Account => "fixed with the account",
        }
    }

    /// The mark's meaning, for the reference page.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Free => "the later value is used",
            Self::AtMost => "what a file sets can be lowered, but not raised",
            Self::Limit => {
                "what a file sets can be lowered, but neither raised nor set to 0, which is no limit"
            }
            Self::True => {
                "can become `true`, but not `false`; a variable cannot turn off a default of `true` either"
            }
            Self::False => {
                "can become `false`, but not `true`; a variable cannot turn on a default of `false` either"
            }
            Self::Fixed => "stays as the system's file sets it; else the later value is used",
            Self::Account => {
                "as fixed, and it stays, too, if the system's file sets `account` or `connection`"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_can_be_lowered_only() {
        let narrows = |new| Protection::AtMost.narrows(&Value::Integer(5), &Value::Integer(new));
        assert!(narrows(4) && narrows(5) && !narrows(6));
    }

    #[test]
    fn a_limit_can_be_set_and_lowered_and_not_lifted() {
        let narrows =
            |current, new| Protection::Limit.narrows(&Value::Integer(current), &Value::Integer(new));
        assert!(narrows(5, 4) && narrows(5, 5) && narrows(0, 9) && narrows(0, 0));
        assert!(!narrows(5, 6) && !narrows(5, 0));
    }

    #[test]
    fn a_switch_can_be_turned_to_its_safe_side_only() {
        for (protection, safe) in [(Protection::True, true), (Protection::False, false)] {
            for (current, new) in [(true, true), (true, false), (false, true), (false, false)] {
                let expected = new == safe || current == new;
                let (current, new) = (Value::Boolean(current), Value::Boolean(new));
                assert_eq!(
                    protection.narrows(&current, &new),
                    expected,
                    "{protection:?} {current:?} {new:?}"
                );
            }
        }
    }

    #[test]
    fn a_choice_stays_and_what_protects_nothing_can_change() {
        let (one, two) = (Value::Text("one".to_owned()), Value::Text("two".to_owned()));
        for fixed in [Protection::Fixed, Protection::Account] {
            assert!(fixed.narrows(&one, &one) && !fixed.narrows(&one, &two));
        }
        assert!(Protection::Free.narrows(&one, &two));
    }
}
