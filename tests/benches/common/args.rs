//! The command line.

use anyhow::{Context, Result, bail};

/// One question that a program answers.
pub(crate) trait Part: Copy + PartialEq + 'static {
    /// Every part, under the name that `--only` takes.
    const NAMED: &'static [(&'static str, Self)];

    /// Whether it is left out unless it is asked for, by `--only NAME` or by `--NAME` beside the others.
    fn is_extra(self) -> bool {
        false
    }
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Args<P> {
    pub(crate) quick: bool,
    pub(crate) help: bool,
    extra: Vec<P>,
    only: Vec<P>,
}

impl<P: Part> Args<P> {
    /// Reads the process's arguments; an error ends with `help`. `--bench`, which cargo adds, is ignored.
    pub(crate) fn parse(help: &str) -> Result<Self> {
        let mut args = Self { quick: false, help: false, extra: Vec::new(), only: Vec::new() };
        let mut rest = std::env::args().skip(1);
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--bench" => {}
                "--quick" => args.quick = true,
                "--help" | "-h" => args.help = true,
                "--only" => args.only.push(part(&rest.next().unwrap_or_default())?),
                other => {
                    let extra = other.strip_prefix("--").and_then(|name| part(name).ok());
                    let extra = extra.filter(|part: &P| part.is_extra());
                    args.extra.push(extra.with_context(|| format!("unknown argument {other}\n{help}"))?);
                }
            }
        }
        Ok(args)
    }

    /// Whether this part is to be measured.
    pub(crate) fn wants(&self, part: P) -> bool {
        let is_left_out = part.is_extra() || !self.only.is_empty();
        !is_left_out || self.only.contains(&part) || self.extra.contains(&part)
    }

    /// `full`, or `quick` where a look is enough.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn part<P: Part>(name: &str) -> Result<P> {
    if let Some((_, part)) = P::NAMED.iter().find(|(known, _)| *known == name) {
        return Ok(*part);
    }
    let names: Vec<&str> = P::NAMED.iter().map(|(name, _)| *name).collect();
    bail!("--only {name}: not one of {}", names.join(", "))
}
