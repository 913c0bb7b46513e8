//! Tests against a local server that misbehaves on purpose.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

/// What the server does with one request.
#[derive(Clone, Copy)]
enum Answer {
    /// Sends the requested range.
    Range,
    /// Sends the whole file, whatever was requested.
    Whole,
    /// Sends the requested range, cut off after this many bytes.
    CutAfter(usize),
    /// Closes the connection without a response.
    Nothing,
    Status(&'static str),
    /// Sends 206 with a start other than the requested one.
    WrongRange,
}

/// The `Range` and `If-Range` headers of a request.
type Asked = (Option<String>, Option<String>);

struct TestServer {
    url: String,
    requests: Arc<Mutex<Vec<Asked>>>,
}

/// Serves `content` under `etag`, and repeats the last answer.
fn serve(content: Vec<u8>, etag: &'static str, answers: Vec<Answer>) -> TestServer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/cifar.tar.gz", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = requests.clone();
    thread::spawn(move || {
        for (i, stream) in listener.incoming().enumerate() {
            let answer = answers[i.min(answers.len() - 1)];
            let mut stream = stream.unwrap();
            let (range, if_range) = read_request(&stream);
            log.lock().unwrap().push((range.clone(), if_range.clone()));
            let fits = if_range.is_none_or(|tag| tag == etag);
            let start = range.filter(|_| fits).map(|range| parse_range(&range));
            let _ = respond(&mut stream, &content, etag, start, answer);
        }
    });
    TestServer { url, requests }
}

fn read_request(stream: &TcpStream) -> Asked {
    let mut header = (None, None);
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap_or_default();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or_default();
        match name.to_lowercase().as_str() {
            "range" => header.0 = Some(value.to_owned()),
            "if-range" => header.1 = Some(value.to_owned()),
            _ => {}
        }
    }
    header
}

fn parse_range(range: &str) -> usize {
    range
        .strip_prefix("bytes=")
        .unwrap()
        .strip_suffix('-')
        .unwrap()
        .parse()
        .unwrap()
}

fn respond(stream: &mut TcpStream, content: &[u8], etag: &str, start: Option<usize>, answer: Answer) -> io::Result<()> {
    let start = if matches!(answer, Answer::Whole) { None } else { start };
    let body = &content[start.unwrap_or(0)..];
    let cut = match answer {
        Answer::Nothing => return Ok(()),
        Answer::Status(status) => {
            return write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
        Answer::CutAfter(bytes) => bytes.min(body.len()),
        _ => body.len(),
    };
    let status = if start.is_some() {
        "206 Partial Content"
    } else {
        "200 OK"
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\netag: {etag}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    )?;
    if let Some(start) = start {
        let told = if matches!(answer, Answer::WrongRange) {
            start + 1
        } else {
            start
        };
        write!(
            stream,
            "content-range: bytes {told}-{}/{}\r\n",
            content.len() - 1,
            content.len()
        )?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&body[..cut])
}

fn content() -> Vec<u8> {
    (0..200_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Downloads `content()`, into a folder that may hold a part of it already.
fn download(url: &str, folder: &Path) -> Result<Vec<u8>> {
    let content = content();
    let sha256 = hex(&Sha256::digest(&content));
    let target = folder.join("file");
    let mut download = Download::new(url, content.len() as u64, &sha256);
    download.pause = Duration::ZERO;
    download.save_as(&target)?;
    let left: Vec<_> = fs::read_dir(folder)?.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["file"], "nothing else is left behind");
    Ok(fs::read(target)?)
}

#[test]
fn fetches_and_checks() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(content(), "\"a\"", vec![Answer::Range]);
    assert_eq!(download(&server.url, folder.path()).unwrap(), content());
    assert_eq!(*server.requests.lock().unwrap(), [(None, None)]);
}

#[test]
fn a_cut_connection_is_resumed_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(
        content(),
        "\"a\"",
        vec![Answer::CutAfter(70_000), Answer::CutAfter(50_000), Answer::Range],
    );
    assert_eq!(download(&server.url, folder.path()).unwrap(), content());
    let tag = Some("\"a\"".to_owned());
    let expected = [
        (None, None),
        (Some("bytes=70000-".to_owned()), tag.clone()),
        (Some("bytes=120000-".to_owned()), tag),
    ];
    assert_eq!(*server.requests.lock().unwrap(), expected);
}

