//! The contract suite catches each defect that it is there for, by the rule that names it, and has
//! nothing to say against layers that are right.

mod answering;
mod broken_bodies;
mod broken_calls;
mod broken_readiness;
mod broken_rejections;
mod right;
mod toy;
