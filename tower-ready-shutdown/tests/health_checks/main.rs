//! What checks in the background make of readiness, on a clock that stands still.

mod dependency;
mod outcomes;
mod rules;
