//! The command line.

/// What to measure, and how to say it.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The starts of paths, such as `problem` or `problem/JSON`; none means all.
    pub(crate) filters: Vec<String>,
    pub(crate) json: bool,
    /// Compare what is counted with the committed figures, and measure no time.
    pub(crate) check: bool,
    /// Commit to what is counted now.
    pub(crate) bless: bool,
    /// Write the page and the charts of `docs/`.
    pub(crate) report: bool,
    /// Run each case a few times and measure nothing: this is no `cargo bench`, but a test.
    pub(crate) smoke: bool,
    /// We are the process that callgrind watches.
    pub(crate) under_callgrind: bool,
}

/// How we call ourselves under valgrind.
pub(crate) const UNDER_CALLGRIND: &str = "--under-callgrind";

impl Options {
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Self {
        let mut options = Self { smoke: true, ..Self::default() };
        for arg in args {
            match arg.as_str() {
                "--bench" => options.smoke = false, // cargo bench says so
                "--json" => options.json = true,
                "--check" => options.check = true,
                "--bless" => options.bless = true,
                "--report" => options.report = true,
                UNDER_CALLGRIND => options.under_callgrind = true,
                flag if flag.starts_with('-') => {} // of cargo's own harness
                filter => options.filters.push(filter.to_owned()),
            }
        }
        options
    }

    /// Whether time is measured, and not only what can be counted.
    pub(crate) const fn times(&self) -> bool {
        !(self.check || self.bless || self.smoke || self.under_callgrind)
    }

    /// Those of a concern; none where it is not asked for.
    pub(crate) fn filters_of(&self, concern: &str) -> Option<Vec<String>> {
        let all = format!("{concern}/");
        if self.filters.is_empty() {
            return Some(vec![all]);
        }
        let of_it = |filter: &&String| filter.starts_with(&all) || all.starts_with(filter.as_str());
        let filters: Vec<_> = self.filters.iter().filter(of_it).cloned().collect();
        (!filters.is_empty()).then_some(filters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_measures_and_a_test_only_runs() {
        let args = ["problem", "--bench", "--json"].map(str::to_owned);
        let options = Options::parse(args.into_iter());
        assert!(options.json && !options.smoke);
        assert_eq!(options.filters, ["problem"]);
        assert!(Options::parse(std::iter::empty()).smoke);
    }

    #[test]
    fn a_concern_has_the_filters_that_mean_it() {
        let of = |filters: &[&str], concern| {
            let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
            Options { filters, ..Options::default() }.filters_of(concern)
        };
        assert_eq!(of(&[], "shed"), Some(vec!["shed/".to_owned()]));
        assert_eq!(of(&["shed", "core/ids"], "core"), Some(vec!["core/ids".to_owned()]));
        assert_eq!(of(&["sh"], "shed"), Some(vec!["sh".to_owned()]));
        assert_eq!(of(&["core"], "shed"), None);
    }
}
