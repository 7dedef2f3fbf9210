//! Exchanges that cannot be held against the simulator, and why.

use crate::recording::Request;

/// Why the body of the answer is not compared although the request is made, if it is not.
pub(crate) fn reason_for_the_body(n: u32, request: &Request) -> Option<&'static str> {
    let names_a_country = request.path == "/api/v3/policies/geoip/" && !request.body["countries"].is_null();
    let lists_it = request.path == "/api/v3/policies/all/" && (1088..=1090).contains(&n);
    (names_a_country && !lists_it).then_some("names the country of a code; status and headers agree")
}

/// Why the exchange is passed over, if it is.
pub(crate) fn reason(version: &str, n: u32, request: &Request) -> Option<&'static str> {
    let path = request.path.as_str();
    let recent = version.starts_with("2026");
    if path.starts_with("/api/v3/managed/blueprints/") {
        return Some("blueprints are applied by authentik's background worker, which is not played");
    }
    if path == "/api/v3/flows/instances/import/" && request.method == "POST" {
        return Some("an import is a blueprint; its effect is played as steps");
    }
    if path == "/api/v3/core/transactional/applications/" {
        return Some("makes an application and a provider by a blueprint");
    }
    if path.ends_with("/execute/") {
        return Some("the page that runs a flow in a browser");
    }
    if request.method == "OPTIONS" {
        return Some("describes forms for authentik's own web pages");
    }
    if path == "/api/v3/admin/system/" && n == 593 {
        return Some("tells of the machine that it was recorded on");
    }
    if path == "/api/v3/" {
        return Some("the API browser, a web page");
    }
    if path == "/api/v3/policies/all/types/" {
        return Some(
            "names every kind of policy; policies are played as far as bindings and deletions touch them",
        );
    }
    if path == "/api/v3/policies/expression/" && request.body["expression"] == "return (" {
        return Some("authentik compiles the expression as Python");
    }
    if path == "/api/v3/events/events/" && n == 846 {
        return Some("counts events of requests that were made before the recording");
    }
    if path == "/api/v3/rbac/permissions/" && (1391..=1393).contains(&n) {
        return Some("counts the permissions of every model of authentik");
    }
    if path == "/api/v3/admin/file/" && recent {
        return Some("the store of uploaded files");
    }
    None
}
