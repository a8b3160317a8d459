//! Writes a pattern, a token at a time.

use super::PATTERN_BYTES_MAX;
use super::keywords::{self, Keyword};
use super::pieces::{Piece, What};

/// What stands for a literal.
const LITERAL: &str = "?";

/// What stands for what is left out.
const MORE: &str = "…";

/// A longer name between quotes is none.
const QUOTED_BYTES_MAX: usize = 128;

/// What was written last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Nothing.
    Begin,
    Keyword(Keyword),
    /// A name, quoted or not.
    Name,
    Literal,
    /// A sign between two operands, a bracket, a comma.
    Sign(char),
    /// A sign that belongs to what follows: `-x`.
    Prefix(char),
}

/// What is in a pair of brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Plain,
    /// A list, of whose elements those that are alike are written once: where the present one begins, and the one before.
    List {
        begin: usize,
        last: Option<(usize, usize)>,
    },
    /// A row, of which the first one is written.
    Row,
}

/// See the module.
pub(super) struct Writer {
    out: String,
    /// The text goes on behind what is read.
    is_cut: bool,
    before: Before,
    /// Where the piece before ended.
    before_end: usize,
    /// A number ended there, which may go on; and whether with an exponent.
    number: Option<(usize, bool)>,
    groups: Vec<Group>,
    /// Lists among them.
    lists: usize,
    /// Brackets open of a row that is left out.
    left_out: usize,
    /// A row of VALUES has ended: those behind it are left out.
    is_behind_row: bool,
    /// Where the first text or quoted name stands in the pattern.
    first_quote: Option<usize>,
    is_pragma: bool,
    is_full: bool,
}

impl Writer {
    pub(super) fn new(is_cut: bool) -> Self {
        Self {
            out: String::with_capacity(128),
            is_cut,
            before: Before::Begin,
            before_end: 0,
            number: None,
            groups: Vec::new(),
            lists: 0,
            left_out: 0,
            is_behind_row: false,
            first_quote: None,
            is_pragma: false,
            is_full: false,
        }
    }

    /// Takes the next piece; `next`: the one behind it. A pattern that is full takes no more, and the rest is read all the
    /// same: only at its end is it known whether quotes were in step.
    pub(super) fn note(&mut self, piece: &Piece<'_>, next: Option<&Piece<'_>>) {
        if !self.leaves_out(piece, next) && !self.continues_number(piece) {
            self.take(piece, next);
        }
        self.before_end = piece.end;
        self.is_full |= self.out.len() > PATTERN_BYTES_MAX - MORE.len() && self.lists == 0;
    }

    /// Whether the piece belongs to a row behind the first one.
    fn leaves_out(&mut self, piece: &Piece<'_>, next: Option<&Piece<'_>>) -> bool {
        if self.left_out > 0 {
            match piece.what {
                What::Sign('(') => self.left_out += 1,
                What::Sign(')') => self.left_out -= 1,
                _ => {}
            }
            self.is_behind_row = self.left_out == 0;
            return true;
        }
        if !std::mem::take(&mut self.is_behind_row) {
            return false;
        }
        match piece.what {
            What::Sign(',') if next.is_some_and(|next| next.what == What::Sign('(')) => {
                self.is_behind_row = true;
            }
            What::Sign('(') => self.left_out = 1,
            _ => return false,
        }
        true
    }

    /// The pattern of a text that has its end.
    pub(super) fn end(mut self) -> String {
        if self.is_cut && !self.is_among_rows() {
            return self.cut();
        }
        self.shorten();
        while self.out.ends_with([';', ' ']) {
            self.out.pop();
        }
        self.out
    }

    /// The pattern of a text that ends in the middle.
    pub(super) fn cut(mut self) -> String {
        self.shorten();
        if !self.out.ends_with(MORE) {
            self.out.push_str(MORE);
        }
        self.out
    }

    /// The pattern of a text whose quotes are not in step.
    pub(super) fn broken(mut self) -> String {
        // One that is cut has its end behind what is read.
        if self.is_cut && self.is_among_rows() {
            self.is_cut = false;
            return self.end();
        }
        if let Some(first) = self.first_quote.filter(|_| !self.is_cut) {
            self.out.truncate(first.min(self.out.len()));
        }
        self.is_full = false;
        self.cut()
    }

