use std::fmt::Display;

/// What a server may end with: nothing, or a result whose error says why.
pub trait ServerResult: sealed::Sealed {
    /// Why it failed, if it did.
    #[doc(hidden)]
    fn error(self) -> Option<String>;
}

impl ServerResult for () {
    fn error(self) -> Option<String> {
        None
    }
}

impl<T, E: Display> ServerResult for Result<T, E> {
    fn error(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "so that nobody else implements it")]
    pub trait Sealed {}

    impl Sealed for () {}
    impl<T, E> Sealed for Result<T, E> {}
}
