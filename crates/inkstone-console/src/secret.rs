//! Random secrets, identifiers and hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

/// 256 random bits for a session id or a one-time token, in a form that is safe in a URL and a cookie.
pub(crate) fn random_token() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An identifier that sorts by time: 48 bits of milliseconds, then 40 random bits.
pub(crate) fn new_id() -> String {
    let mut random = [0_u8; 5];
    rand::rng().fill_bytes(&mut random);
    format!("{:012x}{}", crate::time::now(), hex::encode(random))
}

/// The SHA-256 of `bytes` in lower-case hex: how content, tokens and sessions are compared and kept.
pub fn hash(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes.as_ref()))
}

/// The CSRF token that belongs to a session: derived from its id, so that nothing more has to be kept.
pub(crate) fn csrf_of(session_id: &str) -> String {
    hash(format!("inkstone csrf {session_id}"))
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}
