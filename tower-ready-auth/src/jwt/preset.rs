//! Issuers that are well known, with what is particular to them.

use super::{JwtVerifier, JwtVerifierBuilder};

impl JwtVerifier {
    /// Access tokens of a Keycloak realm, such as `https://sso.example.com/realms/shop`, for this
    /// client. Its roles are those of the realm and of the client.
    ///
    /// Keycloak tells kinds of tokens apart by a claim: an access token says `typ: Bearer`. The
    /// client is the audience, which needs an audience mapper in the realm.
    pub fn keycloak(realm: &str, client: &str) -> JwtVerifierBuilder {
        Self::builder()
            .issuer(realm)
            .audience(client)
            .claim_equals("typ", "Bearer")
            .id_token_claims()
            .roles_at_names(&["resource_access", client, "roles"])
    }

    /// Access tokens of one tenant of Microsoft Entra ID, by its id, of both versions.
    pub fn entra(tenant: &str) -> JwtVerifierBuilder {
        Self::builder()
            .issuer(format!("https://login.microsoftonline.com/{tenant}/v2.0"))
            .issuer(format!("https://sts.windows.net/{tenant}/"))
            .claim_equals("tid", tenant)
    }

    /// Access tokens of an Amazon Cognito user pool for this client. They have no `aud`, but a
    /// `client_id`.
    pub fn cognito(region: &str, pool: &str, client: &str) -> JwtVerifierBuilder {
        Self::builder()
            .issuer(format!("https://cognito-idp.{region}.amazonaws.com/{pool}"))
            .audience_claim("client_id")
            .audience(client)
            .claim_equals("token_use", "access")
            .roles_at("cognito:groups")
    }

    /// Access tokens of an Auth0 domain, such as `shop.eu.auth0.com`, for this API. Permissions of
    /// role-based access count as scopes.
    pub fn auth0(domain: &str, audience: &str) -> JwtVerifierBuilder {
        Self::builder()
            .issuer(format!("https://{domain}/"))
            .audience(audience)
            .scopes_at("permissions")
    }

    /// Access tokens of an Okta authorization server, such as
    /// `https://shop.okta.com/oauth2/default`. Groups count as roles.
    pub fn okta(issuer: &str, audience: &str) -> JwtVerifierBuilder {
        Self::builder().issuer(issuer).audience(audience).roles_at("groups")
    }

    /// Tokens of Kubernetes service accounts, bound to this audience. The subject is
    /// `system:serviceaccount:NAMESPACE:NAME`.
    pub fn kubernetes(issuer: &str, audience: &str) -> JwtVerifierBuilder {
        Self::builder().issuer(issuer).audience(audience).require("kubernetes.io")
    }
}
