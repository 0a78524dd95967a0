//! SVG pictures, as an XML parser that is not ours reads them.

use std::collections::HashSet;

use pe_model::{Plan, PlanStep, RunReport, StepId, StepStatus};
use pe_view::{PlanView, executed, svg};
use roxmltree::{Document, Node};

fn step(id: usize, after: &[usize]) -> PlanStep {
    PlanStep {
        dependencies: after.iter().map(|id| StepId::new(format!("s{id}"))).collect(),
        ..PlanStep::new(format!("s{id}").as_str(), "echo")
    }
}

fn plan(count: usize, after: impl Fn(usize) -> Vec<usize>) -> Plan {
    let steps = (0..count).map(|id| step(id, &after(id))).collect();
    Plan { goal: "Draw it".to_owned(), steps, ..Plan::default() }
}

fn chain(count: usize) -> Plan {
    plan(count, |id| id.checked_sub(1).into_iter().collect())
}

fn has_class(node: Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|classes| classes.split(' ').any(|own| own == class))
}

fn count(document: &Document<'_>, class: &str) -> usize {
    document.descendants().filter(|node| has_class(*node, class)).count()
}

/// The words of each box, line by line.
fn nodes(document: &Document<'_>) -> Vec<Vec<String>> {
    let words = |node: Node<'_, '_>| {
        let lines = node.children().filter(|child| child.has_tag_name("text"));
        lines.filter_map(|line| line.text().map(str::to_owned)).collect()
    };
    document.descendants().filter(|node| has_class(*node, "node")).map(words).collect()
}

#[test]
fn every_step_has_one_box_up_to_150_and_is_counted_once_above() {
    for size in [1, 20, 150] {
        let drawn = svg(&PlanView::new(&plan(size, |id| (id / 3..id).take(2).collect())));
        let document = Document::parse(&drawn).unwrap();
        let titles: HashSet<String> = nodes(&document).into_iter().map(|w| w[0].clone()).collect();
        assert_eq!((titles.len(), nodes(&document).len()), (size, size));
    }
    for size in [151, 1_000, 20_000] {
        let drawn = svg(&PlanView::new(&plan(size, |id| (id / 3..id).take(2).collect())));
        let document = Document::parse(&drawn).unwrap();
        let nodes = nodes(&document);
        assert!(nodes.len() <= 20, "{}", nodes.len());
        let mut counted = 0;
        for words in &nodes {
            counted += match words[0].strip_suffix(" steps") {
                Some(number) => {
                    let number = number.replace(',', "");
                    let ready = words[2].split(" · ").map(|part| {
                        part.split(' ').nth(1).unwrap().replace(',', "").parse::<usize>().unwrap()
                    });
                    let number: usize = number.parse().unwrap();
                    assert_eq!(ready.sum::<usize>(), number, "{words:?}");
                    number
                }
                None => 1,
            };
        }
        assert_eq!(counted, size);
    }
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    for size in [60, 400] {
        let plan = plan(size, |id| (id / 2..id).take(3).collect());
        let view = PlanView::new(&plan).with_critical_path(vec![0, 1, 3], Some(1_200));
        assert_eq!(svg(&view), svg(&view.clone()));
    }
}

#[test]
fn the_critical_path_is_marked_if_it_is_given() {
    let plan = chain(5);
    let document = svg(&PlanView::new(&plan));
    assert_eq!(count(&Document::parse(&document).unwrap(), "critical"), 0);
    let given = svg(&PlanView::new(&plan).with_critical_path(vec![1, 2, 3], Some(1_200)));
    let document = Document::parse(&given).unwrap();
    assert_eq!(count(&document, "halo"), 3);
    // Two edges, their arrows, and the piece beside the words.
    assert_eq!(count(&document, "critical"), 5);
    assert!(given.contains("critical path, 1.2 s: s1 → s2 → s3"), "{given}");
    let alone = svg(&PlanView::new(&plan).with_critical_path(vec![1, 77], None));
    assert_eq!(count(&Document::parse(&alone).unwrap(), "critical"), 0);
}

