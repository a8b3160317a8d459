//! Tables and verdicts.

/// The targets, as the parts of the run decide them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    targets: Vec<Target>,
}

#[derive(Debug)]
struct Target {
    what: String,
    wanted: String,
    found: String,
    reached: bool,
}

impl Report {
    /// A figure that must not exceed `bound`.
    pub(crate) fn at_most(&mut self, what: impl Into<String>, found: f64, bound: f64, unit: &str) {
        self.add(what.into(), "<=", found, bound, unit, found <= bound);
    }

    /// A figure that must not fall short of `bound`.
    pub(crate) fn at_least(&mut self, what: impl Into<String>, found: f64, bound: f64, unit: &str) {
        self.add(what.into(), ">=", found, bound, unit, found >= bound);
    }

    fn add(&mut self, what: String, sign: &str, found: f64, bound: f64, unit: &str, reached: bool) {
        let wanted = format!("{sign} {}{unit}", figure(bound));
        self.targets.push(Target { what, wanted, found: format!("{}{unit}", figure(found)), reached });
    }

    /// Prints every target with what was found, if there was any.
    pub(crate) fn print_targets(&self) {
        if self.targets.is_empty() {
            return;
        }
        let rows: Vec<Vec<String>> = self
            .targets
            .iter()
            .map(|target| {
                let verdict = if target.reached { "reached" } else { "NOT REACHED" };
                vec![target.what.clone(), target.wanted.clone(), target.found.clone(), verdict.into()]
            })
            .collect();
        table("Targets", &["target", "wanted", "found", ""], &rows);
    }
}

/// A number with as many digits as are worth reading.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Prints a table as Markdown, its columns aligned: text to the left, figures to the right.
pub(crate) fn table(title: &str, header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    println!("\n{title}\n");
    println!("{}", line(&header.iter().map(ToString::to_string).collect::<Vec<_>>(), &widths));
    let rule = |(column, width): (usize, &usize)| {
        let dashes = "-".repeat(width + 1);
        if column == 0 { format!("{dashes}-") } else { format!("{dashes}:") }
    };
    println!("|{}|", widths.iter().enumerate().map(rule).collect::<Vec<_>>().join("|"));
    for row in rows {
        println!("{}", line(row, &widths));
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let pad = |(column, (cell, width)): (usize, (&String, &usize))| {
        if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    };
    let cells: Vec<String> = cells.iter().zip(widths).enumerate().map(pad).collect();
    format!("| {} |", cells.join(" | "))
}
