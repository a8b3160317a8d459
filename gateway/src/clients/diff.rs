//! What a change would do to a text, as a diff.

/// How many unchanged lines are shown around a change. Few: there may be other programs' secrets in them.
const CONTEXT_LINES: usize = 1;

/// A unified diff of one hunk from `before` to `after`; empty if they are the same.
pub(crate) fn diff(name: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let (old, new): (Vec<_>, Vec<_>) = (lines(before), lines(after));
    let most = old.len().min(new.len());
    let same = (0..most).take_while(|at| old[*at] == new[*at]).count();
    let same_end =
        (0..most - same).take_while(|at| old[old.len() - 1 - at] == new[new.len() - 1 - at]).count();
    let from = same.saturating_sub(CONTEXT_LINES);
    let behind = same_end.min(CONTEXT_LINES);
    let (old_end, new_end) = (old.len() - same_end, new.len() - same_end);
    let count = |end: usize| end + behind - from;
    let start = |count: usize| if count == 0 { from } else { from + 1 };
    let (old_count, new_count) = (count(old_end), count(new_end));
    let mut text = format!(
        "--- {name}\n+++ {name}\n@@ -{},{old_count} +{},{new_count} @@\n",
        start(old_count),
        start(new_count)
    );
    let mut put = |sign: char, lines: &[&str]| {
        for line in lines {
            let end = if line.ends_with('\n') { "" } else { "\n\\ No newline at end of file\n" };
            text.push_str(&format!("{sign}{line}{end}"));
        }
    };
    put(' ', &old[from..same]);
    put('-', &old[same..old_end]);
    put('+', &new[same..new_end]);
    put(' ', &old[old_end..old_end + behind]);
    text
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_added_is_shown_with_its_neighbours() {
        let text = diff("f", "a\nb\nc\nd\n", "a\nb\nx\nc\nd\n");
        assert_eq!(text, "--- f\n+++ f\n@@ -2,2 +2,3 @@\n b\n+x\n c\n");
    }

    #[test]
    fn a_new_file_and_one_without_a_newline_are_shown_as_such() {
        assert_eq!(diff("f", "", "a\n"), "--- f\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
        let text = diff("f", "{}", "{\n}");
        assert_eq!(
            text,
            "--- f\n+++ f\n@@ -1,1 +1,2 @@\n-{}\n\\ No newline at end of file\n+{\n+}\n\\ No newline at end of file\n"
        );
        assert_eq!(diff("f", "a", "a"), "");
    }
}
