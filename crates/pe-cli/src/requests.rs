//! Asking the process that owns a run, from another terminal: answers for people, and stops.
//!
//! What is asked is written into the database; the owner looks there several times a second,
//! does it, and writes down what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use pe_exec::{Answer, AnswerError, Controller};
use pe_model::RunId;
use pe_store::SqliteStore;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::failure::Failure;

/// How often the owner looks, and so does whoever waits for it.
const LOOK: Duration = Duration::from_millis(100);
/// How long an owner may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of the process that owns a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// To take a person's answer.
    Answer(Answer),
    /// To stop, as an interrupt would.
    Stop,
}

/// A request on its way: only the owner that it was meant for does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Letter {
    /// Counts the owners of the run.
    epoch: u64,
    request: Request,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Done,
    Refused(String),
}

/// How asking an owner ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It did what was asked.
    Done,
    /// Nobody owns the run any more, and nobody did what was asked.
    NobodyThere,
}

/// Asks the owner of a run, and waits for what comes of it.
///
/// # Errors
/// When it refuses, or does not answer in time; the request is withdrawn.
pub(crate) fn ask(
    store: &SqliteStore,
    run_id: &RunId,
    request: &Request,
) -> Result<Asked, Failure> {
    let letter = Letter { epoch: store.run(run_id)?.epoch, request: request.clone() };
    let body = serde_json::to_value(letter).context("cannot write the request")?;
    let id = store.send_request(run_id, &body)?;
    let began = Instant::now();
    loop {
        // Looked at first, so that an answer just before the end is not missed.
        let is_live = store.run(run_id)?.is_live;
        if let Some(reply) = store.request_answer(id)? {
            let reply = serde_json::from_value(reply).context("cannot read the owner's reply")?;
            return match reply {
                Reply::Done => Ok(Asked::Done),
                Reply::Refused(why) => Err(Failure::usage_message(why)),
            };
        }
        if !is_live || began.elapsed() > PATIENCE {
            if !store.withdraw_request(id)? {
                // It was answered just now.
                continue;
            }
            return match is_live {
                false => Ok(Asked::NobodyThere),
                true => Err(anyhow!("the process that runs the run does not answer").into()),
            };
        }
        std::thread::sleep(LOOK);
    }
}

/// Does what others ask of the run that this process owns, until it is dropped.
pub(crate) async fn serve(
    store: Arc<SqliteStore>,
    mut run: watch::Receiver<Option<RunId>>,
    controller: Controller,
) {
    let Ok(run_id) = run.wait_for(Option::is_some).await.map(|id| id.clone()) else { return };
    let Some(run_id) = run_id else { return };
    let Ok(own) = store.run(&run_id).map(|run| run.epoch) else { return };
    let mut seen = None;
    loop {
        // A database that cannot be read now stops the run where it writes, not here.
        let changed = store.change_counter().ok();
        if changed != seen
            && let Ok(open) = store.open_requests(&run_id)
        {
            seen = changed;
            for (id, body) in open {
                let reply = match serde_json::from_value::<Letter>(body) {
                    Ok(letter) if letter.epoch != own => {
                        Some(Reply::Refused("it was meant for an earlier process".to_owned()))
                    }
                    Ok(letter) => carry_out(letter.request, &controller).await,
                    Err(error) => Some(Reply::Refused(format!("cannot read the request: {error}"))),
                };
                if let Some(reply) = reply.and_then(|reply| serde_json::to_value(reply).ok()) {
                    let _ = store.answer_request(id, &reply);
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Does what was asked; `None` where the run has ended, and nobody did it.
async fn carry_out(request: Request, controller: &Controller) -> Option<Reply> {
    Some(match request {
        Request::Stop => {
            controller.stop();
            Reply::Done
        }
        Request::Answer(answer) => match controller.answer(answer).await {
            Ok(()) => Reply::Done,
            Err(AnswerError::Ended) => return None,
            Err(error) => Reply::Refused(format!("{:#}", anyhow::Error::from(error))),
        },
    })
}

#[cfg(test)]
mod tests {
    use pe_model::Resolution;

    use super::*;

    #[test]
    fn a_request_survives_its_way() {
        let resolution = Resolution::Done { output: Arc::new(serde_json::json!({"a": [1]})) };
        let resolve = Answer::Resolve {
            step_id: "s".into(),
            generation: 2,
            iteration: 3,
            attempt: 4,
            resolution,
        };
        let approve = Answer::Approve { step_id: "s".into(), generation: 0 };
        for request in [Request::Answer(resolve), Request::Answer(approve), Request::Stop] {
            let letter = Letter { epoch: 3, request };
            let sent = serde_json::to_value(&letter).unwrap();
            assert_eq!(serde_json::from_value::<Letter>(sent).unwrap(), letter);
        }
    }
}
