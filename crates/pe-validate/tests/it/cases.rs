//! Plan files and the reports that they give: one folder a case under `tests/data`.
//!
//! A folder holds `plan.json` or `plan.yaml` and `expected.txt`, the report as it is
//! rendered. `BLESS=1` writes what is found: read the difference.

use std::fs;
use std::path::{Path, PathBuf};

use pe_model::Format;
use pe_validate::{Limits, check_file};

fn folders() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn every_case_gives_its_report() {
    let folders = folders();
    assert!(!folders.is_empty());
    for folder in folders {
        let (json, yaml) = (folder.join("plan.json"), folder.join("plan.yaml"));
        let (path, format) =
            if json.exists() { (json, Format::Json) } else { (yaml, Format::Yaml) };
        let text = fs::read(&path).unwrap();
        let report = check_file(&text, format, &super::catalog(), &Limits::default()).report;
        let name = path.file_name().unwrap().to_string_lossy();
        let found = report.render(&name);
        let expected = folder.join("expected.txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&expected).unwrap(), "{}", folder.display());
        assert!(
            report.findings.iter().all(|f| f.line.is_some() && f.column.is_some()),
            "a finding of {} has no place",
            folder.display()
        );
    }
}
