//! Prints what the gate knows of each line of the standard input: `echo 'SELECT 1' | cargo run --example gate`.
//! With the argument `sqlite`, in that dialect.

use std::io::{self, BufRead};

use sql_gate::{Dialect, read};

fn main() -> io::Result<()> {
    let dialect = match std::env::args().nth(1).as_deref() {
        Some("sqlite") => Dialect::Sqlite,
        _ => Dialect::Snowflake,
    };
    for line in io::stdin().lock().lines() {
        let sql = line?;
        let statement = read(&sql, dialect);
        println!("{sql}\n  {} ({})", statement.class, statement.verb);
        for object in &statement.objects {
            println!("  {:?} {:?} {}", object.access, object.kind, object.name);
        }
        if let Some(what) = &statement.not_understood {
            println!("  not understood: {what}");
        }
        if let Some(refusal) = &statement.refusal {
            println!("  refused: {}; {}", refusal.message, refusal.next_step);
        }
    }
    Ok(())
}