#[test]
fn a_run_shows_what_failed_and_what_stood_in() {
    let report: RunReport = super::run("run");
    let drawn = svg(&PlanView::from(&executed(&report)));
    let document = Document::parse(&drawn).unwrap();
    let recovered = document
        .descendants()
        .find(|node| has_class(*node, "node") && has_class(*node, "recovered"))
        .expect("because a step of the run was recovered");
    let words: Vec<_> = recovered.children().filter_map(|child| child.text()).collect();
    assert!(words.iter().any(|line| line.starts_with('✗')), "{words:?}");
    assert!(words.iter().any(|line| line.starts_with("recovered by ")), "{words:?}");
    let edges =
        document.descendants().filter(|n| has_class(*n, "edge") && has_class(*n, "recovered"));
    assert_eq!(edges.count(), 1);
    assert!(drawn.contains(">on failure</text>"), "{drawn}");
}

#[test]
fn cycles_and_missing_ids_are_seen() {
    let mut plan = plan(4, |id| vec![(id + 3) % 4]);
    plan.steps[1].dependencies.push("nowhere".into());
    plan.steps[2].dependencies.push("s2".into());
    let drawn = svg(&PlanView::new(&plan));
    let document = Document::parse(&drawn).unwrap();
    let backward =
        document.descendants().filter(|n| has_class(*n, "edge") && has_class(*n, "backward"));
    assert_eq!(backward.count(), 2);
    assert_eq!(count(&document, "missing"), 1);
    assert_eq!(count(&document, "edge"), 4 + 1 + 1, "a circle, a missing one, one to itself");
    assert!(drawn.contains(">cycle</text>"), "{drawn}");
}

#[test]
fn a_picture_stands_alone_in_light_and_dark() {
    let drawn = svg(&PlanView::new(&chain(3)));
    let document = Document::parse(&drawn).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    assert!(root.children().any(|child| child.has_tag_name("desc")));
    assert!(drawn.contains("prefers-color-scheme:dark"));
    for forbidden in ["<script", "href", "url(", "@import", "<foreignObject", "onload"] {
        assert!(!drawn.contains(forbidden), "{forbidden}");
    }
    let titles = document
        .descendants()
        .filter(|node| has_class(*node, "node"))
        .filter(|node| node.children().any(|child| child.has_tag_name("title")));
    assert_eq!(titles.count(), 3);
}

#[test]
fn no_plan_is_too_large_for_a_picture_of_bounded_size() {
    let count = 100_000;
    let star = plan(count, |id| if id == 0 { vec![] } else { vec![0] });
    let cycle = plan(count, |id| vec![(id + count - 1) % count]);
    let mut nobody = plan(count, |_| vec![]);
    for (id, step) in nobody.steps.iter_mut().enumerate() {
        step.dependencies = vec![StepId::new(format!("gone{id}"))];
        step.status = StepStatus::Failed;
    }
    for plan in [chain(count), star, cycle, nobody] {
        let drawn = svg(&PlanView::new(&plan));
        assert!(drawn.len() < 60_000, "{} bytes", drawn.len());
        let document = Document::parse(&drawn).unwrap();
        let height: f64 = document.root_element().attribute("height").unwrap().parse().unwrap();
        assert!(height < 4_000.0, "{height}");
    }
}

#[test]
fn a_hundred_and_fifty_steps_that_all_wait_for_each_other_can_still_be_read() {
    let drawn = svg(&PlanView::new(&plan(150, |id| (0..id).collect())));
    assert!(drawn.contains("11,026 edges that others imply are not drawn"), "{}", &drawn[..400]);
    let document = Document::parse(&drawn).unwrap();
    assert_eq!(count(&document, "edge"), 149);
}

#[test]
fn no_steps_are_a_picture_too() {
    let drawn = svg(&PlanView::new(&Plan::default()));
    assert!(Document::parse(&drawn).is_ok());
    assert!(drawn.contains("no steps"));
}
