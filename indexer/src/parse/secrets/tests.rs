//! Tests of leaks L3 and L4: samples of every rule, and what must stay.

#![expect(clippy::string_slice, reason = "a slice out of bounds fails the test")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::parse::{ParseOptions, SecretPolicy, parse_markdown};

/// Samples are written with a `·` so that no scanner takes this file for a leak.
fn sample(text: &str) -> String {
    text.replace('·', "")
}

const DIGITS: &str = "0123456789abcdef0123456789abcdef";

/// Text, kind; the secret stands between `«` and `»`.
const POSITIVE: &[(&str, &str)] = &[
    (
        "secret «abc·8Q~Zy1xW2vU3tS4rQ5pO6nM7lK8jI9hG0fEdC»",
        "azure-client-secret",
    ),
    (
        "AccountName=x;AccountKey=«KCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT·4/QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZw==»;E=x",
        "azure-storage-key",
    ),
    (
        "Endpoint=sb://x/;SharedAccessKey=«abcdefghijklmnopqrstuvwxyz·0123456789ABCDEFG=»",
        "azure-access-key",
    ),
    (
        "https://x.blob.core.windows.net/c?sv=2022&sig=«abcDEF012%2Bghi·JKL345mnoPQR678stu%3D»",
        "azure-sas",
    ),
    (
        "curl 'https://f.azurewebsites.net/api/x?code=«aB3dE5fG7hI9jK1lM3nO5pQ7rS9t·U1vW3xY5zA7bC9dE==»'",
        "azure-function-key",
    ),
    (
        "«eyJhbGciOiJIUzI1NiJ9·.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P»",
        "jwt",
    ),
    (
        "token «gh·p_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5»",
        "github-token",
    ),
    (
        "«gh·s_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5»",
        "github-token",
    ),
    (
        "«github_p·at_11ABCDEFG0aB3dE5fG7hI9_jK1lM3nO5pQ7rS9tU1vW3xY5zA7bC9»",
        "github-token",
    ),
    ("«glp·at-aB3dE5fG7hI9jK1lM3nO»", "gitlab-token"),
    ("id «AKI·AIOSFODNN7EXAMPLE» here", "aws-access-key-id"),
    (
        "aws_secret_access_key = «wJalrXUtnFEMI/K7MDENG/·bPxRfiCYEXAMPLEKEY»",
        "aws-secret-access-key",
    ),
    (
        "\"SecretAccessKey\": \"«wJalrXUtnFEMI/K7MDENG/·bPxRfiCYEXAMPLEKEY»\"",
        "aws-secret-access-key",
    ),
    ("«xox·b-123456789012-abcDEF123»", "slack-token"),
    (
        "https://hooks.slack.com/services/«T00AB12CD/·B00AB12CD/aB3dE5fG7hI9jK1lM3nO5pQ7»",
        "slack-webhook",
    ),
    (
        "«AIz·aSyA1234567890abcdefghijklmnopqrstuv»",
        "google-api-key",
    ),
    (
        "«GOC·SPX-abcdefghijklmnopqrstuvwx1234»",
        "google-oauth-secret",
    ),
    ("«sk_li·ve_4eC39HqLyjWDarjtT1zdp7dc»", "stripe-key"),
    ("«npm·_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5»", "npm-token"),
    (
        "«pypi-Ag·EIcHlwaS5vcmcCJDEyMzQ1Njc4LTEyMzQtMTIzNA»",
        "pypi-token",
    ),
    ("«dckr_p·at_aB3dE5fG7hI9jK1lM3nO5pQ7rS9»", "docker-token"),
    (
        "VAULT «hvs·.CAESIJ1234567890abcdefghijklmnop»",
        "vault-token",
    ),
    (
        "«SG·.aB3dE5fG7hI9jK1lM3nO5p.Q7rS9tU1vW3xY5zA7bC9dE1fG3hI5jK7lM9nO1pQ3rS»",
        "sendgrid-key",
    ),
    ("«SK·0123456789abcdef0123456789abcdef»", "twilio-key"),
    (
        "«dap·i0123456789abcdef0123456789abcdef»",
        "databricks-token",
    ),
    (
        "«glsa_·aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW_0a1b2c3d»",
        "grafana-token",
    ),
    ("«NRAK·-ABCDEFGHIJKLMNOPQRSTUVWXYZ0»", "newrelic-key"),
    ("«sk-an·t-api03-aB3dE5fG7hI9jK1lM3nO5pQ7»", "ai-api-key"),
    (
        "Authorization: Token token=«y_NbAkKc66ryYTWUXYEu»",
        "pagerduty-token",
    ),
    (
        "pagerduty_service_key: «aB3dE5fG7hI9jK1lM3nO»",
        "pagerduty-token",
    ),
    (
        "-H 'Authorization: Bearer «abc123DEF456ghi789»'",
        "authorization-header",
    ),
    (
        "Authorization: Basic «dXNlcjpwYXNzd29yZDEyMw==»",
        "authorization-header",
    ),
    (
        "postgres://app:«s3cr3tP4ss»@db.example.com:5432/orders",
        "url-credentials",
    ),
    ("redis://:«s3cr3tP4ss»@cache:6379/0", "url-credentials"),
    ("amqp://u:«pä55wörd»@mq", "url-credentials"),
    ("curl -u admin:«Tr0ub4dor» https://x", "curl-credentials"),
    (
        "Server=db;User Id=sa;Password=«Sup3rS3cret!»;Encrypt=true",
        "connection-string",
    ),
    ("password: «Tr0ub4dor&3»", "generic-secret"),
    ("DB_PASSWORD=«kJ8#mP2$vL9@»", "generic-secret"),
    (
        "api_key = \"«0123456789abcdef0123456789abcdef»\"",
        "generic-secret",
    ),
    (
        "{\"client_secret\": \"«aB3dE5fG7hI9jK1lM3nO»\"}",
        "generic-secret",
    ),
    (
        "export APP_TOKEN='«aB3dE5fG7hI9jK1lM3nO»'",
        "generic-secret",
    ),
    ("tool login --password «Tr0ub4dor&3»", "generic-secret"),
    (
        "- name: DB_PASSWORD\n  value: \"«Tr0ub4dor&3»\"",
        "generic-secret",
    ),
];

