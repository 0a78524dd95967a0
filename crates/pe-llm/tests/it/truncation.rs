//! A truncated answer is never a plan: cut anywhere, it is refused, or it was whole already.

use pe_llm::{DraftError, parse_draft};
use pe_model::FinishReason;

use super::corpus::kind;

/// Ten answers of different forms, each a plan of at least two steps.
const ANSWERS: [&str; 10] = [
    r#"{"steps":[{"id":"a","tool":"search","args":{"q":"cats"}},{"id":"b","tool":"write","args":{"text":"{{a.title}}"}}]}"#,
    "Sure, {here} it is:\n```json\n{\n  \"goal\": \"cats\",\n  \"steps\": [\n    {\"id\": \"a\", \"tool\": \"search\", \"args\": {\"q\": \"caf\\u00e9 \\\"x\\\" }]\"}},\n    {\"id\": \"b\", \"tool\": \"write\", \"after\": [\"a\"]}\n  ]\n}\n```\nThat's all; [1] applies.\n",
    r#"[{"id":"a","tool":"search","args":{"q":"cats"}},{"id":"b","tool":"write","args":{"list":[1,[2,{"x":"y"}]]}}]"#,
    "<think>\nFirst {\"steps\":[{\"id\":\"x\",\"tool\":\"wrong\",\"args\":{}}]} but no.\n</think>\n{\"steps\":[{\"id\":\"a\",\"tool\":\"search\",\"args\":{\"q\":\"cats\"}},{\"id\":\"b\",\"tool\":\"write\"}]}",
    "{'steps': [{'id': 'a', 'tool': 'search', 'args': {'q': 'cat's eyes', 'deep': True}}, {'id': 'b', 'tool': 'write', 'condition': None},],} # done",
    "{\n  // two steps\n  steps: [\n    {id: 'a', tool: 'search', args: {q: \"cats\"}}, /* the first */\n    {id: 'b', tool: 'write', args: {text: '{{a}}'}},\n  ]\n}",
    r#"{"goal":"cats","steps":[{"step_id":"a","step_type":"normal","action":"look","tool":"search","parameters":{"q":"cats"},"dependencies":[],"complexity":1},{"step_id":"b","step_type":"conditional","tool":"write","parameters":{},"dependencies":["a"],"condition":"len(results.a) > 0","complexity":2}],"status":"created","version":1,"format":1}"#,
    r#"{"plan":{"steps":{"a":{"tool":"search","args":"{\"q\": \"cats\"}"},"b":{"tool":"write","deps":["a"]}}}}"#,
    r#"{"name":"submit_plan","arguments":"{\"steps\": [{\"id\": \"a\", \"tool\": \"search\"}, {\"id\": \"b\", \"tool\": \"write\"}]}"}"#,
    r#""{\"steps\": [{\"id\": \"a\", \"tool\": \"search\"}, {\"id\": \"b\", \"tool\": \"write\", \"args\": {\"x\": \"\\\"y\\\"\"}}]}""#,
];

#[test]
fn g4_an_answer_cut_anywhere_is_never_another_plan() {
    for answer in ANSWERS {
        let whole = parse_draft(answer, FinishReason::Stop).unwrap();
        assert_eq!(whole.steps.len(), 2, "{answer}");
        let end = answer.rfind(['}', ']']).unwrap();
        for cut in (0..answer.len()).filter(|&cut| answer.is_char_boundary(cut)) {
            let part = &answer[..cut];
            match parse_draft(part, FinishReason::Stop) {
                Ok(draft) => {
                    assert_eq!(draft.steps, whole.steps, "{part}");
                }
                Err(
                    DraftError::Truncated { .. } | DraftError::NoJson { .. } | DraftError::NoSteps,
                ) => assert!(cut <= end, "no plan out of `{part}`"),
                Err(other) => panic!("{other}, of `{part}`"),
            }
        }
    }
}

#[test]
fn g4_an_answer_that_the_model_did_not_finish_is_truncated() {
    let unfinished = [FinishReason::Length, FinishReason::ContentFilter, FinishReason::CutOff];
    for answer in ANSWERS {
        for finish in unfinished {
            for cut in (0..=answer.len()).filter(|&cut| answer.is_char_boundary(cut)).step_by(7) {
                let error = parse_draft(&answer[..cut], finish).unwrap_err();
                assert_eq!(kind(&error), "truncated", "{error}");
            }
            assert_eq!(kind(&parse_draft(answer, finish).unwrap_err()), "truncated");
        }
    }
}
