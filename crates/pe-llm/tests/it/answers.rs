//! The words that are an answer.

use pe_llm::final_words;
use pe_model::{FinishReason, ModelAnswer, ModelErrorKind};

#[test]
fn thinking_is_no_part_of_an_answer() {
    for (said, words) in [
        ("  Forty-two.\n", "Forty-two."),
        ("<think>hm</think>Forty-two.", "Forty-two."),
        ("hm, so\n</think>\n Forty-two. ", "Forty-two."),
        ("<Thinking>a</Thinking><reflection>b</reflection>\nForty-two.", "Forty-two."),
        ("Use the <b>tag</b>, 1 < 2.", "Use the <b>tag</b>, 1 < 2."),
        ("ä>", "ä>"),
        ("xthink>", "xthink>"),
    ] {
        assert_eq!(final_words(&ModelAnswer::text(said)).unwrap(), words, "{said}");
    }
}

#[test]
fn no_words_and_half_of_them_are_no_answer() {
    for nothing in ["", " \n", "<think>hm", "<think>hm</think> ", "<think>a</think>\n<think>b"] {
        let error = final_words(&ModelAnswer::text(nothing)).unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Malformed);
        assert!(error.message.contains("empty answer"), "{nothing}: {error}");
    }
    for finish in [FinishReason::Length, FinishReason::CutOff, FinishReason::ContentFilter] {
        let answer = ModelAnswer { finish, ..ModelAnswer::text("You must not") };
        let error = final_words(&answer).unwrap_err();
        assert!(error.message.contains("cut off"), "{error}");
    }
}
