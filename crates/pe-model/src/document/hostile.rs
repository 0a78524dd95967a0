//! Hostile documents: refused with a typed error, in memory that is counted.
//!
//! Allocations are counted on the thread that reads, where growing buffers count twice. What
//! is refused may take what was read of it until then, and never more than the bound.

use allocation_counter::measure;

use super::*;

/// More than what a refused document may take beyond its own size.
const MOST: u64 = 32 << 20;
const MIB: usize = 1 << 20;

/// Reads on a thread with room enough, as `read_yaml` does, and measures there.
fn read(bytes: &[u8], format: Format) -> (Result<Value, ReadError>, u64) {
    let read = || {
        let mut result = None;
        let weight = measure(|| {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            let text = text.trim_start_matches('\u{feff}');
            result = Some(match format {
                Format::Yaml if !text.trim().is_empty() => read_yaml_here(text, None),
                _ => read_value(bytes, format),
            });
        });
        (result.expect("because it was read"), weight.bytes_max)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 * MIB).spawn_scoped(scope, read);
        thread.expect("a thread").join().expect("no panic")
    })
}

/// A document that is refused; how it is read from outside is the same.
fn check(text: impl AsRef<[u8]>, format: Format, expected: &str) {
    let bytes = text.as_ref();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
    let (result, peak) = read(bytes, format);
    let error = result.expect_err(&shown);
    assert!(error.to_string().contains(expected), "{shown}: {error}");
    assert!(error.to_string().len() < 1000, "{shown}: {error}");
    assert!(peak <= MOST, "{shown}: {peak} bytes");
    assert_eq!(read_value(bytes, format), Err(error), "{shown}");
}

#[test]
fn sixteen_mebibytes_of_anything() {
    let most = MAX_DOCUMENT_BYTES;
    let noise: Vec<u8> =
        (0..most as u64).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 13) as u8).collect();
    check(vec![b' '; most + 1], Format::Json, "more than the 16777216 that are read");
    for format in [Format::Json, Format::Yaml] {
        check(vec![b' '; most], format, "the file is empty");
        check(&noise, format, "not UTF-8");
        check(vec![0; most], format, "not ");
        check(vec![b'"'; most], format, "not ");
    }
    check("a".repeat(most), Format::Json, "not JSON: expected value");
    check("1".repeat(most), Format::Json, "not JSON");
    check("- ".repeat(MIB), Format::Yaml, "deeper than 128");
    check("&a ".repeat(MIB), Format::Yaml, "not YAML");
    check("!a ".repeat(MIB), Format::Yaml, "not YAML");
    check("? ".repeat(MIB), Format::Yaml, "deeper than 128");
    check("a: ".repeat(MIB), Format::Yaml, "not YAML");
}

#[test]
fn nesting() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        for count in [100_000, 1_000_000] {
            let text = open.repeat(count) + "1" + &close.repeat(count);
            check(&text, Format::Json, "deeper than 128");
            // Its parser has a limit of its own for flow style.
            check(&text, Format::Yaml, "");
        }
    }
    let block: String = (0..1000).map(|depth| " ".repeat(depth) + "a:\n").collect();
    check(block, Format::Yaml, "deeper than 128");
}

#[test]
fn aliases() {
    let bomb = |elements: usize| {
        let mut text = format!("a0: &a0 [{}]\n", "x,".repeat(elements));
        for level in 1..30 {
            let aliases = format!("*a{},", level - 1).repeat(elements);
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        text
    };
    check(bomb(2), Format::Yaml, "aliases stand for too much");
    check(bomb(9), Format::Yaml, "aliases stand for too much");
    check(bomb(1000), Format::Yaml, "aliases");
    let long = format!("a: &a '{}'\nb: [{}]\n", "x".repeat(MIB), "*a,".repeat(1000));
    check(long, Format::Yaml, "more than 16777216 bytes of text");
    check("a: &a [*a]\n", Format::Yaml, "an alias stands inside");
    check("a: *b\n", Format::Yaml, "not YAML");
    let merged = "a: &a {x: 1}\nb: {<<: *a, x: 2}\nc: *a\n";
    let (value, _) = read(merged.as_bytes(), Format::Yaml);
    assert_eq!(value.map(|value| value["c"]["x"].clone()), Ok(1.into()));
}

#[test]
fn what_is_no_json_in_yaml_and_no_text_in_either() {
    for (text, expected) in [
        ("a: .nan", "`.nan`: NaN and infinities"),
        ("a: -.inf", "`-.inf`: NaN and infinities"),
        ("a: 1e999", "`1e999`: NaN and infinities"),
        ("a: \"x\0y\"", "not YAML"),
        ("a: 1\n---\na: 2\n", "more than one YAML document"),
        ("a: {b: {c: [{k: 1, k: 2}]}}", "duplicate key `k`"),
        ("a: 1\n\"a\": 2\n", "duplicate key `a`"),
        ("<<: [1]\n", "not YAML"),
    ] {
        check(text, Format::Yaml, expected);
    }
    // A tag that nobody knows is nothing but a word before a value.
    let (tagged, _) = read(b"a: !!python/object:os.system x", Format::Yaml);
    assert_eq!(tagged, Ok(serde_json::json!({"a": "x"})));
    for (text, expected) in [
        ("{\"a\": NaN}", "not JSON"),
        ("{\"a\": -Infinity}", "not JSON"),
        ("{\"a\": 1e999}", "not JSON"),
        ("{\"a\": \"\0\"}", "not JSON"),
        ("{\"a\": \"\\ud800\"}", "not JSON"),
        ("{} {}", "not JSON"),
        ("{\"a\": [{\"b\": {\"k\": 1, \"\\u006b\": 2}}]}", "duplicate key `k`"),
    ] {
        check(text, Format::Json, expected);
    }
    for format in [Format::Json, Format::Yaml] {
        check(b"\xEF\xBB\xBF", format, "the file is empty");
        check(b"{\"a\": \"caf\xE9\"}", format, "not UTF-8 at byte 10");
        check(b"\xFF\xFE{\0}\0", format, "is UTF-16");
        check(b"\xFE\xFF\0{\0}", format, "is UTF-16");
    }
}

#[test]
fn many_elements() {
    let ints = |count: usize| format!("{{\"a\": [{}1]}}", "1,".repeat(count - 1));
    assert!(read_value(ints(MAX_STEPS).as_bytes(), Format::Json).is_ok());
    let (result, _) = read(ints(MAX_STEPS + 1).as_bytes(), Format::Json);
    assert_eq!(result, Err(ReadError::TooLong { limit: MAX_STEPS }));
}

/// What is read takes memory in proportion to its size: no value is dearer than a list in a list.
#[test]
fn what_is_read_takes_its_size() {
    let check = |text: String, format: Format, factor: u64| {
        let (result, peak) = read(text.as_bytes(), format);
        assert!(result.is_ok(), "{text:.40}");
        let size = text.len() as u64;
        assert!(peak <= factor * size, "{text:.40}: {peak} bytes of {size}");
    };
    for format in [Format::Json, Format::Yaml] {
        check(format!("{{\"a\": \"{}\"}}", "x".repeat(4 * MIB)), format, 4);
        check(format!("[{}1]", "1,".repeat(MIB / 4)), format, 120);
        check(format!("[{}1]", "[1],".repeat(MIB / 8)), format, 160);
        let keys: String = (0..MIB / 32).map(|key| format!("\"k{key}\":1,")).collect();
        check(format!("{{{keys}\"k\":1}}"), format, 60);
    }
}
