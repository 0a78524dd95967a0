//! Pure, deterministic views of plans: text, Mermaid, DOT and diffs.
