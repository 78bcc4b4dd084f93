//! What a published crate would carry to the registry: the files that belong there, no others.

use std::fs;

use crate::cmd::{self, cargo};
use crate::failure::Failure;
use crate::workspace::{self, Published};

const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// Beside its sources, a package holds these.
const REQUIRED: [&str; 5] =
    ["Cargo.toml", "README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Cargo adds these by itself.
const GENERATED: [&str; 3] = ["Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json"];

/// What a file under `src/` may be.
const SOURCES: [&str; 3] = [".rs", ".md", ".lua"];

/// Checks the package list of each crate, and names everything that is wrong at once.
pub(crate) fn check(crates: &[Published]) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for krate in crates {
        let name = &krate.name;
        let list = format!("package --list --allow-dirty -p {name}");
        match cmd::capture(&mut cargo(&list)) {
            Ok(list) => {
                println!("    {name}: {} files", list.lines().count());
                let problems = problems(&list).into_iter().chain(foreign_licences(krate));
                wrong.extend(problems.map(|problem| format!("{name}: {problem}")));
            }
            Err(failure) => wrong.push(failure.to_string()),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::step(wrong.join("\n       "))) }
}

fn problems(list: &str) -> Vec<String> {
    // Windows lists its own separators.
    let files: Vec<_> = list.lines().map(|line| line.trim().replace('\\', "/")).collect();
    let missing = REQUIRED
        .iter()
        .filter(|required| !files.iter().any(|file| file == *required))
        .map(|required| format!("{required} is missing from the package"));
    let stray = files
        .iter()
        .filter(|file| !belongs(file))
        .map(|file| format!("{file} does not belong in the package"));
    missing.chain(stray).collect()
}

fn belongs(file: &str) -> bool {
    REQUIRED.contains(&file)
        || GENERATED.contains(&file)
        || (file.starts_with("src/") && SOURCES.iter().any(|ending| file.ends_with(ending)))
}

/// The licence texts are copies, because a package cannot reach out of its folder.
fn foreign_licences(krate: &Published) -> impl Iterator<Item = String> {
    let differs = |name: &&str| match fs::read(krate.dir.join(name)) {
        Ok(copy) => fs::read(workspace::root().join(name)).ok() != Some(copy),
        Err(_) => false, // missing, which the list shows
    };
    LICENCES.into_iter().filter(differs).map(|name| format!("{name} differs from the root's"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = ".cargo_vcs_info.json\nCHANGELOG.md\nCargo.lock\nCargo.toml\n\
        Cargo.toml.orig\nLICENSE-APACHE\nLICENSE-MIT\nREADME.md\nsrc/jwt/mod.rs\nsrc/lib.rs\n";

    #[test]
    fn a_complete_list_passes() {
        assert!(problems(GOOD).is_empty());
    }

    #[test]
    fn a_missing_licence_is_named() {
        let list = GOOD.replace("LICENSE-MIT\n", "");
        assert_eq!(problems(&list), ["LICENSE-MIT is missing from the package"]);
    }

    #[test]
    fn a_stray_file_is_named() {
        let list = format!("{GOOD}notes.txt\nsrc/lib.rs.orig\n");
        let expected = ["notes.txt", "src/lib.rs.orig"]
            .map(|file| format!("{file} does not belong in the package"));
        assert_eq!(problems(&list), expected);
    }
}
