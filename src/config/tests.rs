use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Command, FromArgMatches};
use secrecy::ExposeSecret;

use super::{AdoptionCeiling, Config, ConfigError, LogFormat};
use crate::authentik::TokenSource;

const URL: [&str; 2] = ["--authentik-url", "http://authentik:9000"];

fn command() -> Command {
    Config::augment_args(Command::new("run"))
}

fn parse(arguments: &[&str]) -> Result<Config, String> {
    let arguments = ["run"].iter().chain(&URL).chain(arguments);
    let matches = command().try_get_matches_from(arguments).map_err(|error| error.to_string())?;
    Config::from_arg_matches(&matches).map_err(|error| error.to_string())
}

#[test]
fn each_flag_has_its_variable_and_default() {
    let command = command();
    let flags = command.get_arguments().map(|flag| {
        let defaults: Vec<_> = flag.get_default_values().iter().filter_map(|value| value.to_str()).collect();
        let variable = flag.get_env().and_then(|name| name.to_str());
        (flag.get_long().unwrap_or_default(), variable.unwrap_or_default(), defaults.join(" "))
    });
    let expected = [
        ("authentik-url", "AUTHENTIK_URL", ""),
        ("authentik-token-file", "AUTHENTIK_TOKEN_FILE", ""),
        ("authentik-token", "AUTHENTIK_TOKEN", ""),
        ("authentik-ca-file", "AUTHENTIK_CA_FILE", ""),
        ("adopt", "AUTHENTIK_OPERATOR_ADOPT", "force"),
        ("protect-slug", "AUTHENTIK_OPERATOR_PROTECT_SLUGS", ""),
        ("refresh-at-most", "AUTHENTIK_OPERATOR_REFRESH_AT_MOST", "15m"),
        ("request-timeout", "AUTHENTIK_OPERATOR_REQUEST_TIMEOUT", "60s"),
        ("lease", "AUTHENTIK_OPERATOR_LEASE", ""),
        ("lease-duration", "AUTHENTIK_OPERATOR_LEASE_DURATION", "15s"),
        ("lease-renew-deadline", "AUTHENTIK_OPERATOR_LEASE_RENEW_DEADLINE", "10s"),
        ("lease-retry", "AUTHENTIK_OPERATOR_LEASE_RETRY", "2s"),
        ("listen", "AUTHENTIK_OPERATOR_LISTEN", "[::]:8080"),
        ("log", "AUTHENTIK_OPERATOR_LOG", "info"),
        ("log-format", "AUTHENTIK_OPERATOR_LOG_FORMAT", "text"),
    ];
    assert_eq!(flags.collect::<Vec<_>>(), expected.map(|(flag, name, value)| (flag, name, value.to_owned())));
}

#[test]
fn flags_reach_their_fields() {
    let config = parse(&[
        "--authentik-token=s3cret",
        "--authentik-ca-file=/etc/ca.pem",
        "--adopt=matching",
        "--refresh-at-most=1h 30m",
        "--request-timeout=PT2.5S",
        "--listen=127.0.0.1:0",
        "--log=warn,authentik_operator=debug",
        "--log-format=json",
    ])
    .expect("good");
    assert_eq!(config.adopt, AdoptionCeiling::Matching);
    assert_eq!(config.refresh_at_most, Duration::from_secs(5400));
    assert_eq!(config.listen.to_string(), "127.0.0.1:0");
    assert_eq!(config.log, "warn,authentik_operator=debug");
    assert_eq!(config.log_format, LogFormat::Json);
    let connection = config.connection(None).expect("there is a token");
    assert_eq!(connection.url, URL[1]);
    assert!(matches!(connection.token, TokenSource::Value(token) if token.expose_secret() == "s3cret"));
    assert_eq!(connection.ca_file, Some(PathBuf::from("/etc/ca.pem")));
    assert_eq!(connection.request_timeout, Duration::from_millis(2500));
}

