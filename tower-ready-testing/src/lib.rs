//! tower-ready-testing
