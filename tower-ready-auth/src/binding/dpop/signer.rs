use crate::jwt::{
    Algorithm, Key, base64url,
    compact::{self, Compact},
    json::Object,
    jwk,
};

/// The thumbprint of the key that a proof brings and is signed with. Here, and nowhere else, a token
/// brings its key: it proves that somebody has it, and says nothing of who that is.
pub(super) fn signer(compact: &Compact<'_>) -> Option<[u8; 32]> {
    let mut room = compact::header_room();
    let header = Object::parse(base64url::decode_into(compact.header, &mut room)?)?;
    for (name, _) in header.iter() {
        if !matches!(name, "typ" | "alg" | "jwk") {
            return None;
        }
    }
    if header.get("typ")?.as_str()? != "dpop+jwt" {
        return None;
    }
    let algorithm = Algorithm::from_name(header.get("alg")?.as_str()?)?;
    let jwk = header.get("jwk")?.as_object()?;
    let key: Key = jwk::from_object(jwk).ok()?;
    let mut room = [0; compact::SIGNATURE_ROOM];
    let signature = compact.decode_signature(&mut room).ok()?;
    let is_good = !algorithm.is_symmetric()
        && !jwk::is_private(jwk)
        && key.verifies(algorithm, compact.signed, &signature);
    if is_good { jwk::thumbprint(jwk) } else { None }
}