    /// Whether more of the statement would most likely add nothing: it is in the rows behind the first one.
    fn is_among_rows(&self) -> bool {
        self.left_out > 0 || self.is_behind_row
    }

    fn shorten(&mut self) {
        if self.out.len() > PATTERN_BYTES_MAX - MORE.len() {
            self.out.truncate(self.out.floor_char_boundary(PATTERN_BYTES_MAX - MORE.len()));
            self.out.push_str(MORE);
        }
    }

    /// Whether a value can stand here, so that a sign is a number's.
    fn wants_value(&self) -> bool {
        match self.before {
            Before::Begin => true,
            Before::Sign(sign) => !matches!(sign, ')' | ']' | '}' | '.'),
            Before::Keyword(keyword) => {
                !matches!(keyword, Keyword::Constant | Keyword::Type | Keyword::Plain)
            }
            Before::Prefix(_) => true,
            Before::Name | Before::Literal => false,
        }
    }

    /// `.5`, `e-5` of a number that has begun.
    fn continues_number(&mut self, piece: &Piece<'_>) -> bool {
        let Some((end, is_exponent)) = self.number.take() else { return false };
        let goes_on = piece.begin == end
            && match piece.what {
                What::Sign('.') | What::Number => true,
                What::Sign('-' | '+') => is_exponent,
                _ => false,
            };
        if goes_on {
            self.number = Some((piece.end, ends_with_exponent(piece)));
        }
        goes_on
    }

    fn take(&mut self, piece: &Piece<'_>, next: Option<&Piece<'_>>) {
        let behind = next.map(|next| next.what);
        match piece.what {
            What::Text => {
                self.first_quote.get_or_insert(self.out.len());
                self.literal();
            }
            What::Number => {
                self.literal();
                self.number = Some((piece.end, ends_with_exponent(piece)));
            }
            What::Quoted => {
                self.first_quote.get_or_insert(self.out.len());
                self.quoted(piece, behind);
            }
            What::Word => self.word(piece, next),
            // As a blank.
            What::Sign(sign) if sign.is_control() => {}
            What::Sign('?') => {
                self.literal();
                self.number = Some((piece.end, false));
            }
            What::Sign('-' | '+')
                if self.wants_value()
                    && matches!(behind, Some(What::Number | What::Text | What::Sign('.'))) => {}
            // Of a number.
            What::Sign('.') if self.wants_value() && behind == Some(What::Number) => {}
            What::Sign(sign) => self.sign(sign, piece),
            What::Unfinished => {}
        }
    }

    fn literal(&mut self) {
        self.push(LITERAL, true);
        self.before = Before::Literal;
    }

    fn word(&mut self, piece: &Piece<'_>, next: Option<&Piece<'_>>) {
        let next_text = next.filter(|next| next.what == What::Text);
        if piece.is_prefix() && next_text.is_some_and(|next| next.begin == piece.end) {
            return;
        }
        let is_of_name =
            self.before == Before::Sign('.') || next.is_some_and(|next| next.what == What::Sign('.'));
        let keyword = if is_of_name { None } else { keywords::of(piece.text) };
        if self.is_pragma && self.before == Before::Sign('=') {
            return self.literal();
        }
        match keyword {
            Some(Keyword::Constant)
                if self.wants_value() && self.before != Before::Keyword(Keyword::Grammar) =>
            {
                self.literal();
            }
            Some(keyword) => {
                self.is_pragma |= self.out.is_empty() && piece.text.eq_ignore_ascii_case("PRAGMA");
                self.push(&piece.text.to_ascii_uppercase(), true);
                self.before = Before::Keyword(keyword);
            }
            None => {
                let is_tight = matches!(self.before, Before::Sign('.' | ':' | '@'));
                self.push(piece.text, !is_tight);
                self.before = Before::Name;
            }
        }
    }

    fn quoted(&mut self, piece: &Piece<'_>, behind: Option<What>) {
        let inside = piece.text.get(1..piece.text.len().saturating_sub(1)).unwrap_or_default();
        let is_odd = |c: char| c.is_control() || matches!(c, '\'' | '$' | '\u{2028}' | '\u{2029}');
        let is_name = inside.len() <= QUOTED_BYTES_MAX && !inside.contains(is_odd);
        let is_compared = match self.before {
            Before::Keyword(keyword) => matches!(keyword, Keyword::Compare),
            Before::Sign(sign) => match self.groups.last() {
                Some(Group::List { .. } | Group::Row) if matches!(sign, '(' | ',' | '[') => true,
                _ => is_operator(sign),
            },
            Before::Prefix(_) => true,
            Before::Begin | Before::Name | Before::Literal => false,
        };
        if !is_name || (is_compared && behind != Some(What::Sign('.'))) {
            return self.literal();
        }
        let is_tight = matches!(self.before, Before::Sign('.' | ':' | '@'));
        self.push(piece.text, !is_tight);
        self.before = Before::Name;
    }

