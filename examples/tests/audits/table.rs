//! docs/AUDITS.md names a test for each finding, and each of them is there.

use std::{collections::BTreeSet, fs, path::Path};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tests of a module, by the names that the table has for them.
fn tests(folder: &str, module: &str) -> BTreeSet<String> {
    let source = read(&format!("tests/{folder}/{module}.rs"));
    let after = source.split("test]\n").skip(1).chain(source.split(")]\n").skip(1));
    let names = after.filter_map(|rest| {
        let line = rest.lines().next()?;
        Some(line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?.split_once('(')?.0)
    });
    names.map(|name| format!("{module}::{name}")).collect()
}

/// What stands in backticks, with a module.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect()
}

#[test]
fn every_finding_names_tests_that_are_there() {
    let table = read("../docs/AUDITS.md");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| finding"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 40, "{} rows", rows.len());
    let mut answered = BTreeSet::new();
    let mut open = Vec::new();
    for row in &rows {
        let [finding, _, test, binaries] = row[..] else { panic!("four cells: {row:?}") };
        if test == "open" {
            open.push(finding);
            continue;
        }
        let shown = named(test);
        assert!(!shown.is_empty(), "{finding}: no test");
        for (folder, names) in [("audits", shown.clone()), ("smoke", named(binaries))] {
            for name in names {
                let module = name.split_once("::").unwrap().0;
                assert!(tests(folder, module).contains(name), "{finding}: no {name} in {folder}");
            }
        }
        answered.extend(shown.into_iter().map(str::to_owned));
    }
    assert_eq!(open, ["no SLOs, alerts, dashboards, runbooks"]);
    let modules =
        ["around", "callers", "dependencies", "errors", "limits", "observed", "process", "time"];
    let there: BTreeSet<_> =
        modules.into_iter().flat_map(|module| tests("audits", module)).collect();
    assert_eq!(answered, there, "each test of an audit has its row");
}
