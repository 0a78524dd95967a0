//! The models that an endpoint has.

use async_openai::config::Config as _;
use pe_model::ModelError;
use serde::Deserialize;

use super::complaint::Sent;
use super::exchange::{self, Watch};
use super::fault::Asked;
use super::loose::{Few, Loose};
use super::{OpenAi, wait};

const PATH: &str = "/models";

/// OpenAI's list, and the one that Ollama has beside it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Listed {
    data: Few<Entry, 10_000>,
    models: Few<Entry, 10_000>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    id: Loose,
    name: Loose,
}

pub(super) async fn list(client: &OpenAi) -> Result<Vec<String>, ModelError> {
    let config = &client.config;
    let sent = Sent { format: false, stream_options: false, temperature: false, max_tokens: None };
    let asked = Asked { endpoint: &client.endpoint, model: &config.model, path: PATH, sent };
    let watch = Watch::default();
    let work = async {
        let request = client
            .http
            .get(client.endpoint.url(PATH))
            .query(&client.endpoint.query())
            .headers(client.endpoint.headers())
            .build();
        let failed = || {
            let fault = watch.seen().fault.take();
            match fault {
                Some(fault) => asked.fault(fault, &client.habits, config.idle_timeout_ms),
                None => asked.malformed("the list could not be read", &watch.seen()),
            }
        };
        let request = request.map_err(|_| failed())?;
        let bounds = client.bounds(false);
        let response = exchange::carry_out(&client.http, request, bounds, watch.clone()).await;
        let body = response.map_err(|_| failed())?.bytes().await.map_err(|_| failed())?;
        let listed: Listed = serde_json::from_slice(&body).map_err(|error| {
            asked.malformed(&format!("a list of models that is none ({error})"), &watch.seen())
        })?;
        let entries = listed.data.0.into_iter().chain(listed.models.0);
        let names = entries.map(|entry| match entry.id.text.is_empty() {
            true => entry.name.text,
            false => entry.id.text,
        });
        Ok(names.filter(|name| !name.is_empty()).collect())
    };
    tokio::time::timeout(wait(config.total_timeout_ms), work)
        .await
        .unwrap_or_else(|_| Err(asked.timed_out(config.total_timeout_ms)))
}
