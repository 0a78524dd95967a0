//! Requests from one process to the one that owns a run.

use pe_model::RunId;
use pe_store::{RequestId, StoreError};
use serde_json::json;

use crate::scene::{Scene, Script};

#[test]
fn a_request_is_seen_answered_once_and_its_answer_read() {
    let scene = Scene::new();
    let (owner, other) = (scene.store(), scene.store());
    let script = Script::new("r", 1);
    script.record(&owner, 1);
    let run_id = &script.run_id;
    let first = other.send_request(run_id, &json!({"approve": "s0", "ü": [1]})).unwrap();
    let second = other.send_request(run_id, &json!("cancel")).unwrap();
    assert_eq!(
        owner.open_requests(run_id).unwrap(),
        [(first, json!({"approve": "s0", "ü": [1]})), (second, json!("cancel"))]
    );
    assert_eq!(other.request_answer(first).unwrap(), None);
    owner.answer_request(first, &json!({"ok": true})).unwrap();
    assert_eq!(other.request_answer(first).unwrap(), Some(json!({"ok": true})));
    assert_eq!(owner.open_requests(run_id).unwrap(), [(second, json!("cancel"))]);
    assert!(matches!(
        owner.answer_request(first, &json!(0)),
        Err(StoreError::NotFound { kind: "open request", .. })
    ));
    assert!(!other.withdraw_request(first).unwrap());
    assert!(other.withdraw_request(second).unwrap());
    assert_eq!(owner.open_requests(run_id).unwrap(), []);
    assert!(other.request_answer(second).is_err());
    assert!(other.request_answer(RequestId(99)).is_err());
    let nobody = other.send_request(&RunId::new("nobody"), &json!(1)).unwrap_err();
    assert!(nobody.to_string().contains("has no run `nobody`"), "{nobody}");
}
