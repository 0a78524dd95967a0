//! Any bytes as a model's answer: no panic, no overflow, and the same steps however it is cut.
//!
//! With `cargo fuzz run draft` (nightly), or on a stable toolchain as `docs/notation.md` says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pe_llm::{DraftParser, parse_draft, read_step, write_step};
use pe_model::FinishReason;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let whole = parse_draft(&text, FinishReason::Stop);
    let mut parser = DraftParser::new();
    let at = text.floor_char_boundary(usize::from(*cut).min(text.len()));
    parser.push(&text[..at]);
    parser.push(&text[at..]);
    let pieces = parser.finish(FinishReason::Stop);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole.steps, pieces.steps),
        (Err(_), Err(_)) => {}
        other => panic!("whole and in pieces differ: {other:?}"),
    }
    for step in whole.into_iter().flat_map(|draft| draft.steps) {
        let again = read_step(&write_step(&step)).expect("what was read can be written");
        assert_eq!(again, step);
    }
});
