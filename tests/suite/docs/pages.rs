//! The pages, taken apart: fenced blocks with what the comment before each says, headings, code in the text, links.

use std::fs;
use std::path::{Path, PathBuf};

use warehouse::support::tests_dir;

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Relative to the repository: `docs/http.md`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
    /// Its fenced blocks.
    pub(crate) blocks: Vec<Block>,
    /// It without fenced blocks and comments, line for line.
    pub(crate) prose: String,
    /// What the whole page says of its commands: they are steps of one walk.
    pub(crate) walk: Option<WalkFrom>,
}

/// What there is before the first step of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WalkFrom {
    /// No gateway, no files: `<!-- doc: one walk -->`.
    Nothing,
    /// A gateway with a client: `<!-- doc: one walk with a gateway -->`.
    Gateway,
}

/// A fenced block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The page and the line: `docs/http.md:12`.
    pub(crate) place: String,
    /// What stands behind the fence.
    pub(crate) language: String,
    /// The lines within.
    pub(crate) text: String,
    /// What the comment before it says.
    pub(crate) directives: Vec<Directive>,
}

/// What a comment before a block says: `<!-- doc: ... -->`, several divided by semicolons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    /// `exit N`: a command of the block ends with this code.
    Exit(i32),
    /// `may exit N`: a command of the block ends with this code on some machines.
    MayExit(i32),
    /// `skip because REASON`: it is not run.
    Skip(String),
    /// `stdin TEXT`: what the commands read; `\n` is a new line.
    Stdin(String),
    /// `file PATH`: the block is this file of the place where commands run.
    File(String),
    /// `append PATH`: the block comes to this file's end.
    Append(String),
    /// `other`: a file of another program.
    Other,
    /// `no keys`: the gateway's HTTP front asks for no key.
    NoKeys,
    /// `bare`: no gateway runs, and there is no file.
    Bare,
}

impl Directive {
    fn parse(text: &str) -> Self {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim().to_owned();
        match (word, rest.as_str()) {
            ("exit", code) => Self::Exit(code.parse().expect("a number behind `exit`")),
            ("may", rest) => {
                let code = rest.strip_prefix("exit ").and_then(|code| code.parse().ok());
                Self::MayExit(code.expect("`may exit N`"))
            }
            ("skip", why) => {
                let reason = why.strip_prefix("because ").expect("`skip because REASON`");
                Self::Skip(reason.to_owned())
            }
            ("stdin", text) => Self::Stdin(text.replace("\\n", "\n")),
            ("file", path) => Self::File(path.to_owned()),
            ("append", path) => Self::Append(path.to_owned()),
            ("other", "") => Self::Other,
            ("no", "keys") => Self::NoKeys,
            ("bare", "") => Self::Bare,
            _ => panic!("no such directive: {text:?}"),
        }
    }
}

impl Block {
    /// Why it is not run, if so.
    pub(crate) fn skipped(&self) -> Option<&str> {
        self.directives.iter().find_map(|directive| match directive {
            Directive::Skip(reason) => Some(reason.as_str()),
            _ => None,
        })
    }

    /// Whether a comment says this of it.
    pub(crate) fn says(&self, directive: &Directive) -> bool {
        self.directives.contains(directive)
    }

    /// Whether its lines are commands.
    pub(crate) fn is_shell(&self) -> bool {
        matches!(self.language.as_str(), "sh" | "console")
    }
}

/// The repository's folder.
pub(crate) fn repository() -> PathBuf {
    tests_dir().parent().expect("the tests lie in the repository").to_owned()
}

