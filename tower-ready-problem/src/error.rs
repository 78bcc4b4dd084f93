//! Problems on their way through code that knows only errors.

use std::{error::Error, fmt};

use crate::{Problem, types};

/// What `?` makes of any error: a 500 that shows nothing, with the error as its source.
///
/// Behind a [`ProblemLayer`](crate::ProblemLayer) the errors that its registry knows become the
/// problems that it says.
impl<E> From<E> for Problem
where
    E: Error + Send + Sync + 'static,
{
    fn from(error: E) -> Self {
        Self::new(&types::INTERNAL).source(error)
    }
}

/// A problem on its way through code that knows only errors.
#[derive(Debug)]
pub(crate) struct ProblemError(pub(crate) Problem);

impl fmt::Display for ProblemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ProblemError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.0.source.as_deref().map(|source| source as _)
    }
}

/// A service may fail with a problem; a [`ProblemLayer`](crate::ProblemLayer) outside answers it.
impl From<Problem> for Box<dyn Error + Send + Sync> {
    fn from(problem: Problem) -> Self {
        Box::new(ProblemError(problem))
    }
}
