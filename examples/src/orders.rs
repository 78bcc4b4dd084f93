//! The domain: orders of teapots and the like. It knows neither hosts nor layers; of problems it
//! knows how to name a fault.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde_json::{Map, Value};
use tower_ready_problem::{Problem, types};

/// The order book.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    last: AtomicU64,
}

/// One order, as callers see it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) by: String,
    pub(crate) request_id: String,
}

/// Who asks, and under which id.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) by: String,
    pub(crate) request_id: String,
}

/// An order that is fit to be taken.
#[derive(Clone, Debug)]
pub(crate) struct NewOrder {
    item: String,
    quantity: u64,
}

impl Orders {
    /// The order with this id. The book of an example has them all.
    pub(crate) fn get(&self, id: u64, asker: Asker) -> Order {
        Order { id, by: asker.by, request_id: asker.request_id }
    }

    /// How many were taken.
    pub(crate) fn taken(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Takes an order.
    pub(crate) fn create(&self, order: &NewOrder, asker: Asker) -> Order {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::debug!(id, item = order.item, quantity = order.quantity, "ordered");
        self.get(id, asker)
    }
}

impl NewOrder {
    /// Reads an order from JSON, and names all of its faults at once, so that a caller mends them in
    /// one go.
    pub(crate) fn from_json(json: &Value) -> Result<Self, Problem> {
        let Some(order) = json.as_object() else {
            let problem = Problem::new(&types::INVALID_CONTENT);
            return Err(problem.violation("", "must be an object"));
        };
        let item = member(order, "item", "a string", |value| Some(value.as_str()?.to_owned()));
        let quantity = member(order, "quantity", "a whole number", Value::as_u64);
        Self::check(item.and_then(check_item), quantity.and_then(check_quantity))
    }

    /// An order of these.
    pub(crate) fn new(item: String, quantity: u64) -> Result<Self, Problem> {
        Self::check(check_item(item), check_quantity(quantity))
    }

    fn check(item: Result<String, String>, quantity: Result<u64, String>) -> Result<Self, Problem> {
        match (item, quantity) {
            (Ok(item), Ok(quantity)) => Ok(Self { item, quantity }),
            (item, quantity) => {
                let faults = [("/item", item.err()), ("/quantity", quantity.err())];
                let problem = Problem::new(&types::INVALID_CONTENT);
                Err(faults.into_iter().fold(problem, |problem, (pointer, fault)| match fault {
                    Some(fault) => problem.violation(pointer, fault),
                    None => problem,
                }))
            }
        }
    }
}

fn member<T>(
    object: &Map<String, Value>,
    name: &str,
    kind: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<T, String> {
    let value = object.get(name).ok_or("is missing")?;
    read(value).ok_or_else(|| format!("must be {kind}"))
}

fn check_item(item: String) -> Result<String, String> {
    match item.chars().count() {
        1..=64 => Ok(item),
        _ => Err("must have 1 to 64 characters".to_owned()),
    }
}

fn check_quantity(quantity: u64) -> Result<u64, String> {
    match quantity {
        1..=100 => Ok(quantity),
        _ => Err("must be 1 to 100".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Vec<String> {
        let Err(problem) = NewOrder::from_json(&serde_json::from_str(json).unwrap()) else {
            return Vec::new();
        };
        let body: Value = serde_json::from_slice(&problem.to_json()).unwrap();
        let errors = body["errors"].as_array().unwrap().iter();
        errors
            .map(|error| {
                let text = |name: &str| error[name].as_str().unwrap().to_owned();
                format!("{} {}", text("pointer"), text("detail"))
            })
            .collect()
    }

    #[test]
    fn a_good_order_is_taken() {
        let longest = format!(r#"{{"item":"{}","quantity":100,"more":[]}}"#, "ö".repeat(64));
        for json in [r#"{"item":"t","quantity":1}"#, &longest] {
            assert_eq!(faults(json), [""; 0], "{json}");
        }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        const ITEM: &str = "#/item must have 1 to 64 characters";
        const QUANTITY: &str = "#/quantity must be 1 to 100";
        let long = format!(r#"{{"item":"{}","quantity":101}}"#, "x".repeat(65));
        for (json, expected) in [
            (r#"{"item":"","quantity":0}"#, &[ITEM, QUANTITY][..]),
            (&long, &[ITEM, QUANTITY]),
            ("{}", &["#/item is missing", "#/quantity is missing"]),
            (
                r#"{"item":7,"quantity":"7"}"#,
                &["#/item must be a string", "#/quantity must be a whole number"],
            ),
            (
                r#"{"item":null,"quantity":1.5}"#,
                &["#/item must be a string", "#/quantity must be a whole number"],
            ),
            (r#"{"item":"t","quantity":-1}"#, &["#/quantity must be a whole number"]),
            ("[]", &["# must be an object"]),
            ("7", &["# must be an object"]),
        ] {
            assert_eq!(faults(json), expected, "{json}");
        }
    }
}
