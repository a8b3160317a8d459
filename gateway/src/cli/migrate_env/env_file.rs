//! A `.env` file as the Python servers read it (python-dotenv): `export`, quotes, comments, CRLF. Nothing is expanded.

/// Variables of one file, at most; a file with more is none of a server.
const VARIABLES_MAX: usize = 2_000;

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    /// Its name.
    pub(super) name: String,
    /// Its value without quotes.
    pub(super) value: String,
    /// The line that it begins on, from 1.
    pub(super) line: usize,
    /// The variables that the value refers to (`${NAME}`), which the Python server would put in.
    pub(super) refers_to: Vec<String>,
}

/// A line that is no variable. What it has may be a secret, so it is not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// From 1.
    pub(super) line: usize,
    /// What is wrong with it.
    pub(super) why: &'static str,
}

/// What a file has. Of a variable that is set twice the last one counts, and the earlier ones are among the bad lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EnvFile {
    pub(super) assignments: Vec<Assignment>,
    pub(super) bad_lines: Vec<BadLine>,
}

impl EnvFile {
    /// Reads `text`.
    pub(super) fn parse(text: &str) -> Self {
        let mut file = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader { rest: text, line: 1, endless_key: None };
        while !reader.rest.is_empty() {
            let line = reader.line;
            match reader.assignment() {
                Ok(Some(assignment)) if file.assignments.len() < VARIABLES_MAX => file.add(assignment),
                Ok(Some(_)) => {
                    file.bad_lines.push(BadLine { line, why: "more variables than are read from one file" });
                    break;
                }
                Ok(None) => {}
                Err(why) => file.bad_lines.push(BadLine { line, why }),
            }
            if let Some(line) = reader.endless_key.take() {
                let why = "a key begins here and has no `-----END`; lines below that may be parts of it are not read";
                file.bad_lines.push(BadLine { line, why });
            }
        }
        file
    }

    fn add(&mut self, assignment: Assignment) {
        if let Some(at) = self.assignments.iter().position(|earlier| earlier.name == assignment.name) {
            let line = self.assignments.remove(at).line;
            self.bad_lines.push(BadLine { line, why: "the variable is set again below, and that counts" });
        }
        self.assignments.push(assignment);
    }
}

/// What is left to read.
struct Reader<'a> {
    rest: &'a str,
    line: usize,
    /// The line of a key that has begun and has no end, until it is said.
    endless_key: Option<usize>,
}

impl<'a> Reader<'a> {
    /// Reads to the end of the next assignment, or of a line that has none.
    fn assignment(&mut self) -> Result<Option<Assignment>, &'static str> {
        let line = self.line;
        let begin = self.rest.trim_start_matches([' ', '\t']);
        let end = begin.find(['\n', '\r']).unwrap_or(begin.len());
        let head = &begin[..end];
        if head.is_empty() || head.starts_with('#') {
            self.skip_line();
            return Ok(None);
        }
        let head = head.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(head);
        let Some((name, _)) = head.split_once('=') else {
            self.skip_block();
            return Err("it has no `=`");
        };
        let name = name.trim().trim_matches(['\'', '"']);
        if !is_name(name) {
            self.skip_block();
            return Err("what is before the `=` is no name of a variable");
        }
        let at = self.rest.find('=').map_or(self.rest.len(), |at| at + 1);
        self.rest = self.rest[at..].trim_start_matches([' ', '\t']);
        let name = name.to_owned();
        let value = self.value()?;
        // In single quotes, too: python-dotenv puts variables in there as well.
        let refers_to = references(&value);
        Ok(Some(Assignment { name, value, line, refers_to }))
    }

    fn value(&mut self) -> Result<String, &'static str> {
        match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let Some((value, length)) = quoted(&self.rest[1..], quote) else {
                    self.skip_block();
                    return Err("a quote is not closed");
                };
                let whole = 1 + length;
                self.line += self.rest[..whole].matches('\n').count();
                self.rest = &self.rest[whole..];
                self.skip_line();
                Ok(value)
            }
            _ => {
                let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
                let value = without_comment(&self.rest[..end]).to_owned();
                self.skip_block();
                Ok(value)
            }
        }
    }

    /// Skips the line; if a key begins on it (`-----BEGIN`), also the lines up to the one on which it ends: none of them is a
    /// variable, also if it looks like one (`...AB==`). Where a key has no end, the lines that could be of it.
    fn skip_block(&mut self) {
        const BEGIN: &str = "-----BEGIN";
        const END: &str = "-----END";
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let Some(begin) = self.rest[..end].find(BEGIN) else { return self.skip_line() };
        let key = begin + BEGIN.len();
        let found = self.rest[key..].find(END).map(|at| key + at);
        // That of another key is not its end.
        let Some(length) = found.filter(|length| !self.rest[key..*length].contains(BEGIN)) else {
            self.endless_key = Some(self.line);
            self.skip_line();
            while !self.rest.is_empty() && is_of_key(self.rest.lines().next().unwrap_or_default()) {
                self.skip_line();
            }
            return;
        };
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
        self.skip_line();
    }

    fn skip_line(&mut self) {
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let rest = &self.rest[end..];
        self.rest = rest.strip_prefix("\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
        self.line += 1;
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// The text up to the closing quote, and the bytes up to behind it.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        if char == quote {
            return Some((value, at + char.len_utf8()));
        }
        if char != '\\' {
            value.push(char);
            continue;
        }
        let (_, escaped) = chars.next()?;
        match (escaped, quote) {
            ('\\', _) => value.push('\\'),
            (same, _) if same == quote => value.push(quote),
            ('n', '"') => value.push('\n'),
            ('r', '"') => value.push('\r'),
            ('t', '"') => value.push('\t'),
            (other, _) => value.extend(['\\', other]),
        }
    }
    None
}

