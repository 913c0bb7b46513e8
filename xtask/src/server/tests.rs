use std::fs;

use tower::ServiceExt;

use super::*;

const PORT: u16 = 4173;

/// Makes a site with a page, a test set of the right length and a tests folder, beside a file that must stay unreachable.
fn site() -> (tempfile::TempDir, Site) {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    let files: [(&str, &[u8]); 10] = [
        ("page/index.html", b"<!doctype html>"),
        ("page/assets/index-abc.js", b"export {}"),
        ("page/assets/lab-abc.wasm", b"\0asm"),
        ("page/assets/big-abc.wasm", b"plain"),
        ("page/assets/big-abc.wasm.br", b"brotli"),
        ("page/assets/big-abc.wasm.gz", b"gzip"),
        ("page/.secret", b"secret"),
        ("tests/browser/probe.html", b"<!doctype html>"),
        ("data/other.bin", b"other"),
        ("outside.txt", b"outside"),
    ];
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let test = fs::File::create(folder.path().join("data/test.bin")).unwrap();
    test.set_len(DATA_SETS[0].bytes).unwrap();
    fs::write(folder.path().join("data/train.bin"), "too short").unwrap();
    let site = Site {
        page,
        data: folder.path().join("data"),
        extra: vec![("tests", folder.path().join("tests"))],
    };
    (folder, site)
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn ask(site: &Site, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", format!("localhost:{PORT}"));
    }
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let response = router(site.clone(), PORT).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap()
            .to_vec();
        Answer { status, headers, body }
    })
}

fn get(site: &Site, path: &str) -> Answer {
    ask(site, "GET", path, &[])
}

