use std::{collections::BTreeMap, error::Error, fmt, iter};

use crate::metrics::Metrics;

/// What a scrape says: for your tests.
///
/// Samples are asked for by name and by those of their labels that matter, as in PromQL; all that
/// match are added up.
///
/// ```
/// use tower_ready_obs::{Metrics, Scrape};
///
/// let metrics = Metrics::builder().build()?;
/// metrics.gauge("orders_open", "Orders that nobody has shipped.", || 3.0)?;
///
/// let scrape = metrics.scrape();
/// scrape.assert("orders_open", 3.0);
/// scrape.assert(r#"http_server_request_duration_seconds_count{http_route="/orders/{id}"}"#, 0.0);
///
/// // Or of what came over the wire:
/// let scrape: Scrape = "requests{code=\"200\"} 7\nrequests{code=\"500\"} 1\n".parse()?;
/// scrape.assert(r#"requests{code!="200"}"#, 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Scrape(Vec<Sample>);

/// One line of it.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// A line is none of the text format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeError(String);

impl Metrics {
    /// All that is counted, to be asserted in a test.
    #[must_use]
    #[expect(clippy::expect_used, reason = "we read what we wrote")]
    pub fn scrape(&self) -> Scrape {
        self.to_text().parse().expect("our text is text")
    }
}

impl Scrape {
    /// The sum of the samples that a selector matches: `name`, `name{label="value"}`, or with `!=`.
    /// A label that a sample lacks is empty.
    ///
    /// # Panics
    ///
    /// When the selector is none.
    #[must_use]
    #[track_caller]
    pub fn sum(&self, selector: &str) -> f64 {
        // The sum of nothing is -0.
        self.select(selector).map(|sample| sample.value).sum::<f64>() + 0.0
    }

    /// How many samples a selector matches.
    ///
    /// # Panics
    ///
    /// When the selector is none.
    #[must_use]
    #[track_caller]
    pub fn series(&self, selector: &str) -> usize {
        self.select(selector).count()
    }

    /// How many samples there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some label of some sample holds this text.
    #[must_use]
    pub fn mentions(&self, text: &str) -> bool {
        self.0.iter().any(|sample| sample.labels.values().any(|value| value.contains(text)))
    }

    /// Fails unless the sum of the samples is this one.
    ///
    /// # Panics
    ///
    /// When it is another, with all samples of that name.
    #[track_caller]
    pub fn assert(&self, selector: &str, expected: f64) {
        let sum = self.sum(selector);
        let name = selector.split('{').next().unwrap_or_default();
        assert!(
            sum == expected,
            "{selector} is {sum} and not {expected}; these are there:\n{}",
            self.0
                .iter()
                .filter(|it| it.name == name)
                .fold(String::new(), |all, it| { format!("{all}{it}\n") })
        );
    }

    #[track_caller]
    #[expect(clippy::panic, reason = "it is for tests, and says so")]
    fn select(&self, selector: &str) -> impl Iterator<Item = &Sample> {
        let Some((name, matchers)) = selector_of(selector) else {
            panic!("`{selector}` is no selector: write `name` or `name{{label=\"value\"}}`");
        };
        self.0.iter().filter(move |sample| {
            sample.name == name
                && matchers.iter().all(|(label, is_equal, value)| {
                    let found = sample.labels.get(label).map_or("", String::as_str);
                    (found == value) == *is_equal
                })
        })
    }
}

impl std::str::FromStr for Scrape {
    type Err = ScrapeError;

    /// Reads the text format 0.0.4, or OpenMetrics.
    fn from_str(text: &str) -> Result<Self, ScrapeError> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let sample = |line: &str| sample_of(line).ok_or_else(|| ScrapeError(line.to_owned()));
        lines.map(sample).collect::<Result<_, _>>().map(Self)
    }
}

