//! How many tokens a text takes, estimated from its bytes.
//!
//! Every model cuts text differently and none of their vocabularies is here, so the estimate
//! errs upwards: by about a half for prompts, more for prose. A test holds it against two
//! common vocabularies, over prompts, plans and several languages.

/// Window of a model of which nothing is known, in tokens: what common local servers give
/// a model that is not set up otherwise.
pub const DEFAULT_WINDOW: u64 = 8_192;

/// What is kept free for an answer when a prompt is cut to fit, in tokens.
pub const ANSWER_ROOM: u64 = 1_500;

/// What the sentence takes that says how tools were cut, in tokens.
pub(crate) const NOTE_ROOM: u64 = 48;

/// The longest answer that is asked for, in tokens.
const LONGEST_ANSWER: u64 = 16_384;

/// What surrounds one message, in tokens.
const MESSAGE_FRAME: u64 = 8;

/// The tokens of a text, estimated: a token for every three letters or spaces, for
/// every one and a third digits and signs, and for every two and a half bytes of what is not ASCII.
pub fn estimate_tokens(text: &str) -> u64 {
    let (mut plain, mut dense, mut foreign) = (0_u64, 0_u64, 0_u64);
    for byte in text.bytes() {
        if byte.is_ascii_alphabetic() || byte == b' ' {
            plain += 1;
        } else if byte.is_ascii() {
            dense += 1;
        } else {
            foreign += 1;
        }
    }
    plain.div_ceil(3) + (dense * 3).div_ceil(4) + (foreign * 2).div_ceil(5)
}

/// The tokens of a conversation, estimated.
pub(crate) fn of_messages(messages: &[pe_model::ChatMessage]) -> u64 {
    messages.iter().map(|message| MESSAGE_FRAME + estimate_tokens(&message.content)).sum()
}

/// The longest answer that a window leaves room for after a prompt, both in tokens; never
/// so little that asking makes no sense.
pub(crate) fn answer_room(window: Option<u64>, prompt: u64) -> u64 {
    window.unwrap_or(DEFAULT_WINDOW).saturating_sub(prompt).clamp(256, LONGEST_ANSWER)
}
