//! The crates of the workspace, read from their folders: a folder is called what its crate is
//! called, and `tower-ready-*` is a member. Two keys of a manifest decide here, and reading them
//! by line keeps a JSON or TOML parser out of the crate that every command compiles first.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A crate that goes to the registry.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    /// Whether building with default features differs from building with none.
    pub(crate) has_default_features: bool,
    /// Whether loom explores its atomics.
    pub(crate) has_models: bool,
}

/// The folder of the workspace's manifest.
pub(crate) fn root() -> PathBuf {
    // Cargo says where we are when it runs us; the folder that we were compiled in may be another
    // clone with the same target directory.
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

/// The published crates, by name.
pub(crate) fn published() -> Result<Vec<Published>, Failure> {
    let root = root();
    let unreadable = |e| Failure::step(format!("cannot list {}: {e}", root.display()));
    let mut crates = Vec::new();
    for entry in fs::read_dir(&root).map_err(unreadable)? {
        let dir = entry.map_err(unreadable)?.path();
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with("tower-ready-") {
            continue;
        }
        // A folder without a manifest is no crate; cargo itself complains when it should be one.
        let Ok(manifest) = fs::read_to_string(dir.join("Cargo.toml")) else {
            continue;
        };
        if is_published(&manifest) {
            let has_default_features = has_default_features(&manifest);
            let has_models = manifest.contains("cfg(loom)");
            crates.push(Published { name, dir, has_default_features, has_models });
        }
    }
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(crates)
}

fn is_published(manifest: &str) -> bool {
    value(manifest, "package", "publish") != Some("false")
}

fn has_default_features(manifest: &str) -> bool {
    value(manifest, "features", "default").is_some_and(|features| features != "[]")
}

/// The text after `key =` in a table of a manifest, up to the end of its line.
fn value<'a>(manifest: &'a str, table: &str, key: &str) -> Option<&'a str> {
    let header = format!("[{table}]");
    manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.split('#').next().unwrap_or(value).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_published_unless_it_says_otherwise() {
        assert!(is_published("[package]\nname = \"a\"\n[features]\npublish = false\n"));
        assert!(!is_published("[package]\nname = \"a\"\npublish = false # tests only\n"));
    }

    #[test]
    fn an_empty_default_is_no_default() {
        assert!(!has_default_features("[package]\nname = \"a\"\n"));
        assert!(!has_default_features("[features]\ndefault = []\n"));
        assert!(has_default_features("[features]\ndefault = [\"memory\"]\n"));
        assert!(has_default_features("[features]\ndefault = [\n  \"memory\",\n]\n"));
    }

    #[test]
    fn the_crates_of_this_workspace_are_found() {
        let names: Vec<_> = published().unwrap().into_iter().map(|c| c.name).collect();
        assert!(names.contains(&"tower-ready-core".to_owned()), "{names:?}");
        assert!(!names.contains(&"tower-ready-testing".to_owned()), "{names:?}");
    }
}
