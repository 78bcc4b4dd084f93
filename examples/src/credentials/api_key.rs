use tower_ready_auth::{ApiKeyStore, ApiKeys, ConfigError};

/// Keys that begin with `orders_live_`, by which people and scanners of leaked secrets know them.
pub(crate) fn api_keys(store: impl ApiKeyStore) -> Result<ApiKeys, ConfigError> {
    ApiKeys::builder("orders", "live").store(store).build()
}