    fn sign(&mut self, sign: char, piece: &Piece<'_>) {
        let wants_value = self.wants_value();
        match sign {
            '(' | '[' | '{' => self.open(sign),
            ')' | ']' | '}' => return self.close(sign),
            ',' => {
                self.fold_element();
                self.push(",", false);
                if let Some(Group::List { begin, .. }) = self.groups.last_mut() {
                    *begin = self.out.len();
                }
            }
            '.' | ';' => self.push(sign_text(sign, &mut [0; 4]), false),
            ':' => self.push(":", wants_value && !matches!(self.before, Before::Sign(':'))),
            _ => {
                let joins = piece.begin == self.before_end
                    && matches!(self.before, Before::Sign(before) if is_operator(before) || before == ':')
                    && is_operator(sign)
                    && !matches!(sign, '-' | '+' | '~');
                let is_prefix = wants_value && !joins && matches!(sign, '-' | '+' | '~');
                let text = &mut [0; 4];
                self.push(if sign == '\u{2192}' { "->>" } else { sign_text(sign, text) }, !joins);
                if is_prefix {
                    self.before = Before::Prefix(sign);
                    return;
                }
            }
        }
        self.before = Before::Sign(sign);
    }

    fn open(&mut self, sign: char) {
        let is_call =
            matches!(self.before, Before::Name | Before::Sign(')' | ']') | Before::Keyword(Keyword::Type));
        let is_in_list = matches!(self.groups.last(), Some(Group::List { .. }));
        let group = match self.before {
            Before::Keyword(Keyword::In) => Group::List { begin: 0, last: None },
            Before::Keyword(Keyword::Values) => Group::Row,
            _ if sign == '[' && self.wants_value() => Group::List { begin: 0, last: None },
            Before::Sign('(' | ',') if is_in_list => Group::Row,
            _ => Group::Plain,
        };
        self.push(sign_text(sign, &mut [0; 4]), !is_call);
        self.groups.push(match group {
            Group::List { .. } => {
                self.lists += 1;
                Group::List { begin: self.out.len(), last: None }
            }
            other => other,
        });
        self.before = Before::Sign(sign);
    }

    fn close(&mut self, sign: char) {
        self.fold_element();
        self.push(sign_text(sign, &mut [0; 4]), false);
        let group = self.groups.pop();
        self.lists -= usize::from(matches!(group, Some(Group::List { .. })));
        let is_row = group == Some(Group::Row);
        self.is_behind_row = is_row && !matches!(self.groups.last(), Some(Group::List { .. }));
        self.before = Before::Sign(sign);
    }

    /// Takes an element of a list back that is like the one before it.
    fn fold_element(&mut self) {
        let Some(Group::List { begin, last }) = self.groups.last_mut() else { return };
        let end = self.out.len();
        match *last {
            Some((first, until)) if self.out[first..until].trim() == self.out[(*begin).min(end)..].trim() => {
                self.out.truncate(until);
            }
            _ => *last = Some(((*begin).min(end), end)),
        }
    }

    fn push(&mut self, text: &str, is_spaced: bool) {
        if self.is_full {
            return;
        }
        let is_tight = matches!(
            self.before,
            Before::Begin | Before::Sign('(' | '[' | '{' | '.' | ':' | '@') | Before::Prefix(_)
        );
        if is_spaced && !is_tight && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.out.push_str(text);
    }
}

fn ends_with_exponent(piece: &Piece<'_>) -> bool {
    let is_hex = piece.text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    !is_hex && piece.text.ends_with(['e', 'E'])
}

fn is_operator(sign: char) -> bool {
    matches!(sign, '=' | '<' | '>' | '!' | '|' | '+' | '-' | '*' | '/' | '%' | '~' | '&' | '^')
}

fn sign_text(sign: char, buffer: &mut [u8; 4]) -> &str {
    sign.encode_utf8(buffer)
}
