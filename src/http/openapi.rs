//! The description of the API as OpenAPI 3.1: paths from the handlers, schemas from the types that they write.

use super::response::Failure;
use super::{api, history, stream};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pegel",
        description = "What a running Pegel sees. All paths are read with GET. Errors are a JSON object with a sentence in `error`. Fields are only added, never changed or removed; ignore those that you do not know.",
    ),
    paths(
        api::metrics_page,
        api::healthz,
        api::readyz,
        api::overview,
        history::incidents,
        history::incident,
        api::allowed,
        api::hosts,
        api::why,
        api::stations,
        api::guests,
        api::inventory,
        api::version,
        stream::events,
    ),
    components(schemas(Failure))
)]
struct Description;

pub(super) fn document() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// Path, summary and parameters of each path, for the page.
pub(super) fn paths() -> Vec<(String, String, String)> {
    let parameter = |one: &Parameter| match &one.description {
        Some(description) => format!("{}: {description}", one.name),
        None => one.name.clone(),
    };
    let row = |path: &str, operation: &Operation| {
        let parameters: Vec<String> = operation.parameters.iter().flatten().map(parameter).collect();
        (path.to_owned(), operation.summary.clone().unwrap_or_default(), parameters.join("; "))
    };
    let document = document();
    document.paths.paths.iter().filter_map(|(path, item)| Some(row(path, item.get.as_ref()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::routes;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_path_is_described() {
        let described: BTreeSet<String> = paths().into_iter().map(|(path, ..)| path).collect();
        let served: BTreeSet<String> = routes::paths().into_iter().map(|(path, _)| path.to_owned()).collect();
        let itself = BTreeSet::from(["/api/v1/openapi.json".to_owned()]);
        assert_eq!(described.union(&itself).cloned().collect::<BTreeSet<_>>(), served);
        assert!(paths().iter().all(|(_, summary, _)| !summary.is_empty()));
    }
}
