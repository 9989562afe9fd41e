//! The key file and the shape of minted tokens.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

fn payload(token: &str) -> Map<String, Value> {
    let payload = token.split('.').nth(1).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn request() -> TokenRequest {
    TokenRequest {
        user: Some(user("alice")),
        groups: Vec::new(),
        roles: Vec::new(),
        app: app("copilot"),
        lifetime: 60,
        app_only: false,
        now: now(),
    }
}

#[test]
fn delegated_claims_are_those_of_entra() {
    let claims = payload(&issuer().development.mint(request()).unwrap());
    let names: Vec<&str> = claims.keys().map(String::as_str).collect();
    let expected = [
        "aud", "azp", "azpacr", "exp", "groups", "iat", "iss", "nbf", "oid", "scp", "sub", "tid",
        "uti", "ver",
    ];
    assert_eq!(names, expected);
    assert_eq!(claims["groups"], json!([]));
    assert_eq!(claims["exp"], json!(NOW + 60));
    assert_ne!(claims["sub"], claims["oid"]);
    let again = payload(&issuer().development.mint(request()).unwrap());
    assert_eq!(claims["sub"], again["sub"]);
    assert_ne!(claims["uti"], again["uti"]);
    let other = TokenRequest {
        app: app("nightly"),
        ..request()
    };
    let other = payload(&issuer().development.mint(other).unwrap());
    assert_ne!(claims["sub"], other["sub"], "pairwise");
}

#[test]
fn app_only_claims_are_those_of_entra() {
    let minted = TokenRequest {
        user: None,
        roles: vec!["Ambit.Audit".to_owned()],
        app_only: true,
        ..request()
    };
    let claims = payload(&issuer().development.mint(minted).unwrap());
    let names: Vec<&str> = claims.keys().map(String::as_str).collect();
    let expected = [
        "aud", "azp", "azpacr", "exp", "groups", "iat", "idtyp", "iss", "nbf", "oid", "roles",
        "sub", "tid", "uti", "ver",
    ];
    assert_eq!(names, expected);
    assert_eq!(claims["idtyp"], "app");
    assert_eq!(claims["oid"], claims["azp"]);
    assert_eq!(claims["sub"], claims["oid"]);
}

#[test]
fn requests_that_entra_could_not_serve() {
    let mint = |request: TokenRequest| issuer().development.mint(request).unwrap_err();
    let both = TokenRequest {
        app_only: true,
        ..request()
    };
    assert!(matches!(mint(both), DevelopmentError::Subject));
    let neither = TokenRequest {
        user: None,
        ..request()
    };
    assert!(matches!(mint(neither), DevelopmentError::Subject));
    for lifetime in [0, u32::MAX] {
        let request = TokenRequest {
            lifetime,
            ..request()
        };
        assert!(matches!(mint(request), DevelopmentError::Lifetime));
    }
    let crowded = TokenRequest {
        groups: vec![group("sre"); 201],
        ..request()
    };
    assert!(matches!(mint(crowded), DevelopmentError::Groups));
}

/// A token with as many groups as Entra lists fits into the header that is accepted.
#[tokio::test]
async fn two_hundred_groups_fit() {
    let names = (0..200).map(|number| group(&number.to_string()));
    let full = TokenRequest {
        groups: names.collect(),
        ..request()
    };
    let token = issuer().development.mint(full).unwrap();
    let caller = authenticate(&token).await.unwrap();
    assert_eq!(caller.subject().groups().len(), 200);
}

#[test]
fn key_file_is_kept_and_private() {
    let path = &issuer().key_path;
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file is left");
    let again = DevelopmentIssuer::open_or_create(path).unwrap();
    assert_eq!(again.kid(), issuer().development.kid());
    assert_ne!(again.kid(), other_issuer().development.kid());
    assert_eq!(again.kid().len(), 43);
    assert!(!format!("{again:?}").contains("PRIVATE"));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.pem");
    fs::copy(&issuer().key_path, &path).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644, 0o610] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = DevelopmentIssuer::open_or_create(&path).unwrap_err();
        assert!(matches!(error, DevelopmentError::Exposed(_)), "{mode:o}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(DevelopmentIssuer::open_or_create(&path).is_ok());
}

#[test]
fn what_is_no_key_is_refused_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.pem");
    let pem = fs::read_to_string(&issuer().key_path).unwrap();
    let truncated: String = pem.chars().take(200).collect();
    for text in ["", "nonsense", &truncated] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = DevelopmentIssuer::open_or_create(&path).unwrap_err();
        assert!(matches!(error, DevelopmentError::NoKey(_)), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let link = directory.path().join("link.pem");
    symlink(&issuer().key_path, &link).unwrap();
    let error = DevelopmentIssuer::open_or_create(&link).unwrap_err();
    assert!(matches!(error, DevelopmentError::NoKey(_)));
    // Folders above the key are made, but not out of a file.
    let fresh = directory.path().join("absent/folder/key.pem");
    DevelopmentIssuer::open_or_create(&fresh).unwrap();
    let folder = fs::metadata(directory.path().join("absent")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let nowhere = path.join("key.pem");
    let error = DevelopmentIssuer::open_or_create(&nowhere).unwrap_err();
    assert!(matches!(error, DevelopmentError::File { .. }));
}

/// `serve` and `token` may start together: one key wins, and both have it.
#[test]
fn makers_at_the_same_time_agree() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.pem");
    let kids: Vec<String> = std::thread::scope(|scope| {
        let make = || {
            let issuer = DevelopmentIssuer::open_or_create(&path).unwrap();
            issuer.kid().to_owned()
        };
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
