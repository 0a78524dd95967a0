//! Reading what a command line names: a file or stdin, bounded before memory is taken.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pe_model::{Format, MAX_DOCUMENT_BYTES, ReadError};

use crate::failure::Failure;

/// Where a document comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// `-`.
    Stdin,
    /// A path.
    File(PathBuf),
}

impl Source {
    /// What a word of the command line names.
    pub(crate) fn new(word: &Path) -> Self {
        if word.as_os_str() == "-" { Self::Stdin } else { Self::File(word.to_owned()) }
    }

    /// Whether `word` names a plan by the rule of `pe run`: stdin, an existing file, or a name
    /// that ends like a plan file's. Anything else is a goal.
    pub(crate) fn is_named_by(word: &Path) -> bool {
        let ending =
            word.file_name().and_then(|name| name.to_str()).and_then(Format::from_file_name);
        word.as_os_str() == "-" || ending.is_some() || word.exists()
    }

    /// The name for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdin => "stdin".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// A document as read, not parsed yet.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its name for messages.
    pub(crate) name: String,
    /// Its notation.
    pub(crate) format: Format,
    /// Its bytes, or how many too many there are.
    pub(crate) bytes: Result<Vec<u8>, ReadError>,
}

impl Document {
    /// Reads a document; `format` wins over the file's name, and that over the first character.
    ///
    /// # Errors
    /// A usage failure when the path cannot be read or is a directory. A document that is too
    /// long is no failure here: it is an invalid plan.
    pub(crate) fn read(source: &Source, format: Option<Format>) -> Result<Self, Failure> {
        let name = source.name();
        let bytes = match source {
            Source::Stdin => bounded(io::stdin().lock(), None)
                .context("cannot read stdin")
                .map_err(Failure::usage)?,
            Source::File(path) => read_file(path)?,
        };
        let by_name = || match source {
            Source::File(path) => Format::from_file_name(path.file_name()?.to_str()?),
            Source::Stdin => None,
        };
        let format = format
            .or_else(by_name)
            .unwrap_or_else(|| Format::sniff(bytes.as_deref().unwrap_or_default()));
        Ok(Self { name, format, bytes })
    }
}

fn read_file(path: &Path) -> Result<Result<Vec<u8>, ReadError>, Failure> {
    let shown = path.display();
    let cannot = || format!("cannot read `{shown}`");
    let file = File::open(path).with_context(cannot).map_err(|error| {
        let failure = Failure::usage(error);
        if path.exists() { failure } else { failure.hint("check the path; `-` reads stdin") }
    })?;
    let metadata = file.metadata().with_context(cannot).map_err(Failure::usage)?;
    if metadata.is_dir() {
        let message = format!("cannot read `{shown}`: it is a directory; name a plan file");
        return Err(Failure::usage_message(message));
    }
    let length = metadata.is_file().then_some(metadata.len() as usize);
    bounded(file, length).with_context(cannot).map_err(Failure::usage)
}

/// At most [`MAX_DOCUMENT_BYTES`]; a known length that is larger is not even begun.
fn bounded(reader: impl Read, length: Option<usize>) -> io::Result<Result<Vec<u8>, ReadError>> {
    let too_large = |bytes| Ok(Err(ReadError::TooLarge { bytes, limit: MAX_DOCUMENT_BYTES }));
    if let Some(length) = length.filter(|&length| length > MAX_DOCUMENT_BYTES) {
        return too_large(length);
    }
    let mut bytes = Vec::new();
    reader.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return too_large(bytes.len());
    }
    Ok(Ok(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_source_is_cut_off() {
        let read = bounded(io::repeat(b' '), None).unwrap();
        assert!(matches!(read, Err(ReadError::TooLarge { .. })), "{read:?}");
        let read = bounded(io::empty(), Some(MAX_DOCUMENT_BYTES + 1)).unwrap();
        assert!(matches!(read, Err(ReadError::TooLarge { .. })), "{read:?}");
        assert_eq!(bounded(&b"abc"[..], Some(3)).unwrap(), Ok(b"abc".to_vec()));
    }

    #[test]
    fn goals_are_told_from_files() {
        assert!(Source::is_named_by(Path::new("-")));
        assert!(Source::is_named_by(Path::new("no/such/plan.YAML")));
        assert!(Source::is_named_by(Path::new(".")));
        assert!(!Source::is_named_by(Path::new("write a report")));
        assert!(!Source::is_named_by(Path::new("no/such/plan.txt")));
    }
}
