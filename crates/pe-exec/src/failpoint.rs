//! Places at which a test build can be made to die or to misbehave; nothing in any other.

/// Whether a test has set the point off. Never, without the feature `failpoints`.
#[cfg(feature = "failpoints")]
pub(crate) fn is_set_off(name: &str) -> bool {
    fail::eval(name, |_| ()).is_some()
}

/// Whether a test has set the point off. Never, without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn is_set_off(_: &str) -> bool {
    false
}

/// Dies as by SIGKILL if a test has set the point off.
#[inline]
pub(crate) fn crash_at(name: &str) {
    if is_set_off(name) {
        crash();
    }
}

#[cfg(feature = "failpoints")]
fn crash() {
    let signal = rustix::process::Signal::KILL;
    let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    // The signal arrives before the next instruction that matters; in case it does not:
    std::process::abort();
}

#[cfg(not(feature = "failpoints"))]
fn crash() {}
