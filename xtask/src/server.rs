//! The local web server. It serves listed folders on 127.0.0.1 to GET and HEAD, with the headers that a host should send.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tower_http::services::{ServeDir, ServeFile};

/// The page's policy. A meta tag in index.html repeats it, without `frame-ancestors`, which works only in a header.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
    connect-src 'self'; img-src 'self' blob: data:; style-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub const SECURITY_HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// A data set that the page may request.
struct DataSet {
    name: &'static str,
    file: &'static str,
    bytes: u64,
}

const DATA_SETS: [DataSet; 2] = [
    DataSet {
        name: "cifar-100-test",
        file: "test.bin",
        bytes: 30_740_000,
    },
    DataSet {
        name: "cifar-100-train",
        file: "train.bin",
        bytes: 153_700_000,
    },
];

/// The folders that are served, and their paths.
#[derive(Clone)]
pub struct Site {
    pub page: PathBuf,
    /// The folder with test.bin and train.bin; it need not exist.
    pub data: PathBuf,
    /// More folders, each under a path of one name, such as `("tests", …)`.
    pub extra: Vec<(&'static str, PathBuf)>,
}

pub struct Server {
    listener: TcpListener,
    pub port: u16,
    site: Site,
}

impl Server {
    /// Binds a port on 127.0.0.1; 0 means any free port.
    pub fn bind(port: u16, site: Site) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| {
            format!("port {port} on 127.0.0.1 is in use or not allowed; choose another with --port")
        })?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port, site })
    }

    pub fn url(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }

    /// Serves until the program ends.
    pub fn serve(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("could not start the server")?;
        runtime.block_on(async {
            self.listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            axum::serve(listener, router(self.site, self.port))
                .await
                .context("the server stopped")
        })
    }

    /// Serves in a thread of its own until the program ends.
    pub fn spawn(self) -> JoinHandle<Result<()>> {
        std::thread::spawn(move || self.serve().inspect_err(|error| eprintln!("error: {error:#}")))
    }
}

pub fn router(site: Site, port: u16) -> Router {
    Router::new().fallback(answer).with_state(Arc::new((site, port)))
}

async fn answer(State(state): State<Arc<(Site, u16)>>, request: Request<Body>) -> Response {
    let (site, port) = state.as_ref();
    let path = request.uri().path().to_owned();
    let mut response = if !is_own_host(request.headers(), *port) {
        let hint = format!("This server only answers requests to localhost:{port}.\n");
        (StatusCode::FORBIDDEN, hint).into_response()
    } else if !matches!(*request.method(), Method::GET | Method::HEAD) {
        (
            StatusCode::METHOD_NOT_ALLOWED,
            [(header::ALLOW, "GET, HEAD")],
            "Only GET and HEAD are allowed.\n",
        )
            .into_response()
    } else {
        find(site, request).await
    };
    if response.status() == StatusCode::NOT_FOUND {
        response = (StatusCode::NOT_FOUND, "There is nothing here.\n").into_response();
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(&path)));
    response
}

async fn find(site: &Site, request: Request<Body>) -> Response {
    let path = request.uri().path().to_owned();
    // Rejecting names with a leading dot hides dotfiles and blocks `..` and its encodings.
    if path
        .split('/')
        .any(|name| name.starts_with('.') || name.to_lowercase().starts_with("%2e"))
    {
        return StatusCode::NOT_FOUND.into_response();
    }
    if path == "/data/index.json" {
        return axum::response::Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(data_index(&site.data)))
            .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    if let Some(name) = path.strip_prefix("/data/") {
        let set = name
            .strip_prefix("cifar-100/")
            .and_then(|file| DATA_SETS.iter().find(|set| set.file == file));
        return match set {
            Some(set) => file(&site.data.join(set.file), request).await,
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    let first = path.split('/').nth(1).unwrap_or_default();
    if let Some((_, root)) = site.extra.iter().find(|(name, _)| *name == first) {
        let rest = path
            .strip_prefix('/')
            .and_then(|path| path.strip_prefix(first))
            .unwrap_or_default();
        let Ok(uri) = (if rest.is_empty() { "/" } else { rest }).parse() else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let mut request = request;
        *request.uri_mut() = uri;
        return folder(root, request).await;
    }
    folder(&site.page, request).await
}

async fn folder(root: &Path, request: Request<Body>) -> Response {
    let mut files = ServeDir::new(root).precompressed_br().precompressed_gzip();
    served(files.try_call(request).await)
}

async fn file(path: &Path, request: Request<Body>) -> Response {
    served(ServeFile::new(path).try_call(request).await)
}

fn served<B>(result: std::io::Result<Response<B>>) -> Response
where
    B: axum::body::HttpBody<Data = axum::body::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    match result {
        Ok(response) => response.map(Body::new),
        // This is a folder, an impossible file name or an unreadable file.
        Err(error) if is_absence(error.kind()) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn is_absence(kind: ErrorKind) -> bool {
    use ErrorKind::{InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    matches!(
        kind,
        NotFound | NotADirectory | IsADirectory | InvalidFilename | InvalidInput | PermissionDenied
    )
}

/// Guards against DNS rebinding: if a foreign host name resolves to 127.0.0.1, that host's page could otherwise read this
/// server's responses.
fn is_own_host(headers: &HeaderMap, port: u16) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(host) = host.to_str() else { return false };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        host.strip_prefix(name)
            .is_some_and(|rest| rest == format!(":{port}") || (rest.is_empty() && port == 80))
    })
}

/// Lists the complete data sets in the cache.
fn data_index(folder: &Path) -> String {
    let sets: Vec<_> = DATA_SETS
        .iter()
        .filter(|set| {
            folder
                .join(set.file)
                .metadata()
                .is_ok_and(|metadata| metadata.len() == set.bytes)
        })
        .map(|set| json!({ "name": set.name, "file": format!("cifar-100/{}", set.file), "bytes": set.bytes }))
        .collect();
    json!({ "sets": sets }).to_string()
}

/// Files in `assets` never change, because vite puts a hash of their content into their names.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("/assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

#[cfg(test)]
mod tests;
