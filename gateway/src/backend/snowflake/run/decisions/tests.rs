//! The tables of the decisions, row by row.

use std::time::Duration;

use snowflake_wire::{Error, Failure, Operation};

use super::*;

fn failure(code: &str) -> Box<Failure> {
    let message = "what the server said".to_owned();
    Box::new(Failure { code: code.to_owned(), sql_state: None, message, position: None, query_id: None })
}

fn session_ended() -> Error {
    Error::LogInAgain(failure("390111"))
}

fn session_ended_after_an_attempt() -> Error {
    Error::MaybeProcessed(Box::new(session_ended()))
}

fn timed_out() -> Error {
    Error::TimedOut { operation: Operation::Submit, after: Duration::from_secs(1) }
}

fn not_reached() -> Error {
    Error::Status { operation: Operation::Submit, status: 503, retry_after: None, maybe_processed: false }
}

fn aborted() -> Error {
    Error::Statement(failure("000604"))
}

fn refused() -> Error {
    Error::Statement(failure("001003"))
}

fn facts(writes: bool, autocommit: bool, stopped: bool) -> Facts {
    Facts { writes, autocommit, stopped }
}

#[test]
fn a_submission_is_repeated_only_if_the_server_did_not_process_it_or_it_reads() {
    use Consequence::{Aborted, NewSession, Report, StoppedEarly};
    for (error, reads, writes) in [
        (session_ended(), NewSession, NewSession),
        (Error::Closed, NewSession, NewSession),
        (session_ended_after_an_attempt(), NewSession, Report),
        (not_reached(), Report, Report),
        (timed_out(), Report, Report),
        (refused(), Report, Report),
        (aborted(), Aborted, Aborted),
    ] {
        assert_eq!(after_submission(&error, facts(false, true, false)), reads, "reads: {error:?}");
        assert_eq!(after_submission(&error, facts(true, true, false)), writes, "writes: {error:?}");
    }
    for (error, stopped) in
        [(not_reached(), StoppedEarly), (timed_out(), Report), (refused(), Report), (aborted(), Report)]
    {
        for writes in [false, true] {
            assert_eq!(after_submission(&error, facts(writes, true, true)), stopped, "{error:?}");
        }
    }
}

#[test]
fn a_query_outlives_its_session_unless_it_is_in_a_transaction() {
    for error in [session_ended(), session_ended_after_an_attempt()] {
        for writes in [false, true] {
            assert_eq!(after_waiting(&error, facts(writes, true, false)), Consequence::FetchAgain);
            assert_eq!(after_waiting(&error, facts(writes, false, false)), Consequence::Report);
        }
    }
    assert_eq!(after_waiting(&aborted(), facts(true, true, false)), Consequence::Aborted);
    assert_eq!(after_waiting(&aborted(), facts(true, true, true)), Consequence::Report);
    assert_eq!(after_waiting(&timed_out(), facts(false, true, false)), Consequence::Report);
}

#[test]
fn rows_that_were_lost_with_the_session_are_read_again_by_reads_only() {
    assert_eq!(after_download(&session_ended(), facts(false, true, false)), Consequence::NewSession);
    assert_eq!(after_download(&session_ended(), facts(true, true, false)), Consequence::Report);
    assert_eq!(after_download(&timed_out(), facts(false, true, false)), Consequence::Report);
}

#[test]
fn a_session_is_kept_after_refusals_and_after_outages_of_reads() {
    for (error, reads, writes) in
        [(refused(), false, false), (timed_out(), false, true), (session_ended(), true, true)]
    {
        assert_eq!(makes_state_unknown(&error, facts(false, true, false)), reads, "reads: {error:?}");
        assert_eq!(makes_state_unknown(&error, facts(true, true, false)), writes, "writes: {error:?}");
    }
}

#[test]
fn the_outcome_of_a_transaction_follows_from_its_statement_and_its_end() {
    use TransactionOutcome as Is;
    const ENDS: [ControlEnd; 3] = [ControlEnd::Succeeded, ControlEnd::Failed, ControlEnd::SessionLost];
    // After a COMMIT: by its end, for what changes rows and for what commits by itself.
    for (control, changes_rows, commits_by_itself) in [
        (ControlEnd::Succeeded, Is::Result, Is::Result),
        (ControlEnd::Failed, Is::CommitUnknown, Is::CommitUnknown),
        (ControlEnd::SessionLost, Is::NotCommitted, Is::CommitUnknown),
    ] {
        let after = |class| of_transaction(StatementEnd::Succeeded, false, true, control, class);
        assert_eq!((after(Class::Change), after(Class::Write)), (changes_rows, commits_by_itself));
    }
    // After a ROLLBACK its own end says nothing.
    for (statement, stopped, changes_rows, commits_by_itself) in [
        (StatementEnd::Succeeded, true, Is::Stopped, Is::Result),
        (StatementEnd::Succeeded, false, Is::Result, Is::Result),
        (StatementEnd::SessionLost, false, Is::RolledBack, Is::RolledBack),
        (StatementEnd::Unknown, false, Is::RolledBack, Is::StatementError),
        (StatementEnd::Failed, false, Is::StatementError, Is::StatementError),
        (StatementEnd::Failed, true, Is::StatementError, Is::StatementError),
    ] {
        for control in ENDS {
            let after = |class| of_transaction(statement, stopped, false, control, class);
            assert_eq!(
                (after(Class::Change), after(Class::Write)),
                (changes_rows, commits_by_itself),
                "{statement:?} {control:?}"
            );
        }
    }
}
