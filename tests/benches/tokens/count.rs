//! Bytes and o200k tokens of texts.

use std::io::Write as _;
use std::ops::Add;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::environment;
use crate::scenario::Step;
use crate::server::Transcript;

/// Counts tokens, with a tokenizer that carries its vocabulary.
const SCRIPT: &str = include_str!("../peers/count.js");

/// What something takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) calls: usize,
    pub(crate) bytes: usize,
    pub(crate) tokens: usize,
}

impl Spent {
    /// `81 (205)`, and the calls if there is more than one.
    pub(crate) fn shown(self) -> String {
        let calls = if self.calls > 1 { format!(", {} calls", self.calls) } else { String::new() };
        format!("{}{calls}", self.shown_alone())
    }

    /// `81 (205)`.
    pub(crate) fn shown_alone(self) -> String {
        format!("{} ({})", self.tokens, self.bytes)
    }
}

impl Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            bytes: self.bytes + other.bytes,
            tokens: self.tokens + other.tokens,
        }
    }
}

/// What a server took.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Its list of tools.
    pub(crate) tools: Spent,
    /// How many it lists.
    pub(crate) tools_listed: usize,
    /// As [`Step::ALL`].
    pub(crate) steps: Vec<Spent>,
}

impl Counted {
    /// All steps.
    pub(crate) fn all(&self) -> Spent {
        self.steps.iter().fold(Spent::default(), |sum, &step| sum + step)
    }

    /// All steps but the export.
    pub(crate) fn without_export(&self) -> Spent {
        let steps = Step::ALL.iter().zip(&self.steps).filter(|(step, _)| **step != Step::Export);
        steps.fold(Spent::default(), |sum, (_, &step)| sum + step)
    }
}

/// The tokenizer.
#[derive(Debug)]
pub(crate) struct Counter {
    node: PathBuf,
    packages: PathBuf,
}

impl Counter {
    /// Fetches it where it is not there yet.
    pub(crate) fn new() -> Result<Self> {
        let (node, packages) = environment::npm().context("gpt-tokenizer")?;
        Ok(Self { node, packages })
    }

    /// What is in `transcript`.
    pub(crate) fn count(&self, transcript: &Transcript) -> Result<Counted> {
        let calls = transcript.calls.iter().flat_map(|call| [call.asked.as_str(), call.answered.as_str()]);
        let texts: Vec<&str> = calls.chain([transcript.tools.as_str()]).collect();
        let tokens = self.tokens(&texts)?;
        let spent = |at: usize| Spent { calls: 0, bytes: texts[at].len(), tokens: tokens[at] };
        let steps = (0..transcript.calls.len())
            .map(|at| Spent { calls: 1, ..spent(2 * at) + spent(2 * at + 1) })
            .collect();
        Ok(Counted { tools: spent(texts.len() - 1), tools_listed: transcript.tools_listed, steps })
    }

    fn tokens(&self, texts: &[&str]) -> Result<Vec<usize>> {
        let mut command = Command::new(&self.node);
        command.args(["--input-type=commonjs", "-e", SCRIPT]).current_dir(&self.packages);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", self.node.display()))?;
        // It reads everything before it writes; dropping the pipe ends its input.
        let mut input = child.stdin.take().context("no stdin")?;
        input.write_all(serde_json::to_string(texts)?.as_bytes()).context("the tokenizer does not read")?;
        drop(input);
        let output = child.wait_with_output().context("waiting for the tokenizer")?;
        let tokens: Vec<usize> = serde_json::from_slice(&output.stdout)
            .context("what the tokenizer says is not a list of numbers")?;
        if tokens.len() != texts.len() {
            bail!("{} texts have {} numbers of tokens", texts.len(), tokens.len());
        }
        Ok(tokens)
    }
}
