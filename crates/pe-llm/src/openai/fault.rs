//! What a failed exchange means: kinds and classes from typed errors and from the status line,
//! and a message with the next move.

use std::error::Error as _;
use std::io;

use pe_model::{ErrorClass, ModelError, ModelErrorKind as Kind};
use reqwest::StatusCode;

use super::complaint::{self, About, Complaint, Sent};
use super::endpoint::{Endpoint, without_secrets};
use super::exchange::{Fault, Refusal, Seen};
use super::request::Habits;

/// Who was asked, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) model: &'a str,
    /// What it was asked for: the end of the address.
    pub(super) path: &'a str,
    pub(super) sent: Sent,
}

impl Asked<'_> {
    fn what(&self) -> String {
        format!("asking model `{}` at {}{}", self.model, self.endpoint.base(), self.path)
    }

    fn error(&self, kind: Kind, class: ErrorClass, found: &str) -> ModelError {
        let message = self.endpoint.without_key(&format!("{}: {found}", self.what()));
        ModelError::new(kind, class, message)
    }

    /// What the service under the library saw.
    pub(super) fn fault(&self, fault: Fault, habits: &Habits, idle_ms: u64) -> ModelError {
        match fault {
            Fault::Transport(error) => self.transport(error),
            Fault::Status(refusal) => self.refused(refusal, habits),
            Fault::Idle => self.error(
                Kind::Timeout,
                ErrorClass::Timeout,
                &format!(
                    "nothing came for {idle_ms} ms; a slow model needs a longer idle timeout \
                     (`PE_LLM_IDLE_TIMEOUT_MS`)"
                ),
            ),
            Fault::TooLarge(bytes) => self.too_large(bytes),
        }
    }

    pub(super) fn too_large(&self, bytes: usize) -> ModelError {
        let found = format!(
            "the answer is longer than the {bytes} bytes that are read of one; \
             `PE_LLM_MAX_ANSWER_BYTES` allows longer ones"
        );
        self.error(Kind::TooLarge, ErrorClass::Validation, &found)
    }

    pub(super) fn timed_out(&self, total_ms: u64) -> ModelError {
        let found = format!(
            "no complete answer within {total_ms} ms; a slow model needs a longer timeout \
             (`PE_LLM_TIMEOUT_MS`), or a smaller model answers sooner"
        );
        self.error(Kind::Timeout, ErrorClass::Timeout, &found)
    }

    /// An answer that is none, with how it begins.
    pub(super) fn malformed(&self, problem: &str, seen: &Seen) -> ModelError {
        let head = complaint::shown(&String::from_utf8_lossy(&seen.head));
        let found = match head.as_str() {
            "" => format!("{problem}, with an empty body"),
            head => {
                let head = head.chars().take(120).collect::<String>();
                format!("{problem} (type `{}`): {head}", seen.content_type)
            }
        };
        let next =
            "is `PE_BASE_URL` the address of an OpenAI-compatible API? It mostly ends in /v1";
        // Who answers with a page for people is not the API, now or later.
        let is_page = seen.content_type.to_ascii_lowercase().starts_with("text/html");
        let class = if is_page { ErrorClass::NotFound } else { ErrorClass::Internal };
        self.error(Kind::Malformed, class, &format!("{found}; {next}"))
    }

    /// An error object in a body that began as a success; its own status counts, if it has one.
    pub(super) fn complained(&self, body: &str, habits: &Habits) -> ModelError {
        let complaint = Complaint::read(body.as_bytes());
        // Without a status of its own it is a defect of the other side.
        let status = complaint.status.and_then(|status| StatusCode::from_u16(status).ok());
        let shown = match status {
            Some(status) => format!("an error of status {status} within a success"),
            None => "an error within a success".to_owned(),
        };
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.complaint(status, &shown, &complaint, None, habits)
    }

    fn refused(&self, refusal: Refusal, habits: &Habits) -> ModelError {
        let Refusal { status, location, retry_after_ms, body } = refusal;
        if status.is_redirection() {
            let found = match location {
                Some(target) => format!(
                    "{status}: it redirects to `{}`, which is not followed, since the key would \
                     go with it; if that is right, set `PE_BASE_URL` to it",
                    without_secrets(&target)
                ),
                None => format!("{status}, a redirect to nowhere"),
            };
            let error = self.error(Kind::Status, ErrorClass::Validation, &found);
            return ModelError { status: Some(status.as_u16()), ..error };
        }
        let complaint = Complaint::read(&body);
        self.complaint(status, &format!("answered {status}"), &complaint, retry_after_ms, habits)
    }

    fn complaint(
        &self,
        status: StatusCode,
        shown: &str,
        complaint: &Complaint,
        retry_after_ms: Option<u64>,
        habits: &Habits,
    ) -> ModelError {
        let class = ErrorClass::from_http_status(status.as_u16()).unwrap_or(ErrorClass::Internal);
        let found = match complaint.words.as_str() {
            "" => shown.to_owned(),
            words => format!("{shown}: {words}"),
        };
        let is_refusal = matches!(status.as_u16(), 400 | 422);
        let about = match is_refusal || status == StatusCode::NOT_FOUND {
            true => complaint.about(&self.sent),
            false => About::Other,
        };
        let error = |kind, class, next: &str| {
            let found = if next.is_empty() { found.clone() } else { format!("{found}; {next}") };
            let error = self.error(kind, class, &found);
            ModelError { status: Some(status.as_u16()), retry_after_ms, ..error }
        };
        match about {
            About::Format if is_refusal => {
                return error(Kind::FormatRefused, class, "it takes another form of answer");
            }
            // The next attempt is another request, so it is worth making, and at once.
            About::Field(field) if is_refusal && habits.learn(field) => {
                let error =
                    error(Kind::Status, ErrorClass::Internal, "asked otherwise from now on");
                return ModelError { retry_after_ms: Some(0), ..error };
            }
            _ => {}
        }
        let next = match status.as_u16() {
            401 => "check `PE_API_KEY`",
            403 | 407 | 451 => "the key may not do this; check `PE_API_KEY`",
            404 if about == About::Model => {
                let next = format!(
                    "the endpoint does not know model `{}`; set `PE_MODEL` to one that it has",
                    self.model
                );
                return error(Kind::Status, class, &next);
            }
            404 | 405 => "there is no such API; `PE_BASE_URL` mostly ends in /v1",
            402 => "the account behind the key has no money left",
            413 => "the request is too long for this endpoint",
            429 => "it is asked too often, or a quota is used up",
            500.. => "the endpoint is at fault; try again later",
            _ => "",
        };
        error(Kind::Status, class, next)
    }

    fn transport(&self, error: reqwest::Error) -> ModelError {
        let error = error.without_url();
        let mut reason = error.to_string();
        let mut last = String::new();
        let (mut refused, mut certificate) = (false, false);
        let mut source = error.source();
        while let Some(cause) = source {
            last = cause.to_string();
            reason = format!("{reason}: {last}");
            let io = cause.downcast_ref::<io::Error>();
            refused |= io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused);
            certificate |= matches!(
                cause.downcast_ref::<rustls::Error>(),
                Some(rustls::Error::InvalidCertificate(_))
            );
            // An `io::Error` leaves the error that it wraps out of the chain of sources.
            source = match io.and_then(io::Error::get_ref) {
                Some(wrapped) => Some(wrapped),
                None => cause.source(),
            };
        }
        if error.is_builder() {
            return self.error(Kind::Setup, ErrorClass::Validation, &reason);
        }
        if certificate {
            let found = format!("its certificate is not accepted: {last}");
            return self.error(Kind::Unreachable, ErrorClass::Validation, &found);
        }
        let found = match (refused, error.is_connect()) {
            (true, _) => {
                "connection refused; is the server running? `PE_BASE_URL` names another".to_owned()
            }
            (_, true) => format!(
                "no connection: {last}; is the server running, and is `PE_BASE_URL` its address?"
            ),
            _ => format!("the connection broke: {reason}"),
        };
        if error.is_timeout() {
            return self.error(Kind::Timeout, ErrorClass::Timeout, &found);
        }
        self.error(Kind::Unreachable, ErrorClass::Network, &found)
    }
}
