//! Upgrades, backups and refusals, with migrations made up for the purpose.

use super::*;

const OLD: &[&str] = &["CREATE TABLE a (x) STRICT, WITHOUT ROWID"];
const FIRST: &str = "CREATE TABLE a (x TEXT)";
const SECOND: &str = "ALTER TABLE a ADD COLUMN y TEXT DEFAULT 'new'";

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/pe.db");
    (folder, path)
}

#[test]
fn an_older_file_is_copied_aside_and_migrated_with_its_rows() {
    let (_folder, path) = file();
    for round in 1..=2 {
        let _ = std::fs::remove_file(&path);
        let first = open(&path, true, &[FIRST]).unwrap().unwrap();
        first.reader.execute("INSERT INTO a VALUES (?1)", [format!("old {round}")]).unwrap();
        drop(first);
        let second = open(&path, false, &[FIRST, SECOND]).unwrap().unwrap();
        let row: (String, String) = second
            .reader
            .query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(row, (format!("old {round}"), "new".to_owned()));
    }
    for (suffix, content) in [(".v1.backup", "old 1"), (".v1.backup.2", "old 2")] {
        let backup = Connection::open(beside(&path, suffix)).unwrap();
        let found: String = backup.query_row("SELECT * FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(found, content, "a backup was overwritten, or made too late");
    }
}

#[test]
fn a_failing_migration_leaves_the_file_as_it_was() {
    let (_folder, path) = file();
    drop(open(&path, true, &[FIRST]).unwrap());
    let broken = [FIRST, SECOND, "CREATE TABLE nonsense ("];
    assert!(matches!(open(&path, false, &broken), Err(StoreError::Sqlite { .. })));
    let opened = open(&path, false, &[FIRST]).unwrap().unwrap();
    assert_eq!(Marks::read(&opened.reader).unwrap().version, 1);
    assert!(opened.reader.prepare("SELECT y FROM a").is_err());
}

#[test]
fn newer_and_foreign_files_are_refused_and_left_alone() {
    let (_folder, path) = file();
    drop(open(&path, true, &[FIRST, SECOND]).unwrap());
    let Err(error) = open(&path, true, &[FIRST]) else { panic!("a newer file was opened") };
    assert!(matches!(error, StoreError::NewerFile { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("schema version 2"), "{error}");

    let foreign = beside(&path, ".foreign");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(open(&foreign, true, &[FIRST]), Err(StoreError::Foreign { .. })));
    let text = beside(&path, ".txt");
    std::fs::write(&text, "not a database at all, but long enough to be read as one").unwrap();
    assert!(matches!(open(&text, true, OLD), Err(StoreError::Foreign { .. })));
}

#[test]
fn a_missing_file_is_not_created_for_a_reader() {
    let (folder, path) = file();
    assert!(open(&path, false, &[FIRST]).unwrap().is_none());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_new_file_and_its_directory_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = file();
    drop(open(&path, true, &[FIRST]).unwrap());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(mode(&lock::path_beside(&path)), 0o600);
}

#[test]
fn many_may_open_a_new_file_at_once() {
    let (_folder, path) = file();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(open(&path, true, &[FIRST, SECOND]).unwrap().is_some()));
        }
    });
}

#[test]
fn odd_names_survive_as_addresses() {
    assert_eq!(escaped(Path::new("/a b/ü?#.db")), "/a%20b/%c3%bc%3f%23.db");
}
