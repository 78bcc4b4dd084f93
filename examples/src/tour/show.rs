//! What the tour prints.

use std::{
    io::{self, Write},
    time::Duration,
};

use serde::Serialize;
use tokio::time::timeout;
use tower_ready_core::Instant;

use super::{
    page::{Paint, WIDTH, fitted, wrapped},
    seen::{Fault, Seen},
    stage::Stage,
};

/// The longest that one step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shows steps as they happen, and remembers them for the table.
pub(super) struct Show {
    form: Form,
    section: &'static str,
    steps: Vec<Step>,
}

#[derive(Clone, Copy)]
enum Form {
    Text(Paint),
    Json,
}

#[derive(Serialize)]
struct Step {
    step: usize,
    section: &'static str,
    title: String,
    layer: &'static str,
    #[serde(flatten)]
    seen: Seen,
    ok: bool,
    ms: u64,
}

impl Show {
    pub(super) const fn text(paint: Paint) -> Self {
        Self::new(Form::Text(paint))
    }

    pub(super) const fn json() -> Self {
        Self::new(Form::Json)
    }

    const fn new(form: Form) -> Self {
        Self { form, section: "", steps: Vec::new() }
    }

    /// Says what runs where.
    pub(super) fn opening(&self, on: &Stage) {
        let Form::Text(paint) = self.form else { return };
        line(&paint.bold("tower-ready: what each layer does"));
        line(&format!("  orders on axum   http://{}", on.http));
        line(&format!("  orders on tonic  http://{}", on.grpc));
        line("  behind one stack, with five requests in ten minutes for each client address");
    }

    /// Begins a section.
    pub(super) fn section(&mut self, title: &'static str, about: &str) {
        self.section = title;
        let Form::Text(paint) = self.form else { return };
        line("");
        line(&paint.bold(&format!("── {title} {}", "─".repeat(WIDTH - 4 - title.chars().count()))));
        for text in wrapped(about, WIDTH - 3) {
            line(&format!("   {}", paint.dim(&text)));
        }
    }

    /// Does a step and shows it: its title, the layer that acts, and what is sent, seen and checked.
    pub(super) async fn step(
        &mut self,
        title: &'static str,
        layer: &'static str,
        act: impl Future<Output = Result<Seen, Fault>>,
    ) {
        let began = Instant::now();
        let seen = match timeout(PATIENCE, act).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(error)) => broken(&error.to_string()),
            Err(_) => broken(&format!("no end within {PATIENCE:?}")),
        };
        let took = Instant::now().since(began);
        self.done(title, layer, seen, took);
    }

    /// A step that never came to be.
    pub(super) fn fail(&mut self, title: &str, error: &str) {
        self.done(title, "", broken(error), Duration::ZERO);
    }

    fn done(&mut self, title: &str, layer: &'static str, seen: Seen, took: Duration) {
        let step = Step {
            step: self.steps.len() + 1,
            section: self.section,
            title: title.to_owned(),
            layer,
            ok: seen.is_good(),
            seen,
            ms: took.as_millis() as u64,
        };
        match self.form {
            Form::Text(paint) => step.print(paint),
            Form::Json => line(&serde_json::to_string(&step).unwrap_or_default()),
        }
        self.steps.push(step);
    }

    /// The titles of the steps that did not behave.
    pub(super) fn failed(&self) -> Vec<&str> {
        let failed = self.steps.iter().filter(|step| !step.ok);
        failed.map(|step| step.title.as_str()).collect()
    }

    /// All steps at a glance.
    pub(super) fn table(&self) {
        let Form::Text(paint) = self.form else { return };
        line("");
        line(&paint.bold(&format!("── At a glance {}", "─".repeat(WIDTH - 15))));
        let head =
            format!("      {} {} {}", fitted("step", 43), fitted("layer", 13), "what came back");
        line(&paint.dim(&head));
        for step in &self.steps {
            let row = format!(
                "{} {:>2}  {} {} {}",
                mark(paint, step.ok),
                step.step,
                fitted(&step.title, 43),
                paint.cyan(&fitted(step.layer, 13)),
                step.seen.gist
            );
            line(&row);
        }
        let (all, failed) = (self.steps.len(), self.failed().len());
        let ms: u64 = self.steps.iter().map(|step| step.ms).sum();
        line("");
        line(&match failed {
            0 => paint.green(&format!("all {all} steps behaved, in {ms} ms")),
            _ => paint.red(&format!("{failed} of {all} steps did not behave")),
        });
    }
}

impl Step {
    fn print(&self, paint: Paint) {
        let room = WIDTH - 4 - self.layer.chars().count();
        let title = format!("{:>2}. {}", self.step, self.title);
        line("");
        line(&format!("{}{}", paint.bold(&fitted(&title, room + 4)), paint.cyan(self.layer)));
        lines("  > ", &self.seen.sent, |text| text.to_owned());
        lines("  < ", &self.seen.got, |text| paint.dim(text));
        self.print_checks(paint);
    }

    /// Side by side as far as they fit.
    fn print_checks(&self, paint: Paint) {
        let mut row = String::new();
        let mut used = 0;
        for check in &self.seen.checks {
            let length = check.expected.chars().count() + 4;
            if used > 0 && used + length > WIDTH - 4 {
                line(&format!("    {}", row.trim_end()));
                row.clear();
                used = 0;
            }
            row.push_str(&format!("{} {}  ", mark(paint, check.ok), check.expected));
            used += length;
        }
        line(&format!("    {}", row.trim_end()));
    }
}

fn lines(first: &str, texts: &[String], paint: impl Fn(&str) -> String) {
    let mut indent = first;
    for text in texts.iter().flat_map(|text| wrapped(text, WIDTH - 4)) {
        line(&format!("{indent}{}", paint(&text)));
        indent = "    ";
    }
}

fn mark(paint: Paint, ok: bool) -> String {
    if ok { paint.green("✓") } else { paint.red("✗") }
}

fn broken(error: &str) -> Seen {
    let seen = Seen { gist: "nothing".to_owned(), ..Seen::default() };
    seen.check(error, false)
}

/// Nobody may read it, which is no reason to stop.
fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
