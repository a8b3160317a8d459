//! Links lead somewhere, and every page is reached.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::pages::{Page, files_below, pages, pages_for_contributors, repository};

/// Lines of README.md: what is longer has a page of its own.
const README_LINES_MAX: usize = 150;

/// A link's file, relative to the repository, and its anchor. `None`: it leads out of the repository.
fn resolve(page: &str, target: &str) -> Option<(PathBuf, Option<String>)> {
    let leads_out = ["http://", "https://", "mailto:"].iter().any(|scheme| target.starts_with(scheme));
    if leads_out {
        return None;
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor.to_owned())),
        None => (target, None),
    };
    let start = if file.is_empty() { Path::new(page) } else { Path::new(page).parent().expect("a folder") };
    let mut path = PathBuf::new();
    for part in start.join(file).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{page}: {target} leads out of the repository"),
            part => path.push(part),
        }
    }
    Some((path, anchor))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let pages: Vec<Page> = pages().into_iter().chain(pages_for_contributors()).collect();
    let mut wrong = Vec::new();
    for page in &pages {
        for (line, target) in page.links() {
            let Some((file, anchor)) = resolve(&page.path, &target) else { continue };
            let known = pages.iter().find(|page| Path::new(&page.path) == file);
            let has_anchor = match (&anchor, known) {
                (Some(anchor), Some(page)) => page.anchors().contains(anchor),
                (Some(_), None) => false,
                (None, _) => true,
            };
            if !repository().join(&file).exists() || !has_anchor {
                wrong.push(format!("{}:{line}: {target}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn every_page_and_picture_is_reached_from_an_index() {
    let (all, mut reached, mut next) = (pages(), BTreeSet::new(), vec![PathBuf::from("README.md")]);
    // From the index of the documents, not through any chain: a reader finds a page where its list is.
    let indexes = [
        "README.md",
        "docs/README.md",
        "docs/decisions/README.md",
        "packaging/README.md",
        "examples/README.md",
    ];
    while let Some(path) = next.pop() {
        let page = all.iter().find(|page| Path::new(&page.path) == path);
        if !reached.insert(path) {
            continue;
        }
        let Some(page) = page else { continue };
        let targets = page.links().into_iter().filter_map(|(_, target)| resolve(&page.path, &target));
        for (mut target, _) in targets {
            if repository().join(&target).is_dir() {
                target = target.join("README.md");
            }
            let is_picture = target.starts_with("docs/images");
            if indexes.contains(&page.path.as_str()) || is_picture {
                next.push(target);
            }
        }
    }
    let pictures = all.iter().flat_map(|page| {
        page.links().into_iter().filter_map(|(_, target)| resolve(&page.path, &target)).map(|(file, _)| file)
    });
    reached.extend(pictures.filter(|file| file.starts_with("docs/images")));
    let missing: Vec<PathBuf> =
        files_below("docs").into_iter().filter(|file| !reached.contains(file)).collect();
    assert!(missing.is_empty(), "no index links to these (docs/README.md is the place): {missing:?}");
}

#[test]
fn the_readme_is_short() {
    let readme = pages().into_iter().next().expect("README.md");
    assert!(
        readme.text.lines().count() <= README_LINES_MAX,
        "README.md has more than {README_LINES_MAX} lines"
    );
}
