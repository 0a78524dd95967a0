//! The client over TLS: what it trusts, and what it says when it does not.

use std::sync::Arc;

use pe_llm::{OpenAi, OpenAiConfig};
use pe_model::{ErrorClass, LlmClient, ModelErrorKind};
use pe_testkit::ChatServer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, pki_types::PrivatePkcs8KeyDer};

use super::client::request;

/// A TLS server whose certificate nobody vouches for; the address that it listens on.
///
/// `tests/data/self-signed` was made by `openssl req -x509 -newkey ec` for 127.0.0.1.
async fn self_signed() -> String {
    let certificate = include_bytes!("../data/self-signed/cert.der").to_vec();
    let key = include_bytes!("../data/self-signed/key.der").to_vec();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], PrivatePkcs8KeyDer::from(key).into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    format!("https://{address}/v1")
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused_for_good() {
    let client = OpenAi::new(OpenAiConfig::new(self_signed().await, "m")).unwrap();
    let error = client.ask(&request(), None).await.unwrap_err();
    assert_eq!((error.kind, error.class), (ModelErrorKind::Unreachable, ErrorClass::Validation));
    assert!(!error.is_retryable());
    assert!(error.message.contains("its certificate is not accepted"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_no_connection() {
    let server = ChatServer::start(["x"]);
    let url = server.base_url().replace("http://", "https://");
    let client = OpenAi::new(OpenAiConfig::new(url, "m")).unwrap();
    let error = client.ask(&request(), None).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert!(error.message.contains("no connection: "), "{error}");
    assert_eq!(server.calls(), 0);
}
