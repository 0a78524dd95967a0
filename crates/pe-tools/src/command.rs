//! `run_command`: starts a program inside the root.

mod environment;
mod signal;

pub use environment::CommandPolicy;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;

use pe_model::{BoxFuture, Effect, ErrorClass, JsonMap, Tool, ToolCall, ToolError, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::files::FileRoot;
use crate::process::{self, Capture, Finished, Start};
use crate::{arguments, bound};

const NAME: &str = "run_command";
/// How many lines of a failing program's output its error shows, and how many characters.
const SHOWN_LINES: usize = 12;
const SHOWN: usize = 1_500;

/// The tool `run_command`: a program with its arguments, never a shell line.
///
/// The process and its descendants end with the call, whichever way it ends. Output is read
/// while it runs and kept up to the call's `max_output_bytes`.
#[derive(Debug)]
pub struct RunCommand {
    spec: ToolSpec,
    root: FileRoot,
    environment: Vec<(OsString, OsString)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    argv: Vec<String>,
    stdin: Option<String>,
    cwd: Option<String>,
    env: Option<BTreeMap<String, String>>,
    ok_codes: Option<Vec<i32>>,
}

impl RunCommand {
    /// The tool, for programs that start in `root` with those variables of `environment`
    /// (usually `std::env::vars_os()`) that `policy` passes on.
    pub fn new(
        root: FileRoot,
        policy: &CommandPolicy,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        Self {
            root,
            environment: environment.into_iter().filter(|(name, _)| policy.passes(name)).collect(),
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Runs a program in the working directory, without a shell, and \
                              waits for it. Fails unless it exits with an expected code."
                    .into(),
                parameters: parameters(),
                output: output(),
                effect: Effect::Once,
                resource: Some("process".into()),
                concurrent: true,
                consent: true,
                timeout_ms: None,
            },
        }
    }
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["argv"],
        "properties": {
            "argv": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "description": "The program and its arguments, one word each; no shell syntax."
            },
            "stdin": {
                "type": ["string", "null"],
                "description": "What the program reads from its standard input."
            },
            "cwd": {
                "type": ["string", "null"],
                "description": "Where it starts, relative to the working directory. Default `.`."
            },
            "env": {
                "type": ["object", "null"],
                "additionalProperties": {"type": "string"},
                "description": "Variables to add to its environment."
            },
            "ok_codes": {
                "type": ["array", "null"],
                "items": {"type": "integer"},
                "description": "The exit codes that are a success. Default `[0]`."
            }
        }
    })
}

fn output() -> Value {
    json!({
        "type": "object",
        "required": ["argv", "code", "stdout", "stderr", "truncated"],
        "properties": {
            "argv": {
                "type": "array",
                "items": {"type": "string"},
                "description": "What was run."
            },
            "code": {"type": "integer", "description": "The exit code."},
            "stdout": {"type": "string", "description": "The standard output."},
            "stderr": {"type": "string", "description": "The standard error output."},
            "stdout_bytes": {"type": "integer", "description": "How much was written in all."},
            "stderr_bytes": {"type": "integer", "description": "How much was written in all."},
            "truncated": {
                "type": "boolean",
                "description": "Whether one of them is only the start of what was written."
            }
        }
    })
}

impl Tool for RunCommand {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    /// The words of `argv`. With extra variables, those of the `env` command that would set
    /// them: `LD_PRELOAD` or `PATH` change what `git status` means, so a prefix that allows
    /// the one must not allow the other.
    fn argv(&self, arguments: &JsonMap) -> Option<Vec<String>> {
        let Arguments { argv, env, .. } = arguments::read(NAME, arguments).ok()?;
        if argv.is_empty() {
            return None;
        }
        let env = env.unwrap_or_default();
        if env.is_empty() {
            return Some(argv);
        }
        let set = env.into_iter().map(|(name, value)| format!("{name}={value}"));
        Some(std::iter::once("env".to_owned()).chain(set).chain(argv).collect())
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            let arguments: Arguments = arguments::read(NAME, &call.arguments)?;
            let Arguments { argv, stdin, cwd, env, ok_codes } = arguments;
            let mut environment = self.environment.clone();
            for (name, value) in env.unwrap_or_default() {
                check_variable(&name, &value)?;
                environment.push((name.into(), value.into()));
            }
            environment.extend(about(&call));
            let Some(program) = argv.first().filter(|program| !program.is_empty()) else {
                return Err(arguments::invalid(NAME, "argv", "it names no program"));
            };
            let start = Start {
                directory: self.root.open_dir(cwd.as_deref().unwrap_or("."))?,
                argv: argv.clone(),
                environment,
                stdin,
                keep: call.max_output_bytes,
            };
            let finished =
                process::run(start).await.map_err(|error| not_started(program, &error))?;
            let ok_codes = ok_codes.unwrap_or_else(|| vec![0]);
            match finished.status.code() {
                Some(code) if ok_codes.contains(&code) => {
                    Ok(report(&argv, code, &finished, call.max_output_bytes))
                }
                _ => Err(failed(program, &ok_codes, &finished)),
            }
        })
    }
}

