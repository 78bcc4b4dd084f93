//! tower-ready-core