/// What runbooks are full of and nobody may take away.
const NEGATIVE: &[&str] = &[
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "image: quay.io/x@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "docker://nginx:1.25@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "d41d8cd98f00b204e9800998ecf8427e  file",
    "id 550e8400-e29b-41d4-a716-446655440000",
    "client_secret: 550e8400-e29b-41d4-a716-446655440000",
    "token_id=550e8400e29b41d4a716446655440000",
    "password_hash: 5f4dcc3b5aa765d61d8327deb882cf99",
    "secret_sha256 = 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "\"integrity\": \"sha512-KCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZw==\"",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "--discovery-token-ca-cert-hash sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15",
    "password: <password>",
    "password: ${DB_PASSWORD}",
    "password: $DB_PASSWORD1",
    "password: {{ vault_password_1 }}",
    "password: ********",
    "password: changeme",
    "password: your-password-1",
    "Password: ask the on-call engineer",
    "token: [REDACTED:jwt]",
    "secretName: grafana-admin-credentials-v2",
    "secret: projects/p/secrets/orders/versions/3",
    "password = var.db_password_2",
    "password = data.aws_secretsmanager_secret_version.db1.secret_string",
    "Mountable secrets:   prometheus-k8s-dockercfg-6wl6b",
    "Tokens:              prometheus-k8s-token-nwtrf",
    "tokens: 128000",
    "access_key_path: /etc/keys/aB3dE5fG7hI9jK1lM3nO",
    "postgres://user:<password>@host/db",
    "postgres://user:$PASSWORD@host/db",
    "postgres://user:password@host/db",
    "https://user:{{pw}}@host",
    "https://user:***@host",
    "http://localhost:9090/graph?x=a@b",
    "ssh://git@github.com:22/x/y.git",
    "curl -u user:password https://x",
    "curl -u \"$USER:$PASS\" https://x",
    "docker run -u 1000:1000 image",
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer <token>",
    "Authorization: Bearer eyJhbGciOi...",
    "AKIAXXXXXXXXXXXXXXXX",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQG\n-----END CERTIFICATE-----",
    "histogram_quantile(0.99, sum(rate(apiserver_request_duration_seconds_bucket[5m])) by (le)) == 1",
    "kube_pod_container_status_waiting_reason{reason=\"CrashLoopBackOff\"} > 0",
    "/apis/networking.k8s.io/v1/namespaces/openshift-monitoring/networkpolicies/default-deny-all",
    "$(oc get secret -n openshift-etcd etcd-client -o jsonpath='{.data.tls}')",
    "kubectl get secret my-app-secret-2024 -o yaml",
    "use the token bucket: refill-rate-10",
    "the secret: never-page-anyone-at-3am",
];

