//! The HTTP client: rustls with the ring provider and the system's certificates.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect, retry};
use rustls::{ClientConfig, RootCertStore, crypto};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that does nothing on its own: no redirects, retries, proxies or kept connections.
///
/// A redirect would take the key and the prompt to an address that nobody has named, and a
/// kept connection that the server closes at the wrong moment would lose an answer that was
/// paid; beside what an answer takes, a new connection costs nothing.
pub(super) fn build() -> Result<Client, reqwest::Error> {
    Client::builder()
        .tls_backend_preconfigured(tls())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(0)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("pe/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The provider is given here instead of installed for the process, which is not ours to do.
fn tls() -> ClientConfig {
    let builder = || {
        ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("because ring supports the default versions")
    };
    match builder().with_platform_verifier() {
        Ok(builder) => builder.with_no_client_auth(),
        // A machine without certificates can still speak plain HTTP; every HTTPS server is
        // then refused as unknown.
        Err(_) => builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
    }
}
