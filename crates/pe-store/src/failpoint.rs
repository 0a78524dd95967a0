//! Places at which a test can end the process, or make the store lie.
//!
//! Without the feature `failpoints` there are none: everything here compiles to nothing.

/// Ends the process at once, as a power cut would, when the named point is set to `return`.
#[inline]
pub(crate) fn crash(name: &str) {
    if is_set(name) {
        #[cfg(feature = "failpoints")]
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::SIGKILL);
    }
}

/// Whether the named point is set to `return`.
#[cfg(feature = "failpoints")]
pub(crate) fn is_set(name: &str) -> bool {
    fail::fail_point!(name, |_| true);
    false
}

/// Whether the named point is set to `return`.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn is_set(_: &str) -> bool {
    false
}
