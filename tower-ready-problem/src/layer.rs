use tower_layer::Layer;

use crate::{ProblemService, Problems};

/// Answers every error, panic and bare error answer of what is inside of it with a problem.
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing until it is applied"]
pub struct ProblemLayer {
    problems: Problems,
}

impl ProblemLayer {
    /// A layer that speaks as these problems say.
    pub const fn new(problems: Problems) -> Self {
        Self { problems }
    }
}

impl<S> Layer<S> for ProblemLayer {
    type Service = ProblemService<S>;

    fn layer(&self, inner: S) -> ProblemService<S> {
        ProblemService::new(inner, self.problems.clone())
    }
}