/// Whether a line may be one of a key: Base64, or nothing.
fn is_of_key(line: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    line.trim().bytes().all(is_base64)
}

/// A value without the comment behind it, which begins with a blank and `#`.
fn without_comment(text: &str) -> &str {
    let comment = text.match_indices('#').find(|(at, _)| *at == 0 || text[..*at].ends_with([' ', '\t']));
    comment.map_or(text, |(at, _)| &text[..at]).trim_end()
}

/// The names in `${NAME}` and `${NAME:-default}`.
fn references(value: &str) -> Vec<String> {
    let parts = value.split("${").skip(1);
    let name = |part: &str| {
        let (inside, _) = part.split_once('}')?;
        let name = inside.split(":-").next().unwrap_or(inside);
        is_name(name).then(|| name.to_owned())
    };
    parts.filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let file = EnvFile::parse(text);
        assert_eq!(file.bad_lines, [], "{text:?}");
        file.assignments.into_iter().map(|found| (found.name, found.value)).collect()
    }

    #[test]
    fn values_are_read_as_the_python_servers_read_them() {
        for (text, expected) in [
            ("A=b", "b"),
            ("export A=b", "b"),
            ("  A = b  ", "b"),
            ("A=b # comment", "b"),
            ("A=b#c", "b#c"),
            ("A=#c", ""),
            ("A=", ""),
            ("A='b # c'", "b # c"),
            ("A=\"b\\nc\"", "b\nc"),
            ("A='b\\nc'", "b\\nc"),
            ("A=\"b \\\"c\\\"\" # comment", "b \"c\""),
            ("A=b=c", "b=c"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("'A'=b", "b"),
            ("A=b\r\n", "b"),
            ("\u{feff}A=b\n\n# end\n", "b"),
        ] {
            assert_eq!(values(text), [("A".to_owned(), expected.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn lines_are_counted_also_behind_a_value_of_several() {
        let file = EnvFile::parse("A=1\r\nB=\"x\ny\"\n\nC=3\nnonsense\nD=4");
        let lines: Vec<_> = file.assignments.iter().map(|found| (found.name.as_str(), found.line)).collect();
        assert_eq!(lines, [("A", 1), ("B", 2), ("C", 5), ("D", 7)]);
        assert_eq!(file.bad_lines, [BadLine { line: 6, why: "it has no `=`" }]);
    }

    #[test]
    fn what_a_value_refers_to_is_named_and_not_put_in() {
        let file = EnvFile::parse("A=${HOME}/key\nB='${HOME}'\nC=\"${X:-y} ${Z}\"\nD=$HOME\n");
        let found: Vec<_> = file.assignments.iter().map(|found| found.refers_to.join(",")).collect();
        assert_eq!(found, ["HOME", "HOME", "X,Z", ""]);
        assert_eq!(file.assignments[0].value, "${HOME}/key");
    }

    #[test]
    fn no_line_of_a_key_counts_as_a_variable() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\nQUJDREVG=x\nAB==\n-----END PRIVATE KEY-----";
        for text in [
            format!("K={key}\nB=1"),
            format!("K=\"{key}\nB=1"),
            format!("K='{key}\nB=1"),
            format!("K=\"{key}\"\nB=1"),
            format!("K={key}\r\nB=1"),
            format!("K={key}\nB=1").replace('\n', "\r\n"),
            format!("not read\n{key}\nB=1"),
        ] {
            let file = EnvFile::parse(&text);
            let names: Vec<_> = file.assignments.iter().map(|found| found.name.as_str()).collect();
            assert!(matches!(names.as_slice(), ["K", "B"] | ["B"]), "{text:?}: {names:?}");
            assert_eq!(file.assignments.last().unwrap().line, text.matches('\n').count() + 1, "{text:?}");
        }
        let endless = EnvFile::parse(
            "K=-----BEGIN PRIVATE KEY-----\nAB==\n\nABC+/=\nSNOWFLAKE_ROLE=R\nX=-----BEGIN\nSNOWFLAKE_USER=U\nY=-----BEGIN-----\nAB=\n-----END-----\nZ=1",
        );
        let found: Vec<_> =
            endless.assignments.iter().map(|found| (found.name.as_str(), found.line)).collect();
        assert_eq!(
            found,
            [("K", 1), ("SNOWFLAKE_ROLE", 5), ("X", 6), ("SNOWFLAKE_USER", 7), ("Y", 8), ("Z", 11)]
        );
        let said: Vec<_> = endless.bad_lines.iter().map(|bad| bad.line).collect();
        assert_eq!(said, [1, 6]);
        assert!(endless.bad_lines[0].why.contains("no `-----END`"));
    }

    #[test]
    fn odd_files_are_read_to_their_end_without_repeating_what_they_have() {
        for text in
            ["A", "=b", "A='b", "A=\"b\\", "1A=b", "A B=c", "é=1", "export", "\u{0}=\u{0}", "A=\"\n\n"]
        {
            let file = EnvFile::parse(text);
            assert_eq!((file.assignments.is_empty(), !file.bad_lines.is_empty()), (true, true), "{text:?}");
        }
        let twice = EnvFile::parse("A=1\nA=2");
        assert_eq!(twice.assignments[0].value, "2");
        assert_eq!(twice.bad_lines[0].line, 1);
    }
}
