//! Turns log lines into failures: cubecl reports an invalid shader only in the log, and drops the work (its issue 1641).

use std::sync::{Mutex, OnceLock};

use log::{Level, LevelFilter, Log, Metadata, Record};

type Sink = Box<dyn Fn(String) + Send + Sync>;

struct Recorder {
    sink: Mutex<Sink>,
}

static RECORDER: OnceLock<Recorder> = OnceLock::new();

/// Sends every error line to `sink` from now on.
pub(super) fn install(sink: impl Fn(String) + Send + Sync + 'static) {
    let mut sink: Option<Sink> = Some(Box::new(sink));
    let recorder = RECORDER.get_or_init(|| Recorder {
        sink: Mutex::new(sink.take().unwrap_or_else(|| Box::new(|_| ()))),
    });
    match sink {
        // The latest engine of the module receives the lines.
        Some(sink) => *recorder.sink.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = sink,
        None => {
            // Fails only if another logger is already installed, which then receives the lines.
            _ = log::set_logger(recorder).map(|()| log::set_max_level(LevelFilter::Error));
        }
    }
}

impl Log for Recorder {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= Level::Error
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            self.sink.lock().unwrap_or_else(|poisoned| poisoned.into_inner())(format!(
                "{}: {}",
                record.target(),
                record.args()
            ));
        }
    }

    fn flush(&self) {}
}
