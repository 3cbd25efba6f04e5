//! `POST /api/v1/requests`: the one grammar as JSON.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use blocks_engine::{Asker, Engine, EngineError};
use runbook_core::people::{Actor, Credential};
use runbook_core::request::Request;
use serde::{Deserialize, Serialize};

use crate::auth::{ApiToken, credential};
use crate::health::SocketUser;

/// Where requests are posted.
pub const REQUESTS_PATH: &str = "/api/v1/requests";

/// Longest accepted request in bytes.
const MAX_BODY: usize = 64 * 1024;

/// What a refused request answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What failed, why, and what to do.
    pub error: String,
    /// `refused`, `not_found`, `forbidden`, `unavailable`, `usage`, `plan`, `journal`.
    pub kind: String,
    /// Its code; each has a page under `docs/errors/`.
    pub code: String,
}

#[derive(Clone)]
pub(crate) struct ApiState {
    pub(crate) engine: Engine,
    pub(crate) token: Option<Arc<ApiToken>>,
    /// A terminal's own run: it begins nothing else, because it ends with that run.
    pub(crate) one_run: bool,
}

pub(crate) fn router(state: ApiState) -> Router {
    Router::new().route(REQUESTS_PATH, post(request)).with_state(state)
}

async fn request(State(state): State<ApiState>, http: HttpRequest) -> Response {
    let socket_user = http.extensions().get::<ConnectInfo<SocketUser>>().map(|info| info.0.clone());
    let authorization =
        http.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let who = match (authorization, socket_user) {
        // The unix socket's peer is known by the kernel; a token still says more precisely who it is.
        (None, Some(user)) => Ok(Some(Credential::OsUser { name: user.name })),
        (header, _) => credential(state.engine.store(), state.token.as_deref(), header.as_deref()).await,
    };
    let who = match who {
        Ok(Some(who)) => who,
        Ok(None) => {
            let hint = "no known token came with this request; hint: make one with `blocks token create --person NAME`";
            return refusal(StatusCode::UNAUTHORIZED, "forbidden", "RB0026", hint);
        }
        Err(error) => {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "RB0020", &error.to_string());
        }
    };
    let Ok(body) = axum::body::to_bytes(http.into_body(), MAX_BODY).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "usage", "RB0011", "the request is too large");
    };
    let asked: Request = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => {
            return refusal(
                StatusCode::BAD_REQUEST,
                "usage",
                "RB0011",
                &format!("the request does not read: {error}"),
            );
        }
    };
    if state.one_run && !asked.is_read() && !asked.is_run_verb() {
        let text = "another terminal's run is the engine here, and begins nothing else; hint: wait for it to end, or start `blocks serve`";
        return refusal(StatusCode::CONFLICT, "refused", "RB0027", text);
    }
    let actor = state.engine.directory().actor(&who);
    let declares = matches!(asked, Request::IncidentDeclare { .. });
    if matches!(actor, Actor::Service(_)) && !asked.is_read() && !declares {
        let text = "the shared API token reads and declares, it decides nothing; hint: use a person's token";
        return refusal(StatusCode::FORBIDDEN, "forbidden", "RB0026", text);
    }
    match state.engine.request(&asked, &Asker { actor, channel: None }).await {
        Ok(reply) => Json(reply).into_response(),
        Err(error) => {
            let (status, kind) = class(&error);
            refusal(status, kind, error.code(), &error.to_string())
        }
    }
}

fn class(error: &EngineError) -> (StatusCode, &'static str) {
    match error {
        EngineError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
        EngineError::Usage(_) => (StatusCode::BAD_REQUEST, "usage"),
        EngineError::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
        EngineError::Incident(_)
        | EngineError::Run(_)
        | EngineError::Refused(_)
        | EngineError::Locked(_)
        | EngineError::Flow(_) => (StatusCode::CONFLICT, "refused"),
        EngineError::Plan(_) | EngineError::Secret(_) => (StatusCode::UNPROCESSABLE_ENTITY, "plan"),
        EngineError::Contended(_) | EngineError::Store(_) | EngineError::NotFetched(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        }
        EngineError::Journal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "journal"),
    }
}

fn refusal(status: StatusCode, kind: &str, code: &str, error: &str) -> Response {
    let body = ErrorBody { error: error.to_owned(), kind: kind.to_owned(), code: code.to_owned() };
    (status, Json(body)).into_response()
}
