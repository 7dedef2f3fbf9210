//! What uses flows from outside: brands, a kind of provider, a kind of source, invitations, applications.

use super::super::field::{Field, Type, choice, optional, required};
use super::super::kind::{Filter, Kind};
use super::super::store::Table;
use super::KIND;
use super::flows::POLICY_ENGINE_MODES;

const NAME: Field = required("name", Type::Text);

const fn flow(name: &'static str) -> Field {
    optional(name, Type::Reference(Table::Flow), "null").nullable()
}

pub(super) static KINDS: [&Kind; 5] = [&BRAND, &OAUTH2_PROVIDER, &SAML_SOURCE, &INVITATION, &APPLICATION];

static BRAND: Kind = Kind {
    path: "core/brands",
    table: Table::Brand,
    app: "authentik_brands",
    model: "brand",
    class: "Brand",
    verbose: "Brand",
    verbose_plural: "Brands",
    label: "Brand",
    pk: "brand_uuid",
    fields: &[
        required("domain", Type::Text),
        optional("default", Type::Bool, "false"),
        optional("branding_title", Type::Text, "\"authentik\""),
        optional("branding_logo", Type::Text, "\"/static/dist/assets/icons/icon_left_brand.svg\""),
        optional("branding_favicon", Type::Text, "\"/static/dist/assets/icons/icon.png\""),
        optional("branding_custom_css", Type::Text, "\"\"").may_be_blank().since(2025, 4),
        optional(
            "branding_default_flow_background",
            Type::Text,
            "\"/static/dist/assets/images/flow_background.jpg\"",
        )
        .since(2025, 4),
        flow("flow_authentication"),
        flow("flow_invalidation"),
        flow("flow_recovery"),
        flow("flow_unenrollment"),
        flow("flow_user_settings"),
        flow("flow_device_code"),
        optional("default_application", Type::Reference(Table::Application), "null").nullable(),
        optional("web_certificate", Type::Text, "null").nullable(),
        optional("client_certificates", Type::Texts, "[]").may_be_blank().since(2025, 6),
        optional("attributes", Type::Json, "{}"),
    ],
    filters: &[Filter::Text("domain"), Filter::Bool("default"), Filter::Uuid("brand_uuid", "pk")],
    search: &["domain", "branding_title"],
    order: &["domain"],
    ..KIND
};

const DURATION: Type = Type::Duration;

/// `/providers/all/`: the base of every provider, as `used_by` and permissions name it as well.
pub(crate) static PROVIDER: Kind = Kind {
    path: "providers/all",
    table: Table::Provider,
    app: "authentik_core",
    model: "provider",
    class: "Provider",
    verbose: "provider",
    verbose_plural: "providers",
    fields: &[
        NAME,
        flow("authentication_flow"),
        required("authorization_flow", Type::Reference(Table::Flow)),
        required("invalidation_flow", Type::Reference(Table::Flow)),
        optional("property_mappings", Type::Texts, "[]").may_be_blank(),
    ],
    ..KIND
};

static OAUTH2_PROVIDER: Kind = Kind {
    path: "providers/oauth2",
    table: Table::Provider,
    app: "authentik_providers_oauth2",
    model: "oauth2provider",
    class: "OAuth2Provider",
    verbose: "OAuth2/OpenID Provider",
    verbose_plural: "OAuth2/OpenID Providers",
    component: "ak-provider-oauth2-form",
    fields: &[
        NAME,
        flow("authentication_flow"),
        required("authorization_flow", Type::Reference(Table::Flow)),
        required("invalidation_flow", Type::Reference(Table::Flow)),
        optional("property_mappings", Type::Texts, "[]").may_be_blank(),
        optional(
            "client_type",
            Type::Choice(&[choice("confidential"), choice("public")]),
            "\"confidential\"",
        ),
        optional("client_id", Type::Text, "\"\"").may_be_blank(),
        optional("client_secret", Type::Text, "\"\"").may_be_blank(),
        optional("access_code_validity", DURATION, "\"minutes=1\""),
        optional("access_token_validity", DURATION, "\"hours=1\""),
        optional("refresh_token_validity", DURATION, "\"days=30\""),
        optional("refresh_token_threshold", DURATION, "\"seconds=0\"").since(2025, 8),
        optional("include_claims_in_id_token", Type::Bool, "true"),
        optional("signing_key", Type::Text, "null").nullable(),
        optional("encryption_key", Type::Text, "null").nullable(),
        required("redirect_uris", Type::Json),
        optional("logout_uri", Type::Text, "\"\"").may_be_blank().since(2025, 10),
        optional("logout_method", Type::Text, "\"backchannel\"").since(2025, 10),
        optional("sub_mode", Type::Text, "\"hashed_user_id\""),
        optional("issuer_mode", Type::Text, "\"per_provider\""),
        optional("jwt_federation_sources", Type::Texts, "[]").may_be_blank(),
        optional("jwt_federation_providers", Type::Json, "[]"),
    ],
    filters: &[Filter::Text("name")],
    unique: &[("name", "provider")],
    ..KIND
};