#[test]
fn the_next_run_goes_on_after_one_that_gave_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(content(), "\"a\"", vec![Answer::CutAfter(100_000), Answer::Nothing]);
    let message = download(&server.url, folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("0.1 MB of 0.2 MB (50 %) is saved; the next run resumes from there"),
        "{message}"
    );
    assert_eq!(server.requests.lock().unwrap().len(), 1 + MAX_IDLE_TRIES as usize);

    let server = serve(content(), "\"a\"", vec![Answer::Range]);
    assert_eq!(download(&server.url, folder.path()).unwrap(), content());
    assert_eq!(server.requests.lock().unwrap()[0].0.as_deref(), Some("bytes=100000-"));
}

#[test]
fn a_server_that_ignores_ranges_sends_it_all_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(content(), "\"a\"", vec![Answer::CutAfter(70_000), Answer::Whole]);
    assert_eq!(download(&server.url, folder.path()).unwrap(), content());
}

#[test]
fn a_file_that_changed_in_between_starts_anew() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file.part"), vec![7; 1000]).unwrap();
    fs::write(folder.path().join("file.etag"), "\"old\"").unwrap();
    let server = serve(content(), "\"new\"", vec![Answer::Range]);
    assert_eq!(download(&server.url, folder.path()).unwrap(), content());
    assert_eq!(server.requests.lock().unwrap()[0].1.as_deref(), Some("\"old\""));
}

#[test]
fn another_range_than_asked_for_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(
        content(),
        "\"a\"",
        vec![Answer::CutAfter(70_000), Answer::WrongRange, Answer::Range],
    );
    assert_eq!(download(&server.url, folder.path()).unwrap(), content());
    assert_eq!(server.requests.lock().unwrap()[2], (None, None));
}

#[test]
fn a_wrong_checksum_is_an_error_and_the_next_run_starts_clean() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = content();
    wrong[1234] ^= 1;
    let server = serve(wrong, "\"a\"", vec![Answer::Range]);
    let message = download(&server.url, folder.path()).unwrap_err().to_string();
    assert!(message.contains("the checksum is wrong"), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let server = serve(content(), "\"a\"", vec![Answer::Range]);
    assert_eq!(download(&server.url, folder.path()).unwrap(), content());
    assert_eq!(*server.requests.lock().unwrap(), [(None, None)]);
}

#[test]
fn a_longer_file_is_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut long = content();
    long.extend([0; 10]);
    let server = serve(long, "\"a\"", vec![Answer::Range]);
    let message = download(&server.url, folder.path()).unwrap_err().to_string();
    assert!(message.contains("more than the expected 200000 bytes"), "{message}");
    assert!(!folder.path().join("file.part").exists());
}

#[test]
fn a_refusal_is_not_tried_again_and_a_busy_server_is() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(content(), "\"a\"", vec![Answer::Status("404 Not Found")]);
    let message = download(&server.url, folder.path()).unwrap_err().to_string();
    assert!(message.contains("the server responded 404 Not Found"), "{message}");
    assert_eq!(server.requests.lock().unwrap().len(), 1);

    let server = serve(
        content(),
        "\"a\"",
        vec![Answer::Status("503 Service Unavailable"), Answer::Range],
    );
    assert_eq!(download(&server.url, folder.path()).unwrap(), content());
}

#[test]
fn offline_it_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago: the connection is refused.
    let url = format!(
        "http://{}/",
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    );
    let message = download(&url, folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("no connection") && message.contains("--archive PATH"),
        "{message}"
    );
}
