use super::json::{Json, Object};

/// The claims that are looked at in every token, found in one pass.
#[derive(Default)]
pub(super) struct Known<'a> {
    pub(super) iss: Option<&'a Json<'a>>,
    pub(super) sub: Option<&'a Json<'a>>,
    pub(super) exp: Option<&'a Json<'a>>,
    pub(super) nbf: Option<&'a Json<'a>>,
    pub(super) iat: Option<&'a Json<'a>>,
    pub(super) jti: Option<&'a Json<'a>>,
    pub(super) client_id: Option<&'a Json<'a>>,
    pub(super) azp: Option<&'a Json<'a>>,
    pub(super) appid: Option<&'a Json<'a>>,
    pub(super) acr: Option<&'a Json<'a>>,
    pub(super) auth_time: Option<&'a Json<'a>>,
    pub(super) cnf: Option<&'a Json<'a>>,
}

impl<'a> Known<'a> {
    pub(super) fn of(claims: &'a Object<'a>) -> Self {
        let mut it = Self::default();
        for (name, claim) in claims.iter() {
            let place = match name {
                "iss" => &mut it.iss,
                "sub" => &mut it.sub,
                "exp" => &mut it.exp,
                "nbf" => &mut it.nbf,
                "iat" => &mut it.iat,
                "jti" => &mut it.jti,
                "client_id" => &mut it.client_id,
                "azp" => &mut it.azp,
                "appid" => &mut it.appid,
                "acr" => &mut it.acr,
                "auth_time" => &mut it.auth_time,
                "cnf" => &mut it.cnf,
                _ => continue,
            };
            *place = Some(claim);
        }
        it
    }
}
