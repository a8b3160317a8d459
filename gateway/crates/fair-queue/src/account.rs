//! What a flow is charged in.

use std::time::Duration;

/// What a flow has been charged: nanoseconds of a slot, divided by its weight; with [`Charge::Turn`] billionths of a turn.
pub(crate) type Account = u128;

/// A turn, in the unit of an [`Account`] of weight 1.
pub(crate) const TURN: Account = 1_000_000_000;

/// What a flow pays for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charge {
    /// The time that its requests hold slots, while they do: nothing is estimated and nothing given back.
    #[default]
    Time,
    /// Each request that starts, however long it takes: plain round robin.
    Turn,
}

/// A flow's part of the slots, in relation to the others': twice the weight, twice the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u32);

impl Weight {
    /// The weight of a flow of which nothing is said.
    pub const ONE: Self = Self::from_thousandths(1_000);

    /// The least and the greatest, in thousandths.
    pub const BOUNDS: (u32, u32) = (1, 1_000_000);

    /// `thousandths` / 1000, or the nearest bound.
    pub const fn from_thousandths(thousandths: u32) -> Self {
        let (least, greatest) = Self::BOUNDS;
        Self(if thousandths < least {
            least
        } else if thousandths > greatest {
            greatest
        } else {
            thousandths
        })
    }

    /// As a number.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1e3
    }

    /// `amount`, as it is charged to a flow of this weight.
    pub(crate) fn divide(self, amount: Account) -> Account {
        amount.saturating_mul(1_000) / Account::from(self.0)
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

/// `slots` held for `time`, by a flow of weight 1.
pub(crate) fn slot_time(slots: usize, time: Duration) -> Account {
    time.as_nanos().saturating_mul(slots as u128)
}