#[test]
fn every_rule_finds_its_samples() {
    for (text, kind) in POSITIVE {
        let text = sample(text);
        let (before, rest) = text.split_once('«').unwrap();
        let (secret, after) = rest.split_once('»').unwrap();
        let plain_text = format!("{before}{secret}{after}");
        let found = find(&plain_text);
        let clean = redact(&plain_text, &found);
        assert_eq!(clean, format!("{before}[REDACTED:{kind}]{after}"), "{text}");
        assert_eq!(find(&clean), [], "{clean}");
    }
}

#[test]
fn hashes_and_placeholders_stay() {
    for text in NEGATIVE {
        assert_eq!(find(text), [], "{text}");
        assert_eq!(find(&format!("see\n\n    {text}\n")), [], "{text}");
    }
}

#[test]
fn private_keys_keep_their_lines() {
    let material = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(3);
    let (begin, end) = (
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----END RSA PRIVATE KEY-----",
    );
    let clean = |text: &str| redact(text, &find(text));
    let text = format!("a\n{begin}\n{material}{end}\nb\n");
    assert_eq!(clean(&text), "a\n[REDACTED:private-key]\n\n\n\n\nb\n");
    let cut_off = format!("a\n{begin}\n{material}\n# Next steps (b)\n");
    let cleaned = clean(&cut_off);
    assert!(
        cleaned.starts_with("a\n[REDACTED:private-key]\n"),
        "{cleaned}"
    );
    assert!(
        cleaned.ends_with("# Next steps (b)\n") && !cleaned.contains("MIIE"),
        "{cleaned}"
    );
    let escaped = format!("\"key\": \"{begin}\\n{}\\n{end}\\n\"", &material[..64]);
    assert_eq!(clean(&escaped), "\"key\": \"[REDACTED:private-key]\\n\"");
    let indented = format!("k: |\n  {begin}\n  {}\n  {end}\n", &material[..64]);
    assert_eq!(clean(&indented), "k: |\n  [REDACTED:private-key]\n\n\n");
    let two = format!("{begin}\n{material}{end}\ntext\n{begin}\n{material}{end}\n");
    assert_eq!(clean(&two).matches("[REDACTED:private-key]").count(), 2);
    assert!(clean(&two).contains("\ntext\n"));
}

#[test]
fn encoded_secrets_are_found() {
    let token = sample("gh·p_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5");
    let clean = |text: &str| redact(text, &find(text));
    let marker = "[REDACTED:github-token]";
    let basic = STANDARD.encode(format!("user:{token}"));
    assert_eq!(
        clean(&format!("data: {basic}\n")),
        format!("data: {marker}\n")
    );
    let url_safe = URL_SAFE_NO_PAD.encode(format!("??>>{token}"));
    assert_eq!(clean(&format!("x={url_safe}&y")), format!("x={marker}&y"));
    let wide: Vec<u8> = token.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = STANDARD.encode(wide);
    assert_eq!(
        clean(&format!("powershell -e {wide}")),
        format!("powershell -e {marker}")
    );
    let long = STANDARD.encode(format!(
        "{} {token} {}",
        "filler ".repeat(9),
        "more ".repeat(9)
    ));
    let wrapped: Vec<&str> = long
        .as_bytes()
        .chunks(64)
        .map(|c| std::str::from_utf8(c).unwrap())
        .collect();
    let text = format!("a\n  {}\nb\n", wrapped.join("\n  "));
    let expected = format!("a\n  {marker}{}b\n", "\n".repeat(wrapped.len()));
    assert_eq!(clean(&text), expected);
    let percent = token.replace('_', "%5F");
    let text = format!("https://x/?a=b%20c&t={percent}&z=1");
    assert_eq!(clean(&text), format!("https://x/?a=b%20c&t={marker}&z=1"));
    let both = format!(
        "https://x/?t={}",
        STANDARD.encode(format!("u:{token}")).replace('=', "%3D")
    );
    assert!(!clean(&both).contains(&both[13..40]), "{}", clean(&both));
    let connection = "AccountName%3Dx%3BPassword%3DSup3rS3cret!%3B";
    assert!(!clean(connection).contains("Sup3r"));
}

