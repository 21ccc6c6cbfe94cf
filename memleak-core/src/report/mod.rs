//! Verdict to text.