/// All pages for users: README, `docs/`, `packaging/`, `examples/`.
pub(crate) fn pages() -> Vec<Page> {
    let mut paths = vec![PathBuf::from("README.md")];
    for folder in ["docs", "packaging", "examples"] {
        paths.extend(
            files_below(folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "md")),
        );
    }
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Pages for contributors, whose links and names are checked as well.
pub(crate) fn pages_for_contributors() -> Vec<Page> {
    ["CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|path| Page::read(Path::new(path))).into()
}

/// Every file below a folder of the repository, relative to the repository, in order.
pub(crate) fn files_below(folder: &str) -> Vec<PathBuf> {
    let (root, mut folders, mut found) = (repository(), vec![PathBuf::from(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("reading a folder of documents").flatten() {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(repository().join(path)).expect("reading a page");
        Self::parse(&path.display().to_string(), &text)
    }

    /// Takes a page apart.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let (mut blocks, mut prose, mut directives) = (Vec::new(), String::new(), Vec::new());
        let mut walk = None;
        let mut open: Option<Block> = None;
        for (index, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if let Some(language) = trimmed.strip_prefix("```") {
                match open.take() {
                    Some(block) => blocks.push(block),
                    None => {
                        let place = format!("{path}:{}", index + 1);
                        let directives = std::mem::take(&mut directives);
                        open = Some(Block {
                            place,
                            language: language.to_owned(),
                            text: String::new(),
                            directives,
                        });
                    }
                }
            } else if let Some(block) = &mut open {
                block.text.push_str(line);
                block.text.push('\n');
            } else if let Some(said) = trimmed.strip_prefix("<!-- doc: ") {
                let said = said.strip_suffix("-->").expect("a comment in one line").trim();
                match said {
                    "one walk" => walk = Some(WalkFrom::Nothing),
                    "one walk with a gateway" => walk = Some(WalkFrom::Gateway),
                    said => directives.extend(said.split("; ").map(Directive::parse)),
                }
            } else if !trimmed.starts_with("<!--") {
                assert!(
                    trimmed.is_empty() || directives.is_empty(),
                    "{path}:{}: a comment without its block",
                    index + 1
                );
                prose.push_str(line);
            }
            prose.push('\n');
        }
        assert!(open.is_none(), "{path}: a fence is open at the end");
        Self { path: path.to_owned(), text: text.to_owned(), blocks, prose, walk }
    }

    /// The code in the text, with its line.
    pub(crate) fn inline_code(&self) -> Vec<(usize, String)> {
        self.spans()
            .into_iter()
            .map(|(at, length)| {
                let line = self.prose[..at].matches('\n').count() + 1;
                let code = self.prose[at..at + length].replace('\n', " ").replace("\\|", "|");
                (line, code.trim().to_owned())
            })
            .collect()
    }

    /// The text without its code: what links are looked for in.
    pub(crate) fn without_code(&self) -> String {
        let mut text = self.prose.clone().into_bytes();
        for (at, length) in self.spans() {
            text[at..at + length].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'x');
        }
        String::from_utf8(text).expect("whole characters were replaced")
    }

    /// Where code begins in `prose`, and how long it is.
    fn spans(&self) -> Vec<(usize, usize)> {
        let (bytes, mut found, mut at) = (self.prose.as_bytes(), Vec::new(), 0);
        let run = |from: usize| bytes[from..].iter().take_while(|byte| **byte == b'`').count();
        while at < bytes.len() {
            let ticks = run(at);
            if ticks == 0 {
                at += 1;
                continue;
            }
            let (begin, mut end) = (at + ticks, at + ticks);
            // A blank line ends a paragraph, and with it what was meant as code.
            while end < bytes.len() && run(end) != ticks && !self.prose[end..].starts_with("\n\n") {
                end += run(end).max(1);
                while !self.prose.is_char_boundary(end) {
                    end += 1;
                }
            }
            if end < bytes.len() && run(end) == ticks {
                found.push((begin, end - begin));
                at = end + ticks;
            } else {
                at = begin;
            }
        }
        found
    }

    /// The anchors of its headings, as GitHub makes them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for line in self.prose.lines().filter(|line| line.starts_with('#')) {
            let title = line.trim_start_matches('#').trim();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            let slug: String =
                kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase();
            let earlier = anchors.iter().filter(|anchor| **anchor == slug).count();
            anchors.push(if earlier == 0 { slug } else { format!("{slug}-{earlier}") });
        }
        anchors
    }

    /// Targets of links and images, with their lines.
    pub(crate) fn links(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (index, line) in self.without_code().lines().enumerate() {
            let mut rest = line;
            while let Some((_, behind)) = rest.split_once("](") {
                let (target, after) = behind.split_once(')').unwrap_or((behind, ""));
                found.push((index + 1, target.to_owned()));
                rest = after;
            }
        }
        found
    }
}

#[test]
fn a_page_is_taken_apart() {
    let page = Page::parse(
        "p.md",
        "# A `b` c\n\ntext `one` and ``two ` ``, [a](b.md#c)\n\n<!-- doc: exit 3; may exit 1; bare -->\n```sh\nls\n```\n## A b c\n`x\n\ny`\n",
    );
    assert_eq!(page.anchors(), ["a-b-c", "a-b-c-1"]);
    assert_eq!(page.links(), [(3, "b.md#c".to_owned())]);
    let codes: Vec<String> = page.inline_code().into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["b", "one", "two `"]);
    assert_eq!((page.blocks[0].text.as_str(), page.blocks[0].language.as_str()), ("ls\n", "sh"));
    assert_eq!(page.blocks[0].directives, [Directive::Exit(3), Directive::MayExit(1), Directive::Bare]);
    assert_eq!(page.blocks[0].place, "p.md:6");
}
