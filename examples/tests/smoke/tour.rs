//! The tour, as the README starts it and as a program reads it.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use serde_json::Value;

use crate::server::{command, signal};

#[test]
fn every_step_of_the_tour_behaves() {
    let output = command("tour").arg("--json").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "");
    let lines = String::from_utf8(output.stdout).unwrap();
    let steps: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(steps.len() >= 40, "{} steps", steps.len());
    for (n, step) in steps.iter().enumerate() {
        assert_eq!(step["step"], n + 1);
        assert_eq!(step["ok"], true, "{step}");
        for name in ["section", "title", "layer", "gist"] {
            assert!(step[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {step}");
        }
        for name in ["sent", "got", "checks"] {
            assert!(step[name].as_array().is_some_and(|list| !list.is_empty()), "{name}: {step}");
        }
    }
    let names = steps.iter().map(|step| (step["section"].to_string(), step["title"].to_string()));
    assert_eq!(names.collect::<HashSet<_>>().len(), steps.len());
    let layers: HashSet<_> = steps.iter().filter_map(|step| step["layer"].as_str()).collect();
    assert!(
        ["problem", "auth", "ratelimit", "deadline", "shed", "breaker", "obs", "shutdown"]
            .iter()
            .all(|layer| layers.contains(layer)),
        "{layers:?}"
    );
    for told in [
        "404",
        "405",
        "415",
        "400",
        "422",
        "413",
        "500",
        "429",
        "503",
        "504",
        "DEADLINE_EXCEEDED",
        "UNAVAILABLE",
        "RESOURCE_EXHAUSTED",
    ] {
        let is_there = |step: &Value| step["gist"].as_str().is_some_and(|gist| gist.contains(told));
        assert!(steps.iter().any(is_there), "no step shows {told}");
    }
}

#[test]
fn there_is_no_colour_where_nobody_looks() {
    let output = command("tour").env("TERM", "xterm-256color").output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{page}");
    assert!(!page.contains('\x1b'));
    assert!(page.contains("At a glance") && page.contains("steps behaved"), "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");
}

#[test]
fn whoever_has_seen_enough_may_leave() {
    let mut tour = command("tour");
    let mut tour = tour.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut page = BufReader::new(tour.stdout.take().unwrap());
    let mut first = String::new();
    page.read_line(&mut first).unwrap();
    // A step of the tour takes a second, so it is not over yet.
    signal("INT", &tour);
    page.read_to_string(&mut first).unwrap();
    let output = tour.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{first}");
    assert_eq!(output.stderr, b"stopped\n");
    assert!(!first.contains("At a glance"), "{first}");
}

#[test]
fn what_the_tour_does_not_know_it_refuses() {
    let output = command("tour").arg("--fast").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
}