#[test]
fn secrets_that_comments_tear_apart_are_joined_first() {
    let text = sample("gh·p_aB3dE5fG7hI9<!-- x -->jK1lM3nO5pQ7\u{200b}rS9tU1vW3xY5\n");
    let parsed = parse_markdown(&text, 5, ParseOptions::default()).unwrap();
    assert_eq!(parsed.body, "[REDACTED:github-token]\n");
    assert_eq!(parsed.hidden_removed, 2);
    assert_eq!(parsed.redactions.len(), 1);
    assert_eq!(parsed.redactions[0].line, 5);
}

#[test]
fn quarantine_names_kind_and_line() {
    let options = ParseOptions {
        secrets: SecretPolicy::Quarantine,
    };
    let text = format!("a\n\ntwilio {}{DIGITS}\n", "SK");
    let rejected = parse_markdown(&text, 10, options).unwrap_err();
    assert_eq!(rejected.line, Some(12));
    assert_eq!(rejected.reason, "holds a secret (twilio-key)");
    assert!(parse_markdown("a\n", 1, options).is_ok());
}

#[test]
fn secrets_of_one_line_are_all_found() {
    let text = format!("SK{DIGITS} SK{DIGITS},SK{DIGITS}|SK{DIGITS}");
    assert_eq!(find(&text).len(), 4);
}

fn secretive() -> impl Strategy<Value = String> {
    let token = sample("gh·p_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5");
    let pieces = vec![
        "password: ".to_owned(),
        "token=".to_owned(),
        "Tr0ub4dor&3".to_owned(),
        STANDARD.encode(&token),
        token,
        format!("SK{DIGITS}"),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        "-----END PRIVATE KEY-----".to_owned(),
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n".repeat(2),
        "https://u:".to_owned(),
        "@host ".to_owned(),
        "%3D".to_owned(),
        "Authorization: Bearer ".to_owned(),
        "Password=".to_owned(),
        ";".to_owned(),
        " ".to_owned(),
        "\n".to_owned(),
        "[REDACTED:jwt]".to_owned(),
        "`".to_owned(),
        "<!--".to_owned(),
        "-->".to_owned(),
        "é".to_owned(),
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn redaction_is_a_fixed_point_and_keeps_lines(text in secretive()) {
        if let Ok(once) = parse_markdown(&text, 1, ParseOptions::default()) {
            prop_assert_eq!(once.body.matches('\n').count(), text.matches('\n').count());
            let twice = parse_markdown(&once.body, 1, ParseOptions::default()).unwrap();
            prop_assert_eq!(&twice.body, &once.body);
            prop_assert_eq!(twice.redactions, []);
        }
    }

    #[test]
    fn findings_are_ordered_and_disjoint(text in secretive()) {
        let found = find(&text);
        for pair in found.windows(2) {
            prop_assert!(pair[0].range.end <= pair[1].range.start);
        }
        for secret in &found {
            prop_assert!(text.get(secret.range.clone()).is_some_and(|value| !value.is_empty()));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        redact(&text, &find(&text));
    }

    /// Where a chunk boundary would fall makes no difference: the whole body is looked at.
    #[test]
    fn a_token_anywhere_is_found(before in "[a-z \n]{0,80}", after in "[ \n][a-z \n]{0,80}") {
        let token = sample("gh·p_aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5");
        let text = format!("{before} {token}{after}");
        prop_assert!(!redact(&text, &find(&text)).contains(&token));
    }
}
