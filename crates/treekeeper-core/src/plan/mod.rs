//! What must change.
