//! What is looked at on this machine: configuration, tools, database, containment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pe_model::{RunId, StepId, ToolCall};
use pe_store::{RunQuery, SqliteStore};
use rustix::fs::{Access, access};
use serde_json::json;

use super::Check;
use crate::database;
use crate::failure::Failure;
use crate::loading::tool_config;
use crate::settings::{Fate, Settings, Surroundings, places};
use crate::words::{count, quoted};

const CONFIGURATION: &str = "configuration";
const TOOLS: &str = "tools";
const DATABASE: &str = "database";
const CONTAINMENT: &str = "containment";

/// The configuration, where it cannot be used.
pub(super) fn broken(failure: &Failure) -> Check {
    let mend = failure.hint.clone().unwrap_or_else(|| {
        "change what is named; `pe config path` lists the files, `docs/configuration.md` the keys"
            .to_owned()
    });
    Check::fail(CONFIGURATION, format!("{:#}", failure.error), mend)
}

/// Which files were read, and what is odd in them.
pub(super) fn configuration(surroundings: &Surroundings, settings: &Settings) -> Check {
    if let Err(failure) = settings.prompt_texts() {
        return Check::fail(
            CONFIGURATION,
            format!("{:#}", failure.error),
            "mend the file, or take the key out of `[prompts]`",
        );
    }
    let odd: Vec<&str> =
        settings.warnings.iter().chain(&settings.llm.notes).map(String::as_str).collect();
    if !odd.is_empty() {
        return Check::warn(
            CONFIGURATION,
            odd.join("; "),
            "`pe config show --origin` shows what is in force and where it comes from",
        );
    }
    let read = places(surroundings).into_iter().filter(|place| place.fate == Fate::Read);
    let read: Vec<String> = read.map(|place| place.path.display().to_string()).collect();
    Check::ok(
        CONFIGURATION,
        match read.as_slice() {
            [] => "no file, only defaults, flags and variables".to_owned(),
            files => files.join(", "),
        },
    )
}

/// The tools, and how many of them ask.
pub(super) fn tools(settings: &Settings) -> Vec<Check> {
    let catalog = match pe_tools::builtin(&tool_config(settings, None)) {
        Ok(tools) => tools.catalog(),
        Err(error) => {
            let mend = "change `[http] hosts`, or go to a directory that can be read";
            return vec![Check::fail(TOOLS, error.to_string(), mend)];
        }
    };
    let asks: Vec<&str> =
        catalog.iter().filter(|spec| spec.consent).map(|spec| spec.name.as_str()).collect();
    let hosts = match settings.hosts.len() {
        0 => "`http_request` reaches no host until `[http] hosts` lists one".to_owned(),
        hosts => format!("`http_request` reaches {}", count(hosts, "host")),
    };
    let found = format!(
        "{}, {} with consent ({}); {hosts}",
        count(catalog.iter().count(), "tool"),
        asks.len(),
        asks.join(", "),
    );
    vec![Check::ok(TOOLS, found)]
}

/// Whether runs can be recorded. Nothing is made where there is nothing.
pub(super) fn database(settings: &Settings) -> Check {
    const ELSEWHERE: &str = "`--db FILE` or PE_DB names another place";
    let path = match database::path(settings) {
        Ok(path) => path,
        Err(failure) => return Check::fail(DATABASE, format!("{:#}", failure.error), ELSEWHERE),
    };
    let shown = path.display();
    let path = path.as_path();
    let mut folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    while let Some(missing) = folder.filter(|folder| !folder.exists()) {
        folder = missing.parent().filter(|folder| !folder.as_os_str().is_empty());
    }
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
    if !folder.is_dir() || access(&folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let found = format!("{shown}: nothing can be written in {}", folder.display());
        return Check::fail(DATABASE, found, format!("make it writable, or {ELSEWHERE}"));
    }
    if !path.exists() {
        return Check::ok(DATABASE, format!("{shown} is not there yet; the first run makes it"));
    }
    if access(path, Access::READ_OK | Access::WRITE_OK).is_err() {
        let mend = format!("`chmod u+rw {}`, or {ELSEWHERE}", quoted(&shown.to_string()));
        return Check::fail(DATABASE, format!("{shown} cannot be read and written"), mend);
    }
    let read = SqliteStore::open_reader(path).and_then(|store| {
        let Some(store) = store else { return Ok(None) };
        store.runs(&RunQuery { limit: Some(1), ..RunQuery::default() })?;
        store.format().map(Some)
    });
    match read {
        Ok(None) => Check::ok(DATABASE, format!("{shown} is empty; the first run fills it")),
        Ok(Some(format)) => {
            Check::ok(DATABASE, format!("{shown}, format {format}, can be read and written"))
        }
        Err(error) => {
            let error = anyhow::Error::from(error);
            let mend = format!("`pe db check` says more; {ELSEWHERE}");
            Check::fail(DATABASE, format!("{error:#}"), mend)
        }
    }
}

/// Whether programs can be started, and what holds them together: one is started.
pub(super) async fn containment(settings: &Settings) -> Check {
    let program = std::env::current_exe().ok();
    let tools = pe_tools::builtin(&tool_config(settings, None)).ok();
    let (Some(program), Some(tools)) = (program, tools) else {
        return Check::warn(
            CONTAINMENT,
            "not looked at: no program can be started here",
            "mend the tools first",
        );
    };
    let Some(tool) = tools.get("run_command") else {
        return Check::ok(CONTAINMENT, "this build starts no programs");
    };
    let arguments = json!({"argv": [program, "--version"]});
    let call = ToolCall {
        run_id: RunId::new("doctor"),
        step_id: StepId::new("containment"),
        attempt: 1,
        idempotency_key: "doctor".to_owned(),
        arguments: Arc::new(arguments.as_object().cloned().unwrap_or_default()),
        max_output_bytes: 4096,
    };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), tool.call(call)).await;
    let problem = match ended {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.message),
        Err(_) => Some("a program did not end within 10 s".to_owned()),
    };
    if let Some(problem) = problem {
        return Check::fail(
            CONTAINMENT,
            format!("a program cannot be started as steps start one: {problem}"),
            "allow setsid and prctl to this process (a container's seccomp profile may not), or \
             use no `run_command`",
        );
    }
    if !Path::new("/proc/self/stat").exists() {
        return Check::warn(
            CONTAINMENT,
            "there is no /proc: of what a program starts, only its process group is ended with it",
            "mount /proc",
        );
    }
    Check::ok(
        CONTAINMENT,
        "programs end with all that they start (session, subreaper, tag, parent-death signal); \
         what they may read and write is not confined",
    )
}
