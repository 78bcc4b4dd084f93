//! The `.md` files of the repository: every link leads somewhere, and Rust in them is compiled.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::workspace;

/// Checks all of them, and names everything that is wrong at once.
pub(crate) fn check() -> Result<(), Failure> {
    let root = workspace::root();
    let pages = files(&root, "md");
    let compiled = compiled(&root);
    let mut wrong = Vec::new();
    let mut links = 0;
    for page in &pages {
        let Ok(text) = fs::read_to_string(page) else { continue };
        let name = page.strip_prefix(&root).unwrap_or(page).display();
        for link in find(&text) {
            links += 1;
            if let Err(why) = resolve(page, &text, &link) {
                wrong.push(format!("{name}: {link}: {why}"));
            }
        }
        for fence in fences(&text).filter(|fence| fence.starts_with("rust")) {
            if fence.contains("ignore") || !compiled.contains(&plain(page)) {
                let remedy = "include the page in a crate under `cfg(doctest)`";
                wrong.push(format!("{name}: `{fence}` is compiled by nobody: {remedy}"));
            }
        }
    }
    println!("    {} pages, {links} links", pages.len());
    if wrong.is_empty() { Ok(()) } else { Err(Failure::step(wrong.join("\n       "))) }
}

/// The files with this ending, apart from what is built or hidden.
fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The pages that are docs of some crate, so that their code is a doctest of it.
fn compiled(root: &Path) -> BTreeSet<PathBuf> {
    let mut pages = BTreeSet::new();
    for source in files(root, "rs").iter().filter(|path| path.ends_with("src/lib.rs")) {
        let text = fs::read_to_string(source).unwrap_or_default();
        let included = text.split("#[doc = include_str!(\"").skip(1);
        let included = included.filter_map(|rest| rest.split_once('"'));
        let folder = source.parent().unwrap_or(root);
        pages.extend(included.map(|(page, _)| plain(&folder.join(page))));
    }
    pages
}

/// The same path without its detours.
fn plain(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// The words after each opening fence.
fn fences(text: &str) -> impl Iterator<Item = &str> {
    let mut is_open = false;
    text.lines().filter_map(move |line| {
        let rest = line.trim_start().strip_prefix("```")?;
        is_open = !is_open;
        is_open.then_some(rest)
    })
}

/// What a page says outside of its code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            let outside = line.split('`').step_by(2);
            prose.push_str(&outside.collect::<Vec<_>>().join("`"));
            prose.push('\n');
        }
    }
    prose
}

/// Where the links of a page lead: `[text](target)`, pictures, and `[name]: target`.
fn find(text: &str) -> Vec<String> {
    let prose = prose(text);
    let inline = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let named = prose.lines().filter(|line| line.starts_with('['));
    let named = named.filter_map(|line| line.split_once("]: "));
    let targets = inline.map(|(target, _)| target).chain(named.map(|(_, target)| target));
    targets.filter_map(|target| Some(target.split_whitespace().next()?.to_owned())).collect()
}

/// Whether a link leads somewhere; those that leave the repository are not followed.
fn resolve(page: &Path, text: &str, link: &str) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = page.parent().unwrap_or(page).join(path);
    let elsewhere = match path {
        "" => None,
        _ if !target.exists() => return Err("there is no such file".to_owned()),
        _ if anchor.is_empty() => return Ok(()),
        _ => Some(fs::read_to_string(&target).map_err(|error| error.to_string())?),
    };
    let text = elsewhere.as_deref().unwrap_or(text);
    let is_there = anchors(text).any(|there| there == anchor);
    if is_there { Ok(()) } else { Err("there is no such heading".to_owned()) }
}

/// What headings are called by those who link to them: in small letters, with hyphens for spaces,
/// and without what is neither.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let mut is_code = false;
    text.lines().filter_map(move |line| {
        is_code ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#').strip_prefix(' ')?;
        if is_code || !line.starts_with('#') {
            return None;
        }
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
        Some(kept.map(|it| if it == ' ' { '-' } else { it }).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# How it is `run`\n\nSee [there](b.md#x \"a title\"), `[not](this.md)`, \
        ![a picture](c.svg).\n\n```rust,ignore\n# [nor](that.md)\n```\n\n[name]: ../d.md\n";

    #[test]
    fn links_are_found_outside_of_code() {
        assert_eq!(find(PAGE), ["b.md#x", "c.svg", "../d.md"]);
        assert_eq!(fences(PAGE).collect::<Vec<_>>(), ["rust,ignore"]);
    }

    #[test]
    fn headings_are_called_as_the_web_calls_them() {
        let anchors: Vec<_> = anchors(PAGE).collect();
        assert_eq!(anchors, ["how-it-is-run"]);
        assert!(resolve(Path::new("a.md"), PAGE, "#how-it-is-run").is_ok());
        for broken in ["#nothing", "no-such-file.md", "no-such-file.md#x"] {
            assert!(resolve(Path::new("a.md"), PAGE, broken).is_err(), "{broken}");
        }
        assert!(resolve(Path::new("a.md"), PAGE, "https://docs.rs/tower").is_ok());
    }

    #[test]
    fn every_link_of_this_repository_leads_somewhere() {
        check().unwrap();
    }
}
