//! What secrets look like: one rule a sort, with the text around it that tells it from a hash.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::plausible::{
    Candidate, is_assigned, is_curl_password, is_header_token, is_mixed, is_option, is_password,
    is_real,
};

/// One sort of secret.
pub(super) struct Rule {
    /// Its name in `[REDACTED:kind]`.
    pub(super) kind: &'static str,
    /// The group `v` is the secret; `k`, where there is one, the name that it is given.
    pattern: &'static str,
    /// Whether a match is one.
    pub(super) check: Check,
}

/// The rules, compiled.
pub(super) struct Rules {
    /// In order of precedence. One after the other: each begins with letters that are searched
    /// for at the speed of memory, which a set of all patterns at once cannot use (measured:
    /// ten times slower).
    pub(super) list: Vec<(&'static Rule, Regex)>,
    pub(super) private_key: Regex,
    pub(super) private_key_end: Regex,
}

/// The kind of what only its name gives away.
pub(super) const GENERIC: &str = "generic-secret";

type Check = fn(&Candidate<'_>) -> bool;

const fn rule(kind: &'static str, pattern: &'static str) -> Rule {
    let check: Check = is_real;
    Rule {
        kind,
        pattern,
        check,
    }
}

const fn checked(kind: &'static str, pattern: &'static str, check: Check) -> Rule {
    Rule {
        kind,
        pattern,
        check,
    }
}

/// Specific rules first: where two match the same bytes, the first names the kind.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule("azure-client-secret", r"(?:^|[^A-Za-z0-9_~.-])(?P<v>[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})"),
    // `-` before it would make it an integrity hash (`sha512-…==`).
    rule("azure-storage-key", r"(?:^|[^A-Za-z0-9+/-])(?P<v>[A-Za-z0-9+/]{86}==)"),
    rule("azure-access-key", r"(?i)(?:SharedAccessKey|AccountKey|AccessKey)[ \t]*=[ \t]*(?P<v>[A-Z0-9+/]{32,}={0,2})"),
    rule("azure-sas", r#"(?i)(?:^|[?&;\s"'])sig=(?P<v>[A-Z0-9%+/_-]{32,}={0,2})"#),
    rule("azure-devops-token", r"\b(?P<v>[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4})\b"),
    checked("azure-function-key", r"[?&]code=(?P<v>[A-Za-z0-9_%/+-]{40,}={0,2})", is_mixed),
    rule("jwt", r"\b(?P<v>ey[JI][A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){0,2})"),
    rule("github-token", r"\b(?P<v>gh[pousr]_[A-Za-z0-9]{36,255})"),
    rule("github-token", r"\b(?P<v>github_pat_[A-Za-z0-9_]{36,255})"),
    rule("gitlab-token", r"\b(?P<v>gl(?:pat|dt|rt|cbt|ptt|ft|oas|soat|agent|imt|ffct)-[A-Za-z0-9_.-]{20,})"),
    rule("aws-access-key-id", r"\b(?P<v>(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})\b"),
    checked("aws-secret-access-key", r#"(?i)(?:aws[A-Z0-9_ .-]{0,20}secret|secret[_ .-]?access[_ .-]?key|aws[A-Z0-9_ .-]{0,20}key)[A-Z0-9_ .-]{0,20}["'`]?[ \t]*(?::=|=>|=|:)[ \t]*["'`]?(?P<v>[A-Z0-9/+]{40})(?:$|[^A-Z0-9/+=])"#, is_mixed),
    rule("slack-token", r"\b(?P<v>xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,})"),
    rule("slack-webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<v>[A-Z0-9]{8,}/[A-Z0-9]{8,}/[A-Za-z0-9]{16,})"),
    rule("teams-webhook", r"\.webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/(?P<v>[0-9a-f]{32})"),
    rule("discord-webhook", r"discord(?:app)?\.com/api/webhooks/[0-9]{16,20}/(?P<v>[A-Za-z0-9_-]{60,})"),
    rule("google-api-key", r"\b(?P<v>AIza[0-9A-Za-z_-]{35})"),
    rule("google-oauth-secret", r"\b(?P<v>GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20,})"),
    rule("stripe-key", r"\b(?P<v>[sr]k_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[A-Za-z0-9]{24,})"),
    rule("npm-token", r"\b(?P<v>npm_[A-Za-z0-9]{36})\b"),
    rule("pypi-token", r"\b(?P<v>pypi-AgEI[A-Za-z0-9_-]{30,})"),
    rule("docker-token", r"\b(?P<v>dckr_[op]at_[A-Za-z0-9_-]{20,})"),
    rule("vault-token", r"\b(?P<v>hv[sbr]\.[A-Za-z0-9_-]{20,})"),
    rule("terraform-token", r"\b(?P<v>[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,})"),
    rule("sendgrid-key", r"\b(?P<v>SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64})"),
    rule("twilio-key", r"\b(?P<v>SK[0-9a-f]{32})\b"),
    rule("databricks-token", r"\b(?P<v>dapi[0-9a-f]{32}(?:-[0-9])?)\b"),
    rule("digitalocean-token", r"\b(?P<v>do[opr]_v1_[0-9a-f]{64})\b"),
    rule("grafana-token", r"\b(?P<v>glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/]{32,}={0,2})"),
    rule("newrelic-key", r"\b(?P<v>NRAK-[A-Z0-9]{27})\b"),
    rule("sentry-token", r"\b(?P<v>sntry[su]_[A-Za-z0-9+/=_-]{40,})"),
    rule("ai-api-key", r"\b(?P<v>sk-ant-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9_-]{16,}T3BlbkFJ[A-Za-z0-9_-]{16,}|hf_[A-Za-z]{34})\b"),
    rule("shopify-token", r"\b(?P<v>shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b"),
    rule("age-secret-key", r"\b(?P<v>AGE-SECRET-KEY-1[0-9A-Z]{58})\b"),
    rule("pagerduty-token", r#"(?i)\btoken[ \t]+token[ \t]*=[ \t]*["']?(?P<v>[A-Z0-9_+-]{18,})"#),
    checked("pagerduty-token", r#"(?i)(?P<k>(?:pagerduty|pd)[_ -]?(?:service|routing|integration|api)[_ -]?key)["'`]?[ \t]*[=:][ \t]*["'`]?(?P<v>[A-Z0-9_+-]{18,})"#, is_mixed),
    checked("authorization-header", r#"(?i)authorization["'`]?[ \t]*[:=][ \t]*["'`]?(?:bearer|basic|token|apikey|splunk|negotiate|digest)[ \t]+(?P<v>[A-Z0-9+/=_.~:-]{8,})"#, is_header_token),
    checked("authorization-header", r"(?i)\bbearer[ \t]+(?P<v>[A-Z0-9+/=_.~-]{20,})", is_mixed),
    checked("url-credentials", r#"(?i)[a-z0-9]://[^\s/:@"'`<>\[\]{}]{0,100}:(?P<v>[^\s/@"'`<>\[\]{}]{3,200})@[a-z0-9_\[$.-]"#, is_password),
    checked("curl-credentials", r#"(?i)[ \t](?P<k>-u|--user)[ =]?["']?[^\s:"'<>$]{1,64}:(?P<v>[^\s"'`<>\[\]]{4,100})"#, is_curl_password),
    checked("connection-string", r#"(?i)(?:[;"'\s]|^)(?P<k>password|pwd)[ \t]*=[ \t]*(?P<v>[^;\s"'`<>\[\]{}]{4,128});"#, is_assigned),
    checked("connection-string", r#"(?i);[ \t]*(?:password|pwd)[ \t]*=[ \t]*(?P<v>[^;\s"'`<>\[\]{}]{4,128})"#, is_password),
    checked(GENERIC, ASSIGNMENT, is_assigned),
    checked(GENERIC, FLAG, is_option),
    checked(GENERIC, KUBERNETES, is_assigned),
];

/// `key = value` with a telling name: code, YAML, JSON, environment files, headers.
const ASSIGNMENT: &str = r#"(?i)(?P<k>(?:password|passwd|passphrase|pwd|secret|token|credential|(?:api|access|auth|account|app|application|private|signing|encryption|master|license|integration|routing|session|consumer|client|shared|admin|service)[_-]?key)[a-z0-9_.-]{0,24})["'`]{0,2}[ \t]*(?::=|=>|==?|:)[ \t]*["'`]?(?P<v>[^\s"'`,;<>\[\]{}()|\\]{8,256})"#;
/// The same as an option of a command.
const FLAG: &str = r#"(?i)(?P<k>(?:password|passwd|passphrase|secret|token|(?:api|access|auth|private)-?key))[ \t]+["']?(?P<v>[^\s"'`,;<>\[\]{}()|\\]{8,256})"#;
/// An environment variable of a Kubernetes container.
const KUBERNETES: &str = r#"(?i)(?P<k>(?:password|passwd|secret|token|api_?key|access_?key))["']?[ \t]*\n[ \t]*value:[ \t]*["']?(?P<v>[^\s"'`,;<>\[\]{}()|\\]{8,256})"#;

/// The compiled rules.
#[expect(
    clippy::expect_used,
    reason = "constant patterns, compiled by every test"
)]
pub(super) fn rules() -> &'static Rules {
    static RULES_COMPILED: LazyLock<Rules> = LazyLock::new(|| {
        // ASCII classes over bytes: Unicode ones cost ten times as much and find no more.
        let compile = |pattern: &str| {
            let built = RegexBuilder::new(pattern).unicode(false).build();
            built.expect("the patterns are valid")
        };
        Rules {
            list: RULES
                .iter()
                .map(|rule| (rule, compile(rule.pattern)))
                .collect(),
            private_key: compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"),
            private_key_end: compile(r"^-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"),
        }
    });
    &RULES_COMPILED
}
