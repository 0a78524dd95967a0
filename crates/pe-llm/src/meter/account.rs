//! The numbers of a meter: what is spent, what is reserved, and what may be.
//!
//! Two sets are kept apart. What is *judged* decides about the next call and takes an estimate
//! where nothing better is known; what is *reported* is known or is not.

use pe_model::{Budget, TokenCount, Usage};

use super::{FEWEST_ANSWER_TOKENS, Fate, Limit, MOST_ANSWER_TOKENS, Prices};

/// What a run has spent and reserved.
#[derive(Debug)]
pub(super) struct Account {
    calls: u64,
    judged_tokens: u64,
    judged_cost: f64,
    reserved_tokens: u64,
    reserved_cost: f64,
    /// Known, or not for at least one call.
    prompt: Option<u64>,
    completion: Option<u64>,
    cost: Option<f64>,
    pub(super) exceeded: Option<Limit>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            calls: 0,
            judged_tokens: 0,
            judged_cost: 0.0,
            reserved_tokens: 0,
            reserved_cost: 0.0,
            prompt: Some(0),
            completion: Some(0),
            cost: Some(0.0),
            exceeded: None,
        }
    }
}

/// What one call has reserved.
#[derive(Debug)]
pub(super) struct Claim {
    /// The longest answer; none where nothing limits it.
    pub(super) max_tokens: Option<u64>,
    prompt: u64,
    cost: f64,
}

impl Claim {
    /// Where nothing limits an answer, none is reserved either.
    fn completion(&self) -> u64 {
        self.max_tokens.unwrap_or(0)
    }

    fn tokens(&self) -> u64 {
        self.prompt.saturating_add(self.completion())
    }
}

impl Account {
    /// Reserves a call, or says which limit does not allow it and why.
    pub(super) fn claim(
        &mut self,
        budget: &Budget,
        prices: Option<&Prices>,
        prompt: u64,
        asked: Option<u64>,
    ) -> Result<Claim, (Limit, String)> {
        if let Some(limit) = budget.llm_calls
            && self.calls >= limit
        {
            let calls = if limit == 1 { "call" } else { "calls" };
            return Err((
                Limit::LlmCalls,
                format!(
                    "the budget of {limit} {calls} to a model is used up ({} made); `--budget \
                     llm_calls={}` allows more",
                    self.calls,
                    (limit * 2).max(limit + 5)
                ),
            ));
        }
        let mut granted = asked;
        if let Some(limit) = budget.tokens {
            let left = self.tokens_left(limit, prompt).ok_or_else(|| {
                let needed = prompt.saturating_add(FEWEST_ANSWER_TOKENS);
                let message = format!(
                    "the budget of {limit} tokens does not allow another call: {} are spent or \
                     reserved, and the call needs about {needed}; `--budget tokens={}` allows it",
                    self.judged_tokens.saturating_add(self.reserved_tokens),
                    self.judged_tokens.saturating_add(needed).max(limit).saturating_mul(2)
                );
                (Limit::Tokens, message)
            })?;
            granted = Some(granted.unwrap_or(MOST_ANSWER_TOKENS).min(left));
        }
        if let Some(limit) = budget.cost_usd {
            let left = self.affordable(limit, prices, prompt)?;
            granted = Some(granted.unwrap_or(MOST_ANSWER_TOKENS).min(left));
        }
        let cost = prices.map_or(0.0, |prices| prices.cost(prompt, granted.unwrap_or(0)));
        let claim = Claim { max_tokens: granted, prompt, cost };
        self.calls += 1;
        self.reserved_tokens = self.reserved_tokens.saturating_add(claim.tokens());
        self.reserved_cost += claim.cost;
        Ok(claim)
    }

    /// The tokens that an answer may have, if they are enough.
    fn tokens_left(&self, limit: u64, prompt: u64) -> Option<u64> {
        let used = self.judged_tokens.saturating_add(self.reserved_tokens).saturating_add(prompt);
        limit.checked_sub(used).filter(|left| *left >= FEWEST_ANSWER_TOKENS)
    }

    /// The tokens that an answer may have for the money that is left, if they are enough.
    fn affordable(
        &self,
        limit: f64,
        prices: Option<&Prices>,
        prompt: u64,
    ) -> Result<u64, (Limit, String)> {
        let Some(prices) = prices else {
            let message = format!(
                "the budget of {limit} US dollars cannot be kept, since the prices of this model \
                 are not known; set `llm.prices`, or limit `--budget tokens=…`"
            );
            return Err((Limit::CostUsd, message));
        };
        let used = self.judged_cost + self.reserved_cost;
        let left = limit - used - prices.cost(prompt, 0);
        if left >= prices.cost(0, FEWEST_ANSWER_TOKENS) {
            let each = prices.completion_per_million / 1e6;
            // The cast stops at the end of the range, where a token costs nothing.
            return Ok(if each > 0.0 { (left / each).floor() as u64 } else { u64::MAX });
        }
        let message = format!(
            "the budget of {limit} US dollars does not allow another call: {used:.6} are spent or \
             reserved, and the call needs about {:.6}; `--budget cost_usd={}` allows it",
            prices.cost(prompt, FEWEST_ANSWER_TOKENS),
            // Twice what is needed, rounded up to a figure that one would write.
            ((limit.max(used) + prices.cost(prompt, MOST_ANSWER_TOKENS)) * 200.0).ceil() / 100.0
        );
        Err((Limit::CostUsd, message))
    }

    /// Puts what is known in the place of what was reserved.
    pub(super) fn settle(&mut self, claim: &Claim, fate: &Fate, prices: Option<&Prices>) {
        self.reserved_tokens = self.reserved_tokens.saturating_sub(claim.tokens());
        self.reserved_cost = (self.reserved_cost - claim.cost).max(0.0);
        let (counted, judged) = match fate {
            Fate::NotMade => {
                self.calls = self.calls.saturating_sub(1);
                return;
            }
            Fate::Known { counted, seen } => {
                let prompt = counted.prompt.unwrap_or(claim.prompt);
                (*counted, (prompt, counted.completion.unwrap_or(*seen)))
            }
            Fate::Unknown => (Default::default(), (claim.prompt, claim.completion())),
        };
        self.spend(counted, judged, prices);
    }

    pub(super) fn restore_exchange(
        &mut self,
        counted: TokenCount,
        (prompt, completion): (u64, u64),
        prices: Option<&Prices>,
    ) {
        self.calls = self.calls.saturating_add(1);
        let judged = (counted.prompt.unwrap_or(prompt), counted.completion.unwrap_or(completion));
        self.spend(counted, judged, prices);
    }

    /// Adds what one exchange cost: as it is reported, and as it is judged.
    fn spend(
        &mut self,
        counted: TokenCount,
        (prompt, completion): (u64, u64),
        prices: Option<&Prices>,
    ) {
        self.judged_tokens = self.judged_tokens.saturating_add(prompt).saturating_add(completion);
        self.judged_cost += prices.map_or(0.0, |prices| prices.cost(prompt, completion));
        self.prompt = add(self.prompt, counted.prompt);
        self.completion = add(self.completion, counted.completion);
        let cost = || Some(prices?.cost(counted.prompt?, counted.completion?));
        self.cost = self.cost.zip(cost()).map(|(sum, cost)| sum + cost);
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            llm_calls: Some(self.calls),
            prompt_tokens: self.prompt,
            completion_tokens: self.completion,
            cost_usd: self.cost,
        }
    }
}

fn add(sum: Option<u64>, more: Option<u64>) -> Option<u64> {
    Some(sum?.saturating_add(more?))
}
