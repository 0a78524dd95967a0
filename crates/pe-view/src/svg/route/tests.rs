//! Whether the picture can be read: nothing overlaps, and no line runs through a box.

use std::collections::HashSet;

use pe_model::{Plan, PlanStep, StepId, StepType};
use proptest::prelude::*;

use super::*;
use crate::drawing::Drawing;
use crate::svg::scene::{Scene, scene};
use crate::view::PlanView;

/// Any plan of up to 24 steps: with cycles, missing ids, fallbacks and steps of all sizes.
fn any_plan() -> impl Strategy<Value = Plan> {
    let step = (
        prop::collection::vec(0..26_usize, 0..4),
        prop::sample::select(StepType::ALL.to_vec()),
        "[a-z ]{0,60}",
        0..24_usize,
    );
    prop::collection::vec(step, 1..24).prop_map(|steps| {
        let step = |(place, (after, step_type, action, target)): (usize, (Vec<usize>, _, _, _))| {
            PlanStep {
                step_type,
                action,
                dependencies: after.iter().map(|id| StepId::new(id.to_string())).collect(),
                fallback_for: Some(StepId::new(usize::to_string(&target))),
                ..PlanStep::new(place.to_string().as_str(), "echo")
            }
        };
        Plan { steps: steps.into_iter().enumerate().map(step).collect(), ..Plan::default() }
    })
}

fn samples(route: &Route) -> Vec<Point> {
    let mut points = vec![route.start];
    for leg in &route.legs {
        let from = points[points.len() - 1];
        let (a, b, end) = match *leg {
            Leg::Line(end) => (from, end, end),
            Leg::Curve(a, b, end) => (a, b, end),
        };
        points.extend((1..=32).map(|part| {
            let t = f64::from(part) / 32.0;
            let u = 1.0 - t;
            let at = |from: f64, a: f64, b: f64, end: f64| match leg {
                Leg::Line(_) => from * u + end * t,
                Leg::Curve(..) => {
                    from * u * u * u + 3.0 * a * u * u * t + 3.0 * b * u * t * t + end * t * t * t
                }
            };
            Point { x: at(from.x, a.x, b.x, end.x), y: at(from.y, a.y, b.y, end.y) }
        }));
    }
    points
}

/// Whether the point is well inside the box.
fn inside(rect: &Rect, point: Point) -> bool {
    let near = 1.0;
    point.x > rect.x + near
        && point.x < rect.x + rect.width - near
        && point.y > rect.y + near
        && point.y < rect.y + rect.height - near
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

fn check(Scene { graph, cards, .. }: &Scene) {
    let layout = layout(graph);
    assert_eq!(layout.boxes.len(), cards.len());
    for (place, a) in layout.boxes.iter().enumerate() {
        for b in &layout.boxes[place + 1..] {
            assert!(!overlap(a, b), "{a:?} overlaps {b:?}");
        }
        assert!(a.x >= -0.01 && a.y >= -0.01, "{a:?}");
        assert!(a.x + a.width <= layout.size.width + 0.01, "{a:?} in {:?}", layout.size);
        assert!(a.y + a.height <= layout.size.height + 0.01, "{a:?} in {:?}", layout.size);
    }
    let mut linked = HashSet::new();
    for route in &layout.routes {
        linked.insert(route.link);
        let link = graph.links[route.link];
        let points = samples(route);
        for point in &points {
            for rect in &layout.boxes {
                assert!(!inside(rect, *point), "{link:?} runs through {rect:?} at {point:?}");
            }
            assert!(point.x >= -0.01 && point.x <= layout.size.width + 0.01, "{point:?}");
        }
        let arrow = route.arrow.map(|(tip, _)| tip);
        if let Some(tip) = arrow {
            let rect = layout.boxes[link.to];
            let near = Rect {
                x: rect.x - 0.1,
                y: rect.y - 0.1,
                width: rect.width + 0.2,
                height: rect.height + 0.2,
            };
            let touches = tip.x >= near.x
                && tip.x <= near.x + near.width
                && tip.y >= near.y
                && tip.y <= near.y + near.height;
            assert!(touches, "{link:?} points to {tip:?}, not to {rect:?}");
        }
        assert!(arrow.is_some() || link.style.backward, "{link:?} has no arrow");
    }
    assert_eq!(linked.len(), graph.links.len(), "every link has a way");
    for (link, _) in graph.links.iter().enumerate().filter(|(_, link)| link.style.backward) {
        let same = |route: &&Route| {
            let (a, b) = (graph.links[route.link], graph.links[link]);
            (a.to, a.style) == (b.to, b.style)
        };
        let arrows = layout.routes.iter().filter(same).filter(|route| route.arrow.is_some());
        assert!(arrows.count() >= 1, "nothing shows where the cycle closes");
    }
}

#[test]
fn a_critical_path_is_straight_whatever_crosses_it() {
    let step = |id: usize, after: &[usize]| PlanStep {
        dependencies: after.iter().map(|id| StepId::new(id.to_string())).collect(),
        ..PlanStep::new(id.to_string().as_str(), "echo")
    };
    let steps = vec![
        step(0, &[]),
        step(1, &[0]),
        step(2, &[1]),
        step(3, &[2]),
        step(4, &[0]),
        step(5, &[0, 4]),
        step(6, &[3, 5, 0]),
    ];
    let plan = Plan { steps, ..Plan::default() };
    let view = PlanView::new(&plan).with_critical_path(vec![0, 1, 2, 3, 6], None);
    let scene = scene(&Drawing::new(&view));
    let layout = layout(&scene.graph);
    let middle = |node: usize| layout.boxes[node].x + layout.boxes[node].width / 2.0;
    for node in [1, 2, 3, 6] {
        assert!((middle(node) - middle(0)).abs() < 0.1, "{:?}", layout.boxes);
    }
}

#[test]
fn a_chain_goes_down_and_a_wide_fan_is_a_list() {
    let step = |id: usize, after: Option<usize>| PlanStep {
        dependencies: after.iter().map(|id| StepId::new(id.to_string())).collect(),
        ..PlanStep::new(id.to_string().as_str(), "echo")
    };
    let plan = |after: fn(usize) -> Option<usize>| Plan {
        steps: (0..40).map(|id| step(id, after(id))).collect(),
        ..Plan::default()
    };
    let chain = plan(|id| id.checked_sub(1));
    let fan = plan(|id| (id > 0).then_some(0));
    for (plan, expected) in [(chain, Direction::Down), (fan, Direction::Right)] {
        let layout = layout(&scene(&Drawing::new(&PlanView::new(&plan))).graph);
        assert_eq!(layout.direction, expected);
        assert!(layout.size.width <= PAGE);
    }
}

proptest! {
    #[test]
    fn nothing_overlaps_and_no_line_runs_through_a_box(plan in any_plan()) {
        check(&scene(&Drawing::new(&PlanView::new(&plan))));
    }

    #[test]
    fn the_same_holds_where_layers_are_columns(plan in any_plan()) {
        let mut scene = scene(&Drawing::new(&PlanView::new(&plan)));
        for size in &mut scene.graph.sizes {
            // Boxes this wide make columns of any plan with two steps side by side.
            size.width += 1_200.0;
        }
        check(&scene);
    }

    #[test]
    fn and_where_layers_are_collapsed(plan in any_plan()) {
        check(&crate::svg::groups::groups(&Drawing::new(&PlanView::new(&plan))));
    }
}
