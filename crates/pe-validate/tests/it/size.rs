//! Plans with more steps than the limit: all findings at once as long as somebody could mend
//! them, and beyond that nothing but the refusal.

use pe_model::{Catalog, Format, Strictness};
use pe_testkit::{catalog_of, plan, step};
use pe_validate::{Checked, Code, Limits, check, check_file, validate};

use super::{codes, only};

/// Up to here a plan is looked at whatever its limit.
const LOOKED_AT: usize = 2_000;

fn at_most(steps: usize) -> Limits {
    Limits { max_steps: Some(steps), ..Limits::default() }
}

/// A file of so many steps, of which each depends on one that is not there, and an end.
fn text(count: usize, format: Format, end: &str) -> String {
    let step = |n: usize| match format {
        Format::Json => {
            format!("{{\"step_id\": \"s{n}\", \"tool\": \"t\", \"dependencies\": [\"x\"]}}")
        }
        Format::Yaml => format!("- {{step_id: s{n}, tool: t, dependencies: [x]}}\n"),
    };
    let steps: Vec<String> = (0..count).map(step).collect();
    match format {
        Format::Json => format!("{{\"goal\": \"g\",\n \"steps\": [{}{end}", steps.join(",")),
        Format::Yaml => format!("goal: g\nsteps:\n{}{end}", steps.concat()),
    }
}

fn judged(text: &str, format: Format, limits: &Limits) -> Checked {
    check_file(text.as_bytes(), format, &Catalog::default(), limits)
}

#[test]
fn a_plan_that_can_be_mended_gets_all_findings() {
    for format in [Format::Json, Format::Yaml] {
        let end = if format == Format::Json { "]}" } else { "" };
        for count in [21, LOOKED_AT] {
            let report = judged(&text(count, format, end), format, &at_most(20)).report;
            let message = format!("the plan has {count} steps, more than 20");
            assert_eq!(only(&report, Code::TooManySteps).message, message);
            let dangling = codes(&report).iter().filter(|c| **c == Code::UnknownDependency).count();
            assert_eq!(dangling, count.min(1_000), "so many of a code are listed");
        }
    }
}

#[test]
fn far_too_many_steps_are_given_up_at_the_first_one_too_many() {
    for (format, garbage) in [(Format::Json, ", ]] not JSON"), (Format::Yaml, "? [not: YAML\n}")] {
        for (limit, read) in [(20, LOOKED_AT), (LOOKED_AT + 5, LOOKED_AT + 5)] {
            // What comes after it would be refused, if anybody looked at it.
            let over = judged(&text(read + 2, format, garbage), format, &at_most(limit));
            let within = judged(&text(read, format, garbage), format, &at_most(limit));
            assert_eq!(codes(&within.report), [Code::Unreadable], "{format}");
            assert_eq!(codes(&over.report), [Code::TooManySteps], "{format}");
            assert!(over.plan.is_none() && over.written.is_none() && !over.report.is_valid);
            let finding = &over.report.findings[0];
            let message = format!(
                "the plan has more than {read} steps, at most {limit} are allowed; nothing else was checked"
            );
            assert_eq!(finding.message, message);
            assert_eq!(finding.pointer, "/steps");
            let place =
                if format == Format::Json { (Some(2), Some(11)) } else { (Some(2), Some(1)) };
            assert_eq!((finding.line, finding.column), place, "{format}");
            assert!(finding.suggestion.is_some());
        }
    }
}

#[test]
fn a_plan_in_memory_is_refused_alike() {
    let steps = |count: usize| plan((0..count).map(|n| step(format!("s{n}")).after(["x"])));
    let far = steps(LOOKED_AT + 1);
    let catalog = catalog_of(&far);
    let checked = check(far.clone(), &catalog, &at_most(20));
    assert_eq!(codes(&checked.report), [Code::TooManySteps]);
    let message = "the plan has 2001 steps, at most 20 are allowed; nothing else was checked";
    assert_eq!(checked.report.errors, [message]);
    assert_eq!(checked.written.as_deref(), Some(&far));
    assert!(checked.plan.is_none());
    assert_eq!(validate(&far, &catalog, &at_most(20)), checked.report);
    let near = steps(LOOKED_AT);
    assert_eq!(validate(&near, &catalog, &at_most(20)).findings.len(), 1_002);
    let enough = at_most(LOOKED_AT + 1);
    assert_eq!(validate(&far, &catalog, &enough).findings.len(), 1_001);
}

/// Strictness changes severities: what is only warned about may be executed, so it is judged.
#[test]
fn a_warning_is_no_refusal() {
    let limits = Limits { strictness: Strictness::Lenient, ..at_most(20) };
    let text = text(LOOKED_AT + 1, Format::Json, "]}").replace("\"x\"", "");
    let checked = judged(&text, Format::Json, &limits);
    assert!(checked.report.is_valid && checked.plan.is_some());
    let message = "the plan has 2001 steps, more than 20";
    assert_eq!(only(&checked.report, Code::TooManySteps).message, message);
}
