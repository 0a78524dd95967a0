//! Budgets: what is refused, what is granted, what is reported, and what is not known.

use std::sync::Arc;

use pe_llm::{Limit, Meter, Metered, Patient, Prices, estimate_prompt_tokens};
use pe_model::{
    Budget, ChatMessage, ErrorClass, LlmClient, ModelAnswer, ModelError, ModelErrorKind,
    ModelRequest, Purpose, RequestedCall, TokenCount, Usage,
};
use pe_testkit::{Scripted, ScriptedClient};

const PRICES: Prices = Prices { prompt_per_million: 1.0, completion_per_million: 4.0 };

/// A request whose prompt is reckoned as 100 tokens.
fn request() -> ModelRequest {
    let request = ModelRequest::new(Purpose::Plan, vec![ChatMessage::user("x".repeat(252))]);
    assert_eq!(estimate_prompt_tokens(&request), 100);
    request
}

fn answers(answer: impl Fn() -> Scripted + Send + 'static) -> ScriptedClient {
    ScriptedClient::answering(move |_, _| answer())
}

fn metered(
    budget: Budget,
    prices: Option<Prices>,
    inner: ScriptedClient,
) -> (Metered<Arc<ScriptedClient>>, Arc<ScriptedClient>, Arc<Meter>) {
    let (inner, meter) = (Arc::new(inner), Arc::new(Meter::new(budget, prices)));
    (Metered::new(inner.clone(), meter.clone()), inner, meter)
}

fn tokens(limit: u64) -> Budget {
    Budget { tokens: Some(limit), ..Budget::default() }
}

fn usage(calls: u64, tokens: Option<(u64, u64)>, cost: Option<f64>) -> Usage {
    Usage {
        llm_calls: Some(calls),
        prompt_tokens: tokens.map(|(prompt, _)| prompt),
        completion_tokens: tokens.map(|(_, completion)| completion),
        cost_usd: cost,
    }
}

async fn ask(client: &impl LlmClient) -> Result<ModelAnswer, ModelError> {
    client.ask(&request(), None).await
}

#[tokio::test]
async fn a_run_without_calls_costs_nothing() {
    assert_eq!(Meter::new(Budget::default(), None).usage(), Usage::none());
}

#[tokio::test]
async fn calls_are_counted_and_then_refused() {
    let budget = Budget { llm_calls: Some(2), ..Budget::default() };
    let (client, inner, meter) = metered(budget, None, answers(|| "x".into()));
    assert!(ask(&client).await.is_ok() && ask(&client).await.is_ok());
    assert!(!meter.is_exhausted(), "nothing was refused yet");
    let error = ask(&client).await.unwrap_err();
    assert_eq!((error.kind, error.class), (ModelErrorKind::Budget, ErrorClass::Permission));
    assert_eq!((error.attempts, error.is_retryable()), (0, false));
    let expected = "the budget of 2 calls to a model is used up (2 made); `--budget llm_calls=7` \
                    allows more";
    assert_eq!(error.message, expected);
    assert_eq!((inner.calls(), meter.exceeded()), (2, Some(Limit::LlmCalls)));
}

#[tokio::test(start_paused = true)]
async fn every_exchange_counts_and_not_every_call() {
    let busy = || {
        let kind = ModelErrorKind::Status;
        Scripted::error(kind, ErrorClass::Internal, "busy")
    };
    let budget = Budget { llm_calls: Some(3), ..Budget::default() };
    let (client, inner, meter) = metered(budget, None, answers(busy));
    let error = ask(&Patient::new(client)).await.unwrap_err();
    assert_eq!((error.kind, error.attempts), (ModelErrorKind::Budget, 3));
    assert_eq!((inner.calls(), meter.usage().llm_calls), (3, Some(3)));
}

#[tokio::test]
async fn counted_tokens_are_added_up() {
    let answer = || Scripted::text("x").usage(70, 30);
    let (client, _, meter) = metered(Budget::default(), Some(PRICES), answers(answer));
    ask(&client).await.unwrap();
    ask(&client).await.unwrap();
    let spent = meter.usage();
    assert_eq!(spent, usage(2, Some((140, 60)), spent.cost_usd));
    assert!((spent.cost_usd.unwrap() - (140.0 + 240.0) / 1e6).abs() < 1e-12);
}

#[tokio::test]
async fn what_is_not_known_is_not_zero() {
    let known = || Scripted::text("x").usage(70, 30);
    let (client, _, meter) = metered(Budget::default(), None, answers(known));
    ask(&client).await.unwrap();
    assert_eq!(meter.usage(), usage(1, Some((70, 30)), None), "no price, no cost");
    let script = ScriptedClient::new([known(), Scripted::text("y"), known()]);
    let (client, _, meter) = metered(Budget::default(), Some(PRICES), script);
    for _ in 0..3 {
        ask(&client).await.unwrap();
    }
    assert_eq!(meter.usage(), usage(3, None, None), "one call did not say");
    let silent = || Scripted::error(ModelErrorKind::Timeout, ErrorClass::Timeout, "late");
    let (client, _, meter) = metered(Budget::default(), Some(PRICES), answers(silent));
    ask(&client).await.unwrap_err();
    assert_eq!(meter.usage(), usage(1, None, None), "an answer may have been written");
}

