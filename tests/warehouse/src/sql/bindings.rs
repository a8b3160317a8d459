//! Values that are bound to the `?` of a statement.
//!
//! Each takes the place of its `?` as one token, whatever is in it: it is never read as text of the statement.

use std::collections::BTreeMap;

use serde_json::Value;

use super::SqlError;
use super::tokens::{Placed, Token};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// What a request binds, by position from 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bindings(BTreeMap<usize, Binding>);

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// `TEXT`, `FIXED` ...
    pub kind: String,
    /// Its text; `None`: NULL.
    pub value: Option<String>,
}

impl Bindings {
    /// Those of a request's body.
    pub(crate) fn of(body: &Value) -> Self {
        let all = body["bindings"].as_object().into_iter().flatten();
        let read = |(at, binding): (&String, &Value)| {
            let kind = binding["type"].as_str()?.to_owned();
            let value = binding["value"].as_str().map(str::to_owned);
            Some((at.parse().ok()?, Binding { kind, value }))
        };
        Self(all.filter_map(read).collect())
    }

    /// The values in the order of their places.
    pub fn values(&self) -> impl Iterator<Item = &Binding> {
        self.0.values()
    }

    /// Puts the values in the places of `tokens`.
    ///
    /// # Errors
    /// A place has no value, or a value is none of its type.
    pub(super) fn apply(&self, tokens: &mut [Placed]) -> Result<(), SqlError> {
        let places = tokens.iter_mut().filter(|placed| placed.token == Token::Sign('?'));
        for (at, placed) in places.enumerate() {
            let binding = self.0.get(&(at + 1));
            let binding = binding.ok_or_else(|| {
                SqlError::new("002049", "42601", format!("Bind variable ? {} not set.", at + 1))
            })?;
            placed.token = binding.token().ok_or_else(|| {
                SqlError::new(
                    "100038",
                    "22018",
                    format!("{} value {:?} is not recognized", binding.kind, binding.value),
                )
            })?;
        }
        Ok(())
    }
}

impl Binding {
    fn token(&self) -> Option<Token> {
        let Some(value) = &self.value else { return Some(Token::Word("NULL".to_owned())) };
        let is_number = value.parse::<f64>().is_ok();
        Some(match self.kind.as_str() {
            "TEXT" => Token::Text(value.clone()),
            "FIXED" | "REAL" if is_number => Token::Number(value.clone()),
            "BOOLEAN" => match value.as_str() {
                "true" => Token::Word("TRUE".to_owned()),
                "false" => Token::Word("FALSE".to_owned()),
                _ => return None,
            },
            "DATE" => Token::Text(day(value.parse::<i64>().ok()?.div_euclid(DAY_MS))),
            "TIMESTAMP_NTZ" => {
                let nanoseconds = value.parse::<i128>().ok()?;
                let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
                let of_day = seconds.rem_euclid(86_400);
                let (hours, minutes, seconds_left) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
                let day = day(seconds.div_euclid(86_400));
                Token::Text(format!("{day} {hours:02}:{minutes:02}:{seconds_left:02}"))
            }
            _ => return None,
        })
    }
}

/// `YYYY-MM-DD` of a day since 1970, found year by year and month by month.
fn day(days: i64) -> String {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut year, mut left) = (1970, days);
    while left < 0 {
        year -= 1;
        left += if is_leap(year) { 366 } else { 365 };
    }
    while left >= if is_leap(year) { 366 } else { 365 } {
        left -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tokens::tokens;
    use super::*;

    fn bound(sql: &str, bindings: &Value) -> Result<Vec<Token>, SqlError> {
        let mut tokens = tokens(sql)?;
        Bindings::of(&json!({ "bindings": bindings })).apply(&mut tokens)?;
        Ok(tokens.into_iter().map(|placed| placed.token).collect())
    }

    #[test]
    fn a_value_is_one_token_whatever_is_in_it() {
        let hostile = "'; drop table t; -- ? \\";
        let read = bound("? '?'", &json!({"1": {"type": "TEXT", "value": hostile}})).unwrap();
        assert_eq!(read, [Token::Text(hostile.into()), Token::Text("?".into())]);
        let typed = json!({
            "1": {"type": "FIXED", "value": "-7"}, "2": {"type": "BOOLEAN", "value": "true"},
            "3": {"type": "DATE", "value": "-86400000"}, "4": {"type": "TEXT", "value": null},
            "5": {"type": "TIMESTAMP_NTZ", "value": "1500000000000000000"},
            "6": {"type": "DATE", "value": "1709164800000"},
        });
        let read = bound("? ? ? ? ? ?", &typed).unwrap();
        let text = |text: &str| Token::Text(text.into());
        let word = |word: &str| Token::Word(word.into());
        assert_eq!(
            read,
            [
                Token::Number("-7".into()),
                word("TRUE"),
                text("1969-12-31"),
                word("NULL"),
                text("2017-07-14 02:40:00"),
                text("2024-02-29"),
            ]
        );
    }

    #[test]
    fn a_place_without_a_value_and_a_wrong_one_are_errors() {
        assert!(bound("?", &json!({})).unwrap_err().message.contains("not set"));
        assert!(bound("?", &json!({"1": {"type": "FIXED", "value": "1 or 1=1"}})).is_err());
    }
}
