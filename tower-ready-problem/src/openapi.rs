//! Problems in OpenAPI documents.

use std::borrow::Cow;

use serde_json::json;
use utoipa::{
    Modify, PartialSchema, ToSchema,
    openapi::{
        Content, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Responses,
        path::{Operation, PathItem},
        schema::{
            AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, Schema, SchemaFormat, Type,
        },
    },
};

use crate::{Problem, ProblemType};

const NAME: &str = "Problem";
const PROBLEM_JSON: &str = "application/problem+json";

/// Adds the problems to an OpenAPI document: their schema, and for each operation that has none a
/// response for the statuses `4XX` and `5XX`, as `application/problem+json`.
///
/// ```
/// use tower_ready_problem::{ProblemResponses, ProblemType};
/// use utoipa::OpenApi;
///
/// /// One order.
/// #[utoipa::path(get, path = "/orders/{id}", responses((status = 200, body = String)))]
/// # #[allow(dead_code)]
/// async fn order() {}
///
/// #[derive(OpenApi)]
/// #[openapi(paths(order), modifiers(&ProblemResponses))]
/// struct Api;
///
/// let api = serde_json::to_value(Api::openapi()).unwrap();
/// let errors = &api["paths"]["/orders/{id}"]["get"]["responses"]["4XX"];
/// let schema = &errors["content"]["application/problem+json"]["schema"];
/// assert_eq!(schema["$ref"], "#/components/schemas/Problem");
/// ```
///
/// A response that an operation has for such a class itself, or by `default`, stays as it is. The
/// single problems of an operation are added by [`ProblemType::openapi_response`].
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a name to write in an attribute")]
pub struct ProblemResponses;

impl Modify for ProblemResponses {
    fn modify(&self, api: &mut OpenApi) {
        let components = api.components.get_or_insert_default();
        let schemas = &mut components.schemas;
        schemas.entry(NAME.to_owned()).or_insert_with(Problem::schema);
        for path in api.paths.paths.values_mut() {
            for operation in operations(path) {
                add_to(&mut operation.responses);
            }
        }
    }
}

impl ProblemType {
    /// The response of an operation that may answer with this problem, with an example.
    ///
    /// It refers to the schema that [`ProblemResponses`] adds to the document.
    #[must_use]
    pub fn openapi_response(&'static self) -> Response {
        let example = serde_json::from_slice(&Problem::new(self).to_json()).ok();
        response(self.title(), content().example(example).build())
    }
}

/// The body of every answer over HTTP: the members of RFC 9457 and ours, and any others.
impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        let fault = ObjectBuilder::new()
            .property("detail", text("What is wrong there."))
            .property(
                "pointer",
                uri_reference("Where it is: a JSON pointer as the fragment of a URI."),
            )
            .required("detail")
            .required("pointer");
        let status = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some("The HTTP status, as the answer itself has it."))
            .minimum(Some(400))
            .maximum(Some(599));
        let kind = uri_reference("What kind of problem this is; the address of its description.");
        ObjectBuilder::new()
            .description(Some("A problem (RFC 9457)."))
            .property("type", kind.default(Some(json!("about:blank"))))
            .property("title", text("What went wrong, in any occurrence of the type."))
            .property("status", status)
            .property("detail", text("What is particular to this occurrence."))
            .property("instance", uri_reference("Which occurrence this is."))
            .property(
                "code",
                text("What kind of problem this is, for programs.")
                    .pattern(Some("^[A-Z][A-Z0-9_]*$"))
                    .examples([json!("QUOTA_EXCEEDED")]),
            )
            .property("request_id", text("The id of the request."))
            .property("trace_id", text("The id of the trace.").pattern(Some("^[0-9a-f]{32}$")))
            .property(
                "error_id",
                text("The id under which the service knows more; name it in a report."),
            )
            .property("errors", list("Faults in the content of the request.", fault.build()))
            .property(
                "violated-policies",
                list("The quota policies that were violated.", text("A policy.").build()),
            )
            .required("type")
            .required("title")
            .required("status")
            .required("code")
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for Problem {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed(NAME)
    }
}

fn add_to(responses: &mut Responses) {
    let responses = &mut responses.responses;
    if responses.contains_key("default") {
        return;
    }
    for (class, description) in [
        ("4XX", "The request cannot be answered as it is."),
        ("5XX", "The service failed to answer the request."),
    ] {
        let response = || response(description, content().build()).into();
        responses.entry(class.to_owned()).or_insert_with(response);
    }
}

fn response(description: &str, content: Content) -> Response {
    ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build()
}

fn content() -> ContentBuilder {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(NAME)))
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let named = [
        &mut path.get,
        &mut path.put,
        &mut path.post,
        &mut path.delete,
        &mut path.options,
        &mut path.head,
        &mut path.patch,
        &mut path.trace,
        &mut path.query,
    ];
    let others = path.additional_operations.values_mut();
    named.into_iter().flatten().chain(others)
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn uri_reference(description: &str) -> ObjectBuilder {
    text(description).format(Some(SchemaFormat::Custom("uri-reference".to_owned())))
}

fn list(description: &str, items: Object) -> ArrayBuilder {
    ArrayBuilder::new().description(Some(description)).items(items)
}
