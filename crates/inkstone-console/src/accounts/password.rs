//! Passwords: their rules and their hashes.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use http::StatusCode;
use tokio::sync::Semaphore;

use crate::problem::Problem;
use crate::secret::random_token;

const SHORTEST: usize = 12;
const LONGEST: usize = 256;

/// Hashes and verifies passwords with argon2id, a few at a time: each needs 19 MiB and much of a core, so that
/// guessing is dear, and so that many logins at once must not starve everything else.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// The hash of a password that nobody has: verified when the account is unknown, so that the time an answer
    /// takes does not tell which accounts exist.
    nobody: Arc<str>,
}

impl Passwords {
    pub(crate) async fn new(at_once: usize) -> Result<Self, Problem> {
        let mut passwords = Self { turns: Arc::new(Semaphore::new(at_once)), nobody: Arc::from("") };
        passwords.nobody = passwords.hash(random_token()).await?.into();
        Ok(passwords)
    }

    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        self.turn(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
        })
        .await?
        .map_err(|error| broken(&error))
    }

    /// Whether `password` is the one that `hash` was made from; with no hash it takes as long and is false.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Problem> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.to_string());
        let verified = self
            .turn(move || {
                let hash = PasswordHash::new(&hash).map_err(|error| error.to_string())?;
                Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
            })
            .await?
            .map_err(|error: String| broken(&error))?;
        Ok(known && verified)
    }

    async fn turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let _turn = self.turns.acquire().await.map_err(|error| broken(&error.to_string()))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| broken(&error.to_string()))
    }
}

fn broken(error: &str) -> Problem {
    tracing::error!(error, "a password could not be hashed");
    let detail = "The console could not work on the password. See its log.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something broke", detail)
}

/// The rules for a new password.
pub(crate) fn check_password(name: &str, password: &str) -> Result<(), Problem> {
    let weak =
        |detail: String| Err(Problem::unprocessable("weak_password", "Choose another password", detail));
    let length = password.chars().count();
    if length < SHORTEST {
        return weak(format!("The password has {length} characters; it needs at least {SHORTEST}."));
    }
    if length > LONGEST {
        return weak(format!("The password has {length} characters; at most {LONGEST} are accepted."));
    }
    if password.to_lowercase().contains(&name.to_lowercase()) {
        return weak("The password contains the name of the account.".to_owned());
    }
    let mut different: Vec<char> = password.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < 4 {
        return weak("The password repeats too few different characters; use at least four.".to_owned());
    }
    Ok(())
}

/// The rules for the name of an account; gives it back in the form in which it is kept.
pub(crate) fn check_name(name: &str) -> Result<String, Problem> {
    let name = name.trim().to_lowercase();
    let fits = (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._@-".contains(c));
    if fits {
        return Ok(name);
    }
    let detail = "A name has 1 to 64 characters: a–z, 0–9, dot, underscore, at sign, hyphen.";
    Err(Problem::unprocessable("bad_name", "Choose another name", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_a_guessable_and_a_monotonous_password_are_refused() {
        for password in ["", "short", "elevenchars", "xx-alice-2026", "abababababab", &"long".repeat(70)] {
            assert!(check_password("alice", password).is_err(), "{password:?}");
        }
        assert!(check_password("alice", "correct horse battery").is_ok());
        assert!(check_password("alice", "十二个字符的密码也是可以的哦").is_ok());
    }

    #[test]
    fn a_name_is_kept_in_lower_case_and_odd_ones_are_refused() {
        assert_eq!(check_name(" Alice ").unwrap(), "alice");
        for name in ["", "a b", "爱丽丝", "a/b", &"a".repeat(65)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[tokio::test]
    async fn a_hash_verifies_its_own_password_only_and_names_argon2id() {
        let passwords = Passwords::new(2).await.unwrap();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct house".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("correct horse".to_owned(), None).await.unwrap());
    }
}
