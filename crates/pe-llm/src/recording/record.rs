//! Writing a recording.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pe_model::{BoxFuture, DeltaSink, LlmClient, ModelAnswer, ModelError, ModelName, ModelRequest};
use secrecy::SecretString;
use tokio::time::Instant;

use super::{Exchange, RECORDING_FORMAT, RecordingError, Secrets};

/// A client whose exchanges are appended to a file.
///
/// A call that was dropped is not recorded: nobody has its answer. A line that cannot be
/// written does not take the answer away, which is paid; [`Recorder::failure`] says it.
#[derive(Debug)]
pub struct Recorder<C> {
    inner: C,
    path: PathBuf,
    secrets: Secrets,
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    file: File,
    failure: Option<RecordingError>,
}

impl<C: LlmClient> Recorder<C> {
    /// Appends to the file at `path`, which only its owner may read when it is made here.
    /// `secrets` are taken out of what is written; those of fewer than 4 bytes are not, since
    /// they are found in words that have nothing to do with them.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn create(
        inner: C,
        path: impl Into<PathBuf>,
        secrets: Vec<SecretString>,
    ) -> Result<Self, RecordingError> {
        let path = path.into();
        let file = open(&path).map_err(|source| RecordingError::Io {
            path: path.clone(),
            what: "opened",
            source,
        })?;
        let out = Mutex::new(Out { file, failure: None });
        Ok(Self { inner, path, secrets: Secrets::new(secrets), out })
    }

    /// The first line that could not be written, once.
    pub fn failure(&self) -> Option<RecordingError> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).failure.take()
    }

    fn append(
        &self,
        request: &ModelRequest,
        result: &Result<ModelAnswer, ModelError>,
        duration_ms: u64,
    ) {
        let ModelName { model, endpoint } = self.inner.name();
        let exchange = Exchange {
            format: RECORDING_FORMAT,
            purpose: request.purpose,
            model,
            endpoint,
            request: request.clone(),
            answer: result.as_ref().ok().cloned(),
            error: result.as_ref().err().cloned(),
            duration_ms,
        };
        let line = serde_json::to_value(exchange).map(|mut line| {
            self.secrets.remove_from(&mut line);
            format!("{line}\n")
        });
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let written = line
            .map_err(std::io::Error::from)
            .and_then(|line| out.file.write_all(line.as_bytes()).and_then(|()| out.file.flush()));
        if let Err(source) = written {
            let path = self.path.clone();
            out.failure.get_or_insert(RecordingError::Io { path, what: "written", source });
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Prompts and results are in it.
        options.mode(0o600);
    }
    options.open(path)
}

impl<C: LlmClient> LlmClient for Recorder<C> {
    fn name(&self) -> ModelName {
        self.inner.name()
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(async move {
            let begun = Instant::now();
            let result = self.inner.ask(request, sink).await;
            let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.append(request, &result, duration_ms);
            result
        })
    }
}
