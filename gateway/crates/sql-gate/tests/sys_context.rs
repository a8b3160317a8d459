//! What sets state through a function, whatever calls it.

use sql_gate::{Dialect, read};

#[test]
fn what_sets_state_through_a_function_is_refused_and_reading_it_is_not() {
    for sql in [
        "CALL SET_SYS_CONTEXT('snowflake$session_attributes', 'a', 'b')",
        "SELECT set_sys_context(NULL, 'a', 'b')",
        "SELECT \"SET_SYS_CONTEXT\" ('x', 'a', 'b')",
    ] {
        assert!(read(sql, Dialect::Snowflake).refusal.is_some(), "{sql}");
    }
    assert!(read("SELECT SYS_CONTEXT('x', 'a')", Dialect::Snowflake).refusal.is_none());
}
