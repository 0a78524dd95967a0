//! Links a release so that it starts with less: relocations are packed into a bitmap, which is a
//! tenth of what the loader would have to read otherwise.

#[allow(clippy::print_stdout, reason = "a build script speaks to cargo on stdout")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
    {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