/// What the program is told about the call, so that it can recognise one that it has carried
/// out already.
fn about(call: &ToolCall) -> [(OsString, OsString); 4] {
    [
        ("PE_RUN_ID", call.run_id.to_string()),
        ("PE_STEP_ID", call.step_id.to_string()),
        ("PE_ATTEMPT", call.attempt.to_string()),
        ("PE_IDEMPOTENCY_KEY", call.idempotency_key.clone()),
    ]
    // An id may hold what a variable cannot.
    .map(|(name, value)| (name.into(), value.replace('\0', "\u{fffd}").into()))
}

fn check_variable(name: &str, value: &str) -> Result<(), ToolError> {
    if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
        let reason = format!("`{}` cannot be a variable", name.escape_debug());
        return Err(arguments::invalid(NAME, "env", reason));
    }
    Ok(())
}

fn not_started(program: &str, error: &io::Error) -> ToolError {
    let (class, reason) = match error.kind() {
        io::ErrorKind::NotFound => {
            (ErrorClass::NotFound, "no such program (or no such interpreter)".to_owned())
        }
        io::ErrorKind::PermissionDenied => (ErrorClass::Permission, error.to_string()),
        io::ErrorKind::InvalidInput | io::ErrorKind::ArgumentListTooLong => {
            (ErrorClass::Validation, error.to_string())
        }
        // Out of processes or memory, or a program that is being written: worth another try.
        _ => (ErrorClass::Internal, error.to_string()),
    };
    ToolError::new(class, format!("cannot start `{program}`: {reason}"))
}

fn failed(program: &str, ok_codes: &[i32], finished: &Finished) -> ToolError {
    let status = finished.status;
    let how = match (status.code(), status.signal()) {
        (Some(code), _) if ok_codes == [0] => format!("exited with code {code}"),
        (Some(code), _) => format!("exited with code {code}, expected one of {ok_codes:?}"),
        (None, Some(number)) => format!("was killed by signal {}", signal::name(number)),
        (None, None) => format!("ended without a code: {status}"),
    };
    let mut message = format!("`{program}` {how}");
    let last = [("stderr", &finished.stderr), ("stdout", &finished.stdout)]
        .map(|(name, stream)| (name, stream.last_lines(SHOWN_LINES)));
    if let Some((name, lines)) = last.iter().find(|(_, lines)| !lines.is_empty()) {
        let skipped = lines.chars().count().saturating_sub(SHOWN);
        let lines: String = lines.chars().skip(skipped).collect();
        message.push_str(&format!("; the end of its {name}:\n{lines}"));
    }
    ToolError::new(ErrorClass::Execution, message).retryable(false)
}

fn report(argv: &[String], code: i32, finished: &Finished, limit: usize) -> Value {
    let Finished { stdout, stderr, .. } = finished;
    let (out, err) = (text(stdout), text(stderr));
    let mut report = json!({
        "argv": argv,
        "code": code,
        "stdout": "",
        "stderr": "",
        "stdout_bytes": stdout.total(),
        "stderr_bytes": stderr.total(),
        "truncated": false,
    });
    let room = limit.saturating_sub(bound::json_bytes(&report));
    let (for_out, for_err) =
        bound::share(bound::escaped_bytes(&out), bound::escaped_bytes(&err), room);
    let (out_head, err_head) = (bound::head(&out, for_out), bound::head(&err, for_err));
    let cut = stdout.is_cut()
        || stderr.is_cut()
        || out_head.len() < out.len()
        || err_head.len() < err.len();
    report["stdout"] = out_head.into();
    report["stderr"] = err_head.into();
    report["truncated"] = cut.into();
    report
}

fn text(stream: &Capture) -> String {
    bound::text_head(stream.head(), stream.is_cut())
}