/// `/sources/all/`: the base of every source, as `used_by` and permissions name it as well.
pub(crate) static SOURCE: Kind = Kind {
    path: "sources/all",
    table: Table::Source,
    app: "authentik_core",
    model: "source",
    class: "Source",
    verbose: "source",
    verbose_plural: "sources",
    key: "slug",
    fields: &SOURCE_FIELDS,
    filters: &[Filter::Text("name"), Filter::Text("slug")],
    search: &["slug", "name"],
    ..KIND
};

const SOURCE_FIELDS: [Field; 11] = [
    NAME,
    required("slug", Type::Slug),
    optional("enabled", Type::Bool, "true"),
    optional("promoted", Type::Bool, "false").since(2025, 12),
    flow("authentication_flow"),
    flow("enrollment_flow"),
    optional("user_property_mappings", Type::Texts, "[]").may_be_blank(),
    optional("group_property_mappings", Type::Texts, "[]").may_be_blank(),
    optional("policy_engine_mode", Type::Choice(POLICY_ENGINE_MODES), "\"any\""),
    optional("user_matching_mode", Type::Text, "\"identifier\""),
    optional("user_path_template", Type::Text, "\"goauthentik.io/sources/%(slug)s\""),
];

/// The source that authentik itself is: never served alone, but there.
pub(crate) static BUILT_IN_SOURCE: Kind = Kind { path: "", ..SOURCE };

static SAML_SOURCE: Kind = Kind {
    path: "sources/saml",
    table: Table::Source,
    app: "authentik_sources_saml",
    model: "samlsource",
    class: "SAMLSource",
    verbose: "SAML Source",
    verbose_plural: "SAML Sources",
    component: "ak-source-saml-form",
    label: "SAML Source",
    key: "slug",
    fields: &[
        SOURCE_FIELDS[0],
        SOURCE_FIELDS[1],
        SOURCE_FIELDS[2],
        SOURCE_FIELDS[3],
        SOURCE_FIELDS[4],
        SOURCE_FIELDS[5],
        SOURCE_FIELDS[6],
        SOURCE_FIELDS[7],
        SOURCE_FIELDS[8],
        SOURCE_FIELDS[9],
        SOURCE_FIELDS[10],
        optional("group_matching_mode", Type::Text, "\"identifier\""),
        required("pre_authentication_flow", Type::Reference(Table::Flow)),
        optional("issuer", Type::Text, "\"\"").may_be_blank(),
        required("sso_url", Type::Text),
        optional("slo_url", Type::Text, "null").nullable(),
        optional("allow_idp_initiated", Type::Bool, "false"),
        optional("name_id_policy", Type::Text, "\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\""),
        optional("binding_type", Type::Text, "\"REDIRECT\""),
        optional("verification_kp", Type::Text, "null").nullable(),
        optional("signing_kp", Type::Text, "null").nullable(),
        optional("digest_algorithm", Type::Text, "\"http://www.w3.org/2001/04/xmlenc#sha256\""),
        optional("signature_algorithm", Type::Text, "\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\""),
        optional("temporary_user_delete_after", DURATION, "\"days=1\""),
        optional("encryption_kp", Type::Text, "null").nullable(),
        optional("signed_assertion", Type::Bool, "true").since(2025, 8),
        optional("signed_response", Type::Bool, "false").since(2025, 8),
    ],
    filters: &[Filter::Text("name"), Filter::Text("slug")],
    unique: &[("slug", "source")],
    ..KIND
};

static INVITATION: Kind = Kind {
    path: "stages/invitation/invitations",
    table: Table::Invitation,
    app: "authentik_stages_invitation",
    model: "invitation",
    class: "Invitation",
    verbose: "Invitation",
    verbose_plural: "Invitations",
    label: "Invitation",
    fields: &[
        required("name", Type::Slug),
        optional("expires", Type::Text, "null").nullable(),
        optional("fixed_data", Type::Json, "{}"),
        optional("single_use", Type::Bool, "false"),
        flow("flow"),
    ],
    filters: &[Filter::Text("name")],
    order: &["-expires"],
    ..KIND
};

static APPLICATION: Kind = Kind {
    path: "core/applications",
    table: Table::Application,
    app: "authentik_core",
    model: "application",
    class: "Application",
    verbose: "Application",
    verbose_plural: "Applications",
    key: "slug",
    fields: &[
        NAME,
        required("slug", Type::Slug),
        optional("provider", Type::Reference(Table::Provider), "null").nullable(),
        optional("backchannel_providers", Type::Json, "[]"),
        optional("open_in_new_tab", Type::Bool, "false"),
        optional("meta_launch_url", Type::Text, "\"\"").may_be_blank(),
        optional("meta_description", Type::Text, "\"\"").may_be_blank(),
        optional("meta_publisher", Type::Text, "\"\"").may_be_blank(),
        optional("policy_engine_mode", Type::Choice(POLICY_ENGINE_MODES), "\"any\""),
        optional("group", Type::Text, "\"\"").may_be_blank(),
    ],
    filters: &[Filter::Text("name"), Filter::Text("slug")],
    unique: &[("slug", "Application"), ("provider", "Application")],
    ..KIND
};
