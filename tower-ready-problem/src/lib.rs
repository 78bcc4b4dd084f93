//! tower-ready-problem