#[test]
fn a_token_file_wins_over_a_token_and_one_of_the_two_must_be() {
    let config = parse(&["--authentik-token-file=/token", "--authentik-token=s3cret"]).expect("good");
    let token = config.connection(None).expect("there is a token").token;
    assert!(matches!(token, TokenSource::File(path) if path.to_str() == Some("/token")));

    let error = parse(&[]).expect("good").connection(None).expect_err("no token");
    assert!(matches!(error, ConfigError::NoToken));
    for way in ["--authentik-token-file PATH", "AUTHENTIK_TOKEN_FILE", "--authentik-token TOKEN"] {
        assert!(error.to_string().contains(way), "{error}");
    }
}

#[test]
fn protected_slugs_name_the_pattern() {
    let config =
        parse(&["--protect-slug", "default-*, admin-login", "--protect-slug", "v[0-9]?,"]).expect("good");
    let protected = config.protected_slugs().expect("few");
    for (slug, pattern) in [
        ("default-authentication-flow", Some("default-*")),
        ("default-", Some("default-*")),
        ("my-default-flow", None),
        ("admin-login", Some("admin-login")),
        ("admin-login-2", None),
        ("v1x", Some("v[0-9]?")),
        ("vxx", None),
        ("Admin-login", None),
    ] {
        assert_eq!(protected.matches(slug), pattern, "{slug}");
    }
    let none = parse(&[]).expect("good").protected_slugs().expect("none");
    assert_eq!(none.matches("default-authentication-flow"), None);
}

#[test]
fn what_cannot_be_used_is_refused_with_flag_and_reason() {
    let time = "a time above zero is needed";
    for (argument, reason) in [
        ("--refresh-at-most=soon", time),
        ("--refresh-at-most=0s", time),
        ("--refresh-at-most=-15m", time),
        ("--refresh-at-most=15", time),
        ("--request-timeout=8761h", time),
        ("--adopt=always", "[possible values: none, matching, force]"),
        ("--protect-slug=default-*;admin", "no slug holds ';'"),
        ("--protect-slug=staff-{a,b}", "no slug holds '{'"),
        ("--protect-slug=[a", "unclosed character class"),
        ("--lease=leader", "a namespace and a name are needed"),
        ("--lease=/leader", "a namespace and a name are needed"),
        ("--lease=identity/Leader", "a namespace and a name are needed"),
        ("--lease=identity/a/b", "a namespace and a name are needed"),
        ("--lease-duration=0s", time),
        ("--lease-renew-deadline=10", time),
        ("--lease-retry=-2s", time),
        ("--listen=:8080", "an IP address and a port are needed"),
        ("--listen=localhost:8080", "an IP address and a port are needed"),
        ("--log=a=b=c", "error parsing level filter"),
        ("--log-format=xml", "[possible values: text, json]"),
        ("--authentik-ca-file=", "a value is required"),
    ] {
        let error = parse(&[argument]).expect_err(argument);
        let flag = argument.split('=').next().unwrap_or_default();
        assert!(error.contains(flag) && error.contains(reason), "{argument}: {error}");
    }
    let nothing = command().try_get_matches_from(["run"]).expect_err("no URL").to_string();
    assert!(nothing.contains("--authentik-url <URL>"), "{nothing}");
}

#[test]
fn a_lease_outlasts_its_deadline_and_that_a_retry() {
    let config = parse(&["--lease=identity/leader"]).expect("good");
    assert_eq!(config.lease.as_ref().map(ToString::to_string).as_deref(), Some("identity/leader"));
    let timing = config.lease_timing().expect("the defaults are good");
    assert!(timing.duration > timing.renew_deadline && timing.renew_deadline > timing.retry);
    for flags in [
        ["--lease-duration=2500ms", "--lease-renew-deadline=2s", "--lease-retry=1s"],
        ["--lease-duration=2s", "--lease-renew-deadline=2s", "--lease-retry=1s"],
        ["--lease-duration=3s", "--lease-renew-deadline=2s", "--lease-retry=2s"],
    ] {
        let error =
            parse(&flags).expect("each for itself is good").lease_timing().expect_err("cannot be kept");
        assert!(error.to_string().contains("--lease-duration"), "{error}");
    }
}

#[test]
fn debug_shows_no_token() {
    let config = parse(&["--authentik-token", "s3cret"]).expect("good");
    assert!(!format!("{config:?}").contains("s3cret"));
}
