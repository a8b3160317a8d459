//! Snowflake's dialect with bounds on the steps that the parser takes (what it tries in two ways at every level of a
//! nesting would take for ever) and on the stack. The parser's own measure of depth counts neither joins nor what a
//! level takes.

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::{Expr, Ident, ObjectNamePart, Statement};
use sqlparser::dialect::{Dialect, Precedence, SnowflakeDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, Word};

/// The dialect, for one parse.
#[derive(Debug)]
pub(super) struct Bounded {
    inner: SnowflakeDialect,
    /// Expressions and tables that may still begin.
    steps: Cell<usize>,
    /// Where the stack was when the parse began: it grows downwards.
    stack_begin: usize,
    /// Bytes of the stack that may be taken from there.
    stack_max: usize,
    /// A bound was reached. What the parser returns then counts for nothing, also where it took the error for a wrong
    /// guess and went on.
    is_exhausted: Cell<bool>,
}

impl Bounded {
    pub(super) fn new(steps: usize, stack_max: usize) -> Self {
        Self {
            inner: SnowflakeDialect,
            steps: Cell::new(steps),
            stack_begin: stack_address(),
            stack_max,
            is_exhausted: Cell::new(false),
        }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.is_exhausted.get()
    }

    /// Counts a step; whether the parser may go on.
    fn step(&self) -> bool {
        let left = self.steps.get().checked_sub(1);
        let depth = self.stack_begin.saturating_sub(stack_address());
        match left {
            Some(left) if depth <= self.stack_max => self.steps.set(left),
            _ => self.is_exhausted.set(true),
        }
        !self.is_exhausted.get()
    }
}

/// About where the stack is now.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

/// Whether `PRIOR a` comes next, which the parser knows in some places only.
fn is_prior(parser: &Parser<'_>) -> bool {
    let Token::Word(Word { keyword: Keyword::PRIOR, .. }) = &parser.peek_token_ref().token else {
        return false;
    };
    match &parser.peek_nth_token_ref(1).token {
        Token::Word(word) => !matches!(
            word.keyword,
            Keyword::AS
                | Keyword::FROM
                | Keyword::AND
                | Keyword::OR
                | Keyword::IN
                | Keyword::IS
                | Keyword::LIKE
                | Keyword::BETWEEN
                | Keyword::NOT
        ),
        _ => false,
    }
}

macro_rules! as_snowflake {
    ($($method:ident)*) => {
        $(fn $method(&self) -> bool {
            self.inner.$method()
        })*
    };
}

impl Dialect for Bounded {
    as_snowflake! {
        supports_hash_comment
        supports_projection_trailing_commas
        supports_from_trailing_commas
        supports_order_by_all
        supports_object_name_double_dot_notation
        supports_string_literal_backslash_escape
        supports_within_after_array_aggregation
        supports_outer_join_operator
        supports_connect_by
        supports_execute_immediate
        supports_match_recognize
        supports_dictionary_syntax
        supports_window_function_null_treatment_arg
        supports_parenthesized_set_variables
        supports_comment_on
        supports_extract_comma_syntax
        supports_subquery_as_function_arg
        supports_create_view_comment_syntax
        supports_array_typedef_without_element_type
        supports_array_typedef_with_parentheses
        supports_array_element_not_null
        supports_map_typedef_with_parentheses
        supports_map_value_not_null
        supports_parens_around_table_factor
        supports_values_as_table_factor
        describe_requires_table_keyword
        allow_extract_custom
        allow_extract_single_quotes
        supports_show_like_before_in
        supports_left_associative_joins_without_parens
        supports_partiql
        supports_table_versioning
        supports_group_by_expr
        supports_space_separated_column_options
        supports_comma_separated_drop_column_list
        supports_select_expr_star
        supports_select_wildcard_exclude
        supports_semantic_view_table_factor
        supports_stages
        supports_select_wildcard_replace
        supports_select_wildcard_ilike
        supports_select_wildcard_rename
        supports_lambda_functions
        supports_comma_separated_trim
        supports_add_column_if_not_exists
    }

    /// `FROM t SELECT x`, and `FROM t` in a chain.
    fn supports_from_first_select(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn dialect(&self) -> TypeId {
        self.inner.dialect()
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        self.inner.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.inner.is_identifier_part(ch)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        self.inner.identifier_quote_style(identifier)
    }

    /// Called where an expression begins. The error is the one that the parser mostly does not take for a wrong guess.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        if !self.step() {
            return Some(Err(ParserError::RecursionLimitExceeded));
        }
        if !is_prior(parser) {
            return None;
        }
        parser.next_token();
        Some(parser.parse_subexpr(self.prec_value(Precedence::PlusMinus)))
    }

    fn parse_statement(&self, parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>> {
        self.inner.parse_statement(parser)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        self.inner.get_next_precedence(parser)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        self.inner.is_reserved_for_identifier(keyword)
    }

    fn is_column_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        self.inner.is_column_alias(keyword, parser)
    }

    fn is_table_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        self.inner.is_table_alias(keyword, parser)
    }

    fn is_table_factor(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        self.step() && self.inner.is_table_factor(keyword, parser)
    }

    fn get_reserved_keywords_for_select_item_operator(&self) -> &[Keyword] {
        self.inner.get_reserved_keywords_for_select_item_operator()
    }

    fn is_identifier_generating_function_name(&self, ident: &Ident, parts: &[ObjectNamePart]) -> bool {
        self.inner.is_identifier_generating_function_name(ident, parts)
    }
}