fn sample_of(line: &str) -> Option<Sample> {
    let (name, matchers, rest) = series_of(line)?;
    let value = rest.trim_start().split(' ').next()?;
    let value = value.parse().ok()?;
    let labels =
        matchers.into_iter().map(|(label, is_equal, value)| is_equal.then_some((label, value)));
    Some(Sample { name, labels: labels.collect::<Option<_>>()?, value })
}

type Matcher = (String, bool, String);

fn selector_of(selector: &str) -> Option<(String, Vec<Matcher>)> {
    let (name, matchers, rest) = series_of(selector)?;
    (rest.is_empty() && !name.is_empty()).then_some((name, matchers))
}

/// A name, what stands in braces, and what comes after.
fn series_of(text: &str) -> Option<(String, Vec<Matcher>, &str)> {
    let end = text.find(['{', ' ']).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let mut matchers = Vec::new();
    if let Some(labels) = rest.strip_prefix('{') {
        rest = labels;
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let equals = rest.find('=')?;
            let (label, value) = (&rest[..equals], &rest[equals + 1..]);
            let (label, is_equal) = label.strip_suffix('!').map_or((label, true), |it| (it, false));
            let (value, after) = quoted(value)?;
            matchers.push((label.trim().to_owned(), is_equal, value));
            rest = after;
        }
    }
    Some((name.to_owned(), matchers, rest))
}

/// What stands in quotation marks, and what comes after.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.chars();
    let mut value = String::new();
    let characters = iter::from_fn(|| match chars.next()? {
        '"' => None,
        '\\' => Some(match chars.next() {
            Some('n') => '\n',
            Some(char) => char,
            None => '\\',
        }),
        char => Some(char),
    });
    value.extend(characters);
    let after = chars.as_str();
    text[..text.len() - after.len()].ends_with('"').then_some((value, after))
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, labels, value } = self;
        write!(f, "{name}{labels:?} {value}")
    }
}

impl fmt::Display for ScrapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no line of the text format: `{}`", self.0)
    }
}

impl Error for ScrapeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{Attribute, Labels};

    #[test]
    fn a_selector_matches_by_the_labels_that_it_names() {
        let scrape: Scrape =
            "# HELP a b\na{x=\"1\",y=\"2\"} 3\na{x=\"1\"} 4 # {t=\"0\"} 1\nb +Inf\n"
                .parse()
                .unwrap();
        assert_eq!(scrape.sum("a"), 7.0);
        assert_eq!(scrape.sum(r#"a{x="1",y="2"}"#), 3.0);
        assert_eq!(scrape.sum(r#"a{y=""}"#), 4.0);
        assert_eq!(scrape.sum(r#"a{y!="", x="1"}"#), 3.0);
        assert_eq!(scrape.sum("b"), f64::INFINITY);
        assert_eq!(scrape.series("a"), 2);
    }

    #[test]
    #[should_panic = "a is 7 and not 8"]
    fn an_assertion_that_fails_says_what_is_there() {
        "a{x=\"1\"} 7\n".parse::<Scrape>().unwrap().assert("a", 8.0);
    }

    #[test]
    fn what_is_no_line_is_refused() {
        for bad in ["a", "a{x=\"1} 3", "a{x} 3", "a b", "a{x=\"\\", "a{x!=\"1\"} 3"] {
            assert!(bad.parse::<Scrape>().is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_label_survives_being_written(value: String) {
            let labels = Labels::default().and(Attribute::own("x", "x"), &*value).into_set();
            let text = format!("a{{{}}} 1\n", labels.text());
            // A value may hold what others take for the end of a line; Prometheus takes but one.
            let sample = sample_of(text.strip_suffix('\n').unwrap()).unwrap();
            assert_eq!(sample.labels["x"], value);
            assert_eq!(text.matches('\n').count(), 1);
        }

        #[test]
        fn any_text_is_read_to_an_end(text: String) {
            let _ = text.parse::<Scrape>();
        }
    }
}