#[test]
fn serves_the_page_with_types_and_cache_rules() {
    let (_folder, site) = site();
    let index = get(&site, "/");
    assert_eq!((index.status, index.header("content-type")), (200, "text/html"));
    assert_eq!(index.header("cache-control"), "no-cache");
    let script = get(&site, "/assets/index-abc.js");
    assert_eq!(script.header("content-type"), "text/javascript");
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(
        get(&site, "/assets/lab-abc.wasm").header("content-type"),
        "application/wasm"
    );
    assert_eq!(get(&site, "/tests/browser/probe.html").status, 200);
    let head = ask(&site, "HEAD", "/", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn every_answer_carries_the_security_headers() {
    let (_folder, site) = site();
    let foreign = ask(&site, "GET", "/", &[("host", "example.org")]);
    let post = ask(&site, "POST", "/", &[]);
    for answer in [
        get(&site, "/"),
        get(&site, "/absent"),
        get(&site, "/data/index.json"),
        foreign,
        post,
    ] {
        for (name, value) in SECURITY_HEADERS {
            assert_eq!(answer.header(name), value, "{name} of a {} answer", answer.status);
        }
    }
    assert!(!CONTENT_SECURITY_POLICY.contains("  "), "{CONTENT_SECURITY_POLICY}");
}

#[test]
fn answers_to_its_own_names_only() {
    let (_folder, site) = site();
    for host in ["localhost:4173", "127.0.0.1:4173", "[::1]:4173"] {
        assert_eq!(ask(&site, "GET", "/", &[("host", host)]).status, 200, "{host}");
    }
    for host in [
        "",
        "localhost",
        "localhost:80",
        "example.org:4173",
        "localhost.example.org:4173",
        "localhost:41730",
        "[::1]",
    ] {
        let answer = ask(&site, "GET", "/", &[("host", host)]);
        assert_eq!(answer.status, 403, "{host}");
        assert_eq!(answer.body, b"This server only answers requests to localhost:4173.\n");
    }
    let twice = ask(
        &site,
        "GET",
        "/",
        &[("host", "localhost:4173"), ("host", "example.org")],
    );
    assert_eq!(twice.status, 403);
}

#[test]
fn nothing_outside_the_listed_folders_is_reachable() {
    let (_folder, site) = site();
    for path in [
        "/../outside.txt",
        "/assets/../../outside.txt",
        "/%2e%2e/outside.txt",
        "/%2E%2E/outside.txt",
        "/.%2e/outside.txt",
        "/..%2foutside.txt",
        "/assets/..%2f..%2foutside.txt",
        "/..%5coutside.txt",
        "/tests/../outside.txt",
        "/tests/%2e%2e/outside.txt",
        "/tests//../../outside.txt",
        "/data/../outside.txt",
        "/data/cifar-100/../../outside.txt",
        "/data/cifar-100/%2e%2e/outside.txt",
        "/data/cifar-100/other.bin",
        "/data/other.bin",
        "/data/cifar-100/",
        "/data/",
        "/.secret",
        "/%2esecret",
        "/assets",
        "/assets/",
        "/tests/",
        "/tests",
        "/absent",
        "/index.html/",
        "/index.html%00",
        "//etc/passwd",
    ] {
        let answer = get(&site, path);
        assert!(matches!(answer.status, 404 | 307), "{path}: {}", answer.status);
        assert!(!answer.body.windows(6).any(|window| window == b"secret"), "{path}");
        assert!(
            answer.body == b"There is nothing here.\n" || answer.status == 307,
            "{path}"
        );
    }
}

#[test]
fn reads_only() {
    let (_folder, site) = site();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = ask(&site, method, "/", &[]);
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
    }
}

#[test]
fn lists_the_complete_data_sets_only_and_serves_ranges_of_them() {
    let (_folder, site) = site();
    let index = get(&site, "/data/index.json");
    assert_eq!(index.header("content-type"), "application/json");
    let listed: serde_json::Value = serde_json::from_slice(&index.body).unwrap();
    assert_eq!(
        listed,
        json!({ "sets": [{ "name": "cifar-100-test", "file": "cifar-100/test.bin", "bytes": 30_740_000 }] })
    );

    let whole = ask(&site, "HEAD", "/data/cifar-100/test.bin", &[]);
    assert_eq!((whole.status, whole.header("content-length")), (200, "30740000"));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let range = ask(
        &site,
        "GET",
        "/data/cifar-100/test.bin",
        &[("range", "bytes=3074-6147")],
    );
    assert_eq!((range.status, range.body.len()), (206, 3074));
    assert_eq!(range.header("content-range"), "bytes 3074-6147/30740000");
    let beyond = ask(
        &site,
        "GET",
        "/data/cifar-100/test.bin",
        &[("range", "bytes=30740000-")],
    );
    assert_eq!(beyond.status, 416);

    let empty = Site {
        data: site.data.join("absent"),
        ..site
    };
    assert_eq!(get(&empty, "/data/index.json").body, br#"{"sets":[]}"#);
    assert_eq!(get(&empty, "/data/cifar-100/test.bin").status, 404);
}

#[test]
fn precompressed_files_are_served_to_those_who_take_them() {
    let (_folder, site) = site();
    for (accept, encoding, body) in [
        ("br, gzip", "br", "brotli"),
        ("gzip", "gzip", "gzip"),
        ("identity", "", "plain"),
    ] {
        let answer = ask(&site, "GET", "/assets/big-abc.wasm", &[("accept-encoding", accept)]);
        assert_eq!(answer.header("content-encoding"), encoding);
        assert_eq!(String::from_utf8_lossy(&answer.body), body);
        assert_eq!(answer.header("content-type"), "application/wasm");
    }
}

#[test]
fn binds_this_machine_only() {
    let (_folder, site) = site();
    let server = Server::bind(0, site.clone()).unwrap();
    assert!(server.listener.local_addr().unwrap().ip().is_loopback());
    let port = server.port;
    let message = Server::bind(port, site).err().unwrap().to_string();
    assert!(message.contains("--port"), "{message}");
    let url = server.url();
    server.spawn();
    let body = ureq::get(format!("{url}tests/browser/probe.html").replace("localhost", "127.0.0.1")).call();
    assert_eq!(body.unwrap().body_mut().read_to_string().unwrap(), "<!doctype html>");
}
