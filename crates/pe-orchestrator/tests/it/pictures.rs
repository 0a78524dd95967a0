//! Plans that are drawn and compared.

use pe_orchestrator::{Picture, PlanExecuteOrchestrator};
use pe_testkit::{plan, step};

#[test]
fn what_a_step_reads_is_an_edge() {
    let orchestrator = PlanExecuteOrchestrator::builder().build();
    let reading = plan([step("a").tool("read"), step("b").tool("read").reads("a")]);
    let picture = orchestrator.visualize_plan(&reading, Picture::Mermaid);
    assert!(picture.contains("s0 --> s1"), "{picture}");
    let apart = plan([step("a").tool("read"), step("b").tool("read")]);
    let diff = orchestrator.compare_plans(&reading, &apart);
    assert_eq!(diff.removed_edges.len(), 1);
}

#[test]
fn a_plan_that_does_not_hold_is_drawn_all_the_same() {
    let orchestrator = PlanExecuteOrchestrator::builder().build();
    let round = plan([step("a").after(["b"]), step("b").after(["a"])]);
    for picture in [Picture::Text, Picture::Mermaid, Picture::Dot, Picture::Svg] {
        assert!(orchestrator.visualize_plan(&round, picture).contains('a'));
    }
}
