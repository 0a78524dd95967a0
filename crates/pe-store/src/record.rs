//! Events as rows: text, long values by hash, and the chain of checksums.
//!
//! Invariant: what is read is what was written. Each row's checksum goes on from the one
//! before and covers every column; the first goes on from the run's id. A flipped bit, a
//! missing row and a row in another's place all break the chain.

use std::ops::Range;

use pe_model::{EVENT_FORMAT, Event, RunId};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::fields::{fields, is_shallow};

/// A field whose text is longer than this stands in `blobs`, once.
pub(crate) const LONGEST_FIELD: usize = 4096;

/// The deepest event that is accepted: reading deeper ones could exhaust a stack.
pub(crate) const DEEPEST: usize = 256;

/// What serde_json reads without being told to.
const USUAL_DEPTH: usize = 100;

/// One event, ready to be written.
#[derive(Debug)]
pub(crate) struct Record {
    /// Where its payload stands in the batch's text.
    pub(crate) payload: Range<usize>,
    /// The fields that stand elsewhere.
    pub(crate) blobs: Vec<Blob>,
}

/// A long value.
#[derive(Debug)]
pub(crate) struct Blob {
    pub(crate) field: String,
    pub(crate) hash: String,
    pub(crate) content: String,
}

/// The columns of an event row that the checksum covers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) id: i64,
    pub(crate) format: u32,
    pub(crate) at_ms: u64,
    pub(crate) recorded_at: i64,
    pub(crate) payload: &'a str,
    pub(crate) blobs: Option<&'a str>,
}

/// The SHA-256 of a text, in hexadecimal.
pub(crate) fn hash(content: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The checksum before a run's first event.
pub(crate) fn chain_start(run_id: &RunId) -> u32 {
    crc32fast::hash(run_id.as_str().as_bytes())
}

/// The checksum of a row that follows one whose checksum is `previous`.
pub(crate) fn link(previous: u32, row: Columns<'_>) -> u32 {
    let mut head = [0; 48];
    head[..4].copy_from_slice(&previous.to_le_bytes());
    head[4..12].copy_from_slice(&row.id.to_le_bytes());
    head[12..16].copy_from_slice(&row.format.to_le_bytes());
    head[16..24].copy_from_slice(&row.at_ms.to_le_bytes());
    head[24..32].copy_from_slice(&row.recorded_at.to_le_bytes());
    head[32..40].copy_from_slice(&(row.payload.len() as u64).to_le_bytes());
    let blobs = row.blobs.map_or(u64::MAX, |blobs| blobs.len() as u64);
    head[40..].copy_from_slice(&blobs.to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&head);
    crc.update(row.payload.as_bytes());
    crc.update(row.blobs.unwrap_or_default().as_bytes());
    crc.finalize()
}

/// Writes the events' payloads one after the other into one text.
///
/// # Errors
/// What is wrong with an event that could not be read again.
pub(crate) fn encode(events: &[Event]) -> Result<(String, Vec<Record>), String> {
    let mut text = Vec::with_capacity(events.len() * 512);
    let mut records = Vec::with_capacity(events.len());
    for event in events {
        let start = text.len();
        serde_json::to_writer(&mut text, &event.kind)
            .map_err(|error| format!("event {} is no JSON: {error}", event.seq))?;
        let mut blobs = Vec::new();
        let payload = str::from_utf8(&text[start..])
            .map_err(|error| format!("event {} is no text: {error}", event.seq))?;
        if !is_shallow(payload, DEEPEST) {
            return Err(format!("event {} is nested deeper than {DEEPEST} levels", event.seq));
        }
        if payload.len() > LONGEST_FIELD {
            let (short, long) = split(payload);
            blobs = long;
            text.truncate(start);
            text.extend_from_slice(short.as_bytes());
        }
        records.push(Record { payload: start..text.len(), blobs });
    }
    let text = String::from_utf8(text).map_err(|error| error.to_string())?;
    Ok((text, records))
}

/// The hashes of the fields that stand elsewhere, as they are written; `None` for none.
pub(crate) fn references(blobs: &[Blob]) -> Option<String> {
    if blobs.is_empty() {
        return None;
    }
    let named: Vec<String> =
        blobs.iter().map(|blob| format!("\"{}\":\"{}\"", blob.field, blob.hash)).collect();
    Some(format!("{{{}}}", named.join(",")))
}

/// Takes the long fields out of a payload.
fn split(payload: &str) -> (String, Vec<Blob>) {
    let mut short = String::new();
    let mut blobs = Vec::new();
    let mut copied = 0;
    for field in fields(payload) {
        if field.value.len() > LONGEST_FIELD {
            let content = payload[field.value.clone()].to_owned();
            short.push_str(&payload[copied..field.value.start]);
            short.push_str("null");
            copied = field.value.end;
            let hash = hash(content.as_bytes());
            blobs.push(Blob { field: payload[field.name].to_owned(), hash, content });
        }
    }
    short.push_str(&payload[copied..]);
    (short, blobs)
}

/// The names and hashes that [`references`] wrote.
pub(crate) fn parse_references(blobs: &str) -> Vec<(&str, &str)> {
    fields(blobs)
        .into_iter()
        .map(|field| (&blobs[field.name], blobs[field.value].trim_matches('"')))
        .collect()
}

/// Puts the long fields back, each fetched by its hash.
pub(crate) fn join<E>(
    payload: &str,
    blobs: &str,
    mut fetch: impl FnMut(&str) -> Result<String, E>,
) -> Result<String, E> {
    let references = parse_references(blobs);
    let mut whole = String::new();
    let mut copied = 0;
    for field in fields(payload) {
        let name = &payload[field.name];
        if let Some((_, hash)) = references.iter().find(|(named, _)| *named == name) {
            whole.push_str(&payload[copied..field.value.start]);
            whole.push_str(&fetch(hash)?);
            copied = field.value.end;
        }
    }
    whole.push_str(&payload[copied..]);
    Ok(whole)
}

/// Reads what may be nested [`DEEPEST`] levels deep: an event, a plan, a call to a model.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    decode_within(text, DEEPEST)
}

/// Reads what may be nested `deepest` levels deep. Deep values take much stack.
pub(crate) fn decode_within<T: DeserializeOwned>(text: &str, deepest: usize) -> Result<T, String> {
    if is_shallow(text, USUAL_DEPTH) {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    if !is_shallow(text, deepest) {
        return Err(format!("it is nested deeper than {deepest} levels"));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let value = T::deserialize(&mut reader);
    value.and_then(|value| reader.end().map(|()| value)).map_err(|error| error.to_string())
}

/// Whether this program can read an event of `format`.
pub(crate) fn is_known(format: u32) -> bool {
    format <= EVENT_FORMAT
}
