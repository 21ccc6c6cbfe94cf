//! Type-name patterns: `Session`, `chat::Session`, `Link<Tcp>`, `db::*`, `**::Conn`, `Conn::Open`.

/// A parsed pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {}

/// Why a text is not a pattern, and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternError {
    /// Byte range of the text at fault.
    pub at: core::ops::Range<usize>,
    /// One sentence.
    pub message: String,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// When the text is not a pattern.
    pub fn parse(_text: &str) -> Result<Pattern, PatternError> {
        todo!("words helper")
    }

    /// Whether the type called `name` (in full, as `debuginfo::types::Type::name` has it) matches.
    pub fn matches(&self, _name: &str) -> bool {
        todo!("words helper")
    }
}