#[tokio::test]
async fn a_refused_call_costs_a_call_and_nothing_more() {
    for (kind, class, calls) in [
        (ModelErrorKind::Status, ErrorClass::RateLimit, 1),
        (ModelErrorKind::Unreachable, ErrorClass::Network, 1),
        (ModelErrorKind::FormatRefused, ErrorClass::Validation, 1),
        (ModelErrorKind::NotRecorded, ErrorClass::NotFound, 0),
        (ModelErrorKind::Setup, ErrorClass::Validation, 0),
    ] {
        let script = answers(move || Scripted::error(kind, class, "no"));
        let (client, _, meter) = metered(tokens(1_000), Some(PRICES), script);
        ask(&client).await.unwrap_err();
        assert_eq!(meter.usage(), usage(calls, Some((0, 0)), Some(0.0)), "{kind:?}");
    }
}

#[tokio::test]
async fn an_answer_is_limited_to_what_is_left() {
    let granted = |limit, asked| async move {
        let (client, inner, _) = metered(tokens(limit), None, answers(|| "x".into()));
        let request = ModelRequest { max_tokens: asked, ..request() };
        client.ask(&request, None).await.unwrap();
        inner.requests()[0].max_tokens
    };
    assert_eq!(granted(600, None).await, Some(500));
    assert_eq!(granted(600, Some(2_000)).await, Some(500));
    assert_eq!(granted(600, Some(300)).await, Some(300));
    assert_eq!(granted(116, None).await, Some(16));
    assert_eq!(granted(1_000_000, None).await, Some(16_384));
    assert_eq!(granted(1_000_000, Some(50_000)).await, Some(50_000));
    let (client, inner, _) = metered(Budget::default(), None, answers(|| "x".into()));
    ask(&client).await.unwrap();
    assert_eq!(inner.requests()[0].max_tokens, None, "without a budget nothing is changed");
}

#[tokio::test]
async fn too_few_tokens_are_none() {
    let answer = || Scripted::text("x").usage(120, 380);
    let (client, inner, meter) = metered(tokens(615), None, answers(answer));
    ask(&client).await.unwrap();
    let error = ask(&client).await.unwrap_err();
    let expected = "the budget of 615 tokens does not allow another call: 500 are spent or \
                    reserved, and the call needs about 116; `--budget tokens=1232` allows it";
    assert_eq!((error.kind, error.message.as_str()), (ModelErrorKind::Budget, expected));
    assert_eq!((inner.calls(), meter.exceeded()), (1, Some(Limit::Tokens)));
}

#[tokio::test]
async fn tokens_that_nobody_counts_are_judged_by_the_bytes() {
    // 100 for the prompt and 100 for 300 letters, a call.
    let (client, inner, meter) = metered(tokens(515), None, answers(|| "y".repeat(300).into()));
    ask(&client).await.unwrap();
    ask(&client).await.unwrap();
    assert!(ask(&client).await.is_err());
    assert_eq!((inner.calls(), meter.usage()), (2, usage(2, None, None)));
    // The arguments of calls are written too.
    let mut answer = ModelAnswer::text("");
    let arguments = "z".repeat(300);
    answer.tool_calls.push(RequestedCall { id: "c".into(), name: "t".into(), arguments });
    let (client, inner, _) = metered(tokens(515), None, answers(move || answer.clone().into()));
    while ask(&client).await.is_ok() {}
    assert_eq!(inner.calls(), 2);
}

#[tokio::test]
async fn a_call_of_unknown_fate_is_judged_by_all_that_was_reserved() {
    let late = || Scripted::error(ModelErrorKind::Timeout, ErrorClass::Timeout, "late");
    let (client, inner, _) = metered(tokens(1_000), None, answers(late));
    let request = ModelRequest { max_tokens: Some(400), ..request() };
    while !matches!(client.ask(&request, None).await, Err(e) if e.kind == ModelErrorKind::Budget) {}
    assert_eq!(inner.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_settled() {
    let slow = || Scripted::text("x").delay_ms(10_000);
    let (client, _, meter) = metered(tokens(700), None, answers(slow));
    let request = ModelRequest { max_tokens: Some(400), ..request() };
    let one_second = std::time::Duration::from_secs(1);
    assert!(tokio::time::timeout(one_second, client.ask(&request, None)).await.is_err());
    assert_eq!(meter.usage(), usage(1, None, None));
    assert!(client.ask(&request, None).await.is_ok(), "200 are left");
    let error = client.ask(&request, None).await.unwrap_err();
    // The dropped call: 100 and 400; the other: 100 and one letter.
    // The dropped call: 100 and 400; the other: 100 and one letter.
    assert!(error.message.contains("601 are spent"), "{error}");
}

#[tokio::test]
async fn money_is_limited_where_prices_are_known() {
    let budget = || Budget { cost_usd: Some(0.001), ..Budget::default() };
    // 100 tokens of prompt are 0.0001; 0.0009 buy 225 of an answer.
    let answer = || Scripted::text("x").usage(100, 200);
    let (client, inner, meter) = metered(budget(), Some(PRICES), answers(answer));
    ask(&client).await.unwrap();
    assert_eq!(inner.requests()[0].max_tokens, Some(225));
    let error = ask(&client).await.unwrap_err();
    assert_eq!((error.kind, meter.exceeded()), (ModelErrorKind::Budget, Some(Limit::CostUsd)));
    assert!(error.message.contains("0.000900 are spent"), "{error}");
    assert!(error.message.contains("`--budget cost_usd="), "{error}");
    let (client, inner, _) = metered(budget(), None, answers(answer));
    let error = ask(&client).await.unwrap_err();
    assert!(error.message.contains("prices of this model are not known"), "{error}");
    assert_eq!(inner.calls(), 0, "a limit that cannot be kept is not ignored");
    let free = Prices { prompt_per_million: 0.0, completion_per_million: 0.0 };
    let (client, inner, meter) = metered(budget(), Some(free), answers(answer));
    ask(&client).await.unwrap();
    assert_eq!(inner.requests()[0].max_tokens, Some(16_384));
    assert_eq!(meter.usage().cost_usd, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn calls_at_the_same_time_see_each_other() {
    let budget = Budget { llm_calls: Some(3), tokens: Some(100_000), ..Budget::default() };
    let slow = || Scripted::text("x").delay_ms(100).usage(100, 1);
    let (client, inner, meter) = metered(budget, None, answers(slow));
    let request = request();
    let calls = (0..20).map(|_| client.ask(&request, None));
    let results = futures_util::future::join_all(calls).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    assert_eq!((inner.calls(), meter.usage().llm_calls), (3, Some(3)));
    let (client, inner, _) = metered(tokens(1_000), None, answers(slow));
    let request = ModelRequest { max_tokens: Some(300), ..request };
    let calls = (0..20).map(|_| client.ask(&request, None));
    let results = futures_util::future::join_all(calls).await;
    let granted: Vec<_> = inner.requests().iter().map(|request| request.max_tokens).collect();
    assert_eq!(granted, [Some(300), Some(300), Some(100)], "1000 are not reserved twice");
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
}

#[tokio::test]
async fn an_earlier_process_has_spent_too() {
    let budget = Budget { llm_calls: Some(3), tokens: Some(1_000), ..Budget::default() };
    let answer = || Scripted::text("x").usage(100, 50);
    let (client, inner, meter) = metered(budget, Some(PRICES), answers(answer));
    let counted = TokenCount { prompt: Some(500), completion: Some(200) };
    meter.restore_exchange(&request(), counted, Some(&ModelAnswer::text("x")));
    let nothing = TokenCount { prompt: Some(0), completion: Some(0) };
    meter.restore_exchange(&request(), nothing, None);
    ask(&client).await.unwrap();
    assert_eq!(inner.requests()[0].max_tokens, Some(200));
    assert_eq!(ask(&client).await.unwrap_err().kind, ModelErrorKind::Budget);
    let spent = meter.usage();
    assert_eq!((spent.llm_calls, spent.prompt_tokens), (Some(3), Some(600)));
    assert!(spent.cost_usd.is_some());
    // What nobody counted is not known, and is judged all the same: by what was written, or by
    // what might have been.
    for answer in [Some(ModelAnswer::text("x".repeat(3_000))), None] {
        let budget = Budget { tokens: Some(2_500), ..Budget::default() };
        let (client, inner, meter) = metered(budget, Some(PRICES), answers(|| "x".into()));
        let asked = ModelRequest { max_tokens: Some(1_000), ..request() };
        meter.restore_exchange(&asked, TokenCount::default(), answer.as_ref());
        assert_eq!(meter.usage(), usage(1, None, None));
        ask(&client).await.unwrap();
        let granted = inner.requests()[0].max_tokens.unwrap();
        assert!((1_300..=1_500).contains(&granted), "{granted}");
    }
}

/// The estimate of a prompt like ours is not below what a common tokenizer counts.
#[test]
fn the_estimate_is_on_the_safe_side() {
    let bpe = tiktoken_rs::cl100k_base().unwrap();
    let json = r#"{"type":"object","properties":{"url":{"type":"string","description":"An URL"},
        "timeout_ms":{"type":["integer","null"],"minimum":1}},"required":["url"]}"#;
    let prose = "Decompose the goal into the fewest steps that reach it. A step may read what an \
                 earlier one gave: write {{ results.s1.text }} where its value is to stand.";
    let other = "Zerlege das Ziel in Schritte – höchstens zwanzig. 目标分解为步骤。";
    for text in [json, prose, other] {
        let request = ModelRequest::new(Purpose::Plan, vec![ChatMessage::user(text)]);
        let (estimate, real) =
            (estimate_prompt_tokens(&request), bpe.encode_with_special_tokens(text).len() as u64);
        assert!(estimate >= real && estimate < real * 3, "{estimate} for {real}: {text}");
    }
}
