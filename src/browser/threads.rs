//! The threads of the threaded module: Workers with an instance each, on one shared memory.
//!
//! JavaScript starts the Workers (`www/api/lab/threads.ts`). `wasm-bindgen-rayon` would do so as well, but without a bundler it runs
//! them from `blob:` addresses, which the page's policy forbids; with one it imports a folder, which a page without cannot.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use wasm_bindgen::prelude::*;

use crate::error::{ErrorCode, LabError};
use crate::kernels::cpu::parallel::set_pool;

/// Threads of a pool that no Worker runs yet. All instances see the same, since the memory is one.
static WAITING: Mutex<VecDeque<ThreadBuilder>> = Mutex::new(VecDeque::new());
static CAME: Condvar = Condvar::new();

/// What a Worker needs to become a thread: the compiled module and its memory.
#[wasm_bindgen(js_name = sharedModule)]
pub fn shared_module() -> JsValue {
    wasm_bindgen::module()
}

/// See [`shared_module`].
#[wasm_bindgen(js_name = sharedMemory)]
pub fn shared_memory() -> JsValue {
    wasm_bindgen::memory()
}

/// Lets the calling thread work with `n_threads` Workers, which must be in [`run_thread`] or about to be.
///
/// # Errors
/// `internal` where the pool cannot be made.
#[wasm_bindgen(js_name = startThreads)]
pub fn start_threads(n_threads: usize) -> Result<(), JsValue> {
    let pool = ThreadPoolBuilder::new().num_threads(n_threads).spawn_handler(|thread| {
        WAITING.lock().unwrap_or_else(PoisonError::into_inner).push_back(thread);
        CAME.notify_one();
        Ok(())
    });
    let pool = pool
        .build()
        .map_err(|e| LabError::new(ErrorCode::Internal, e.to_string()))?;
    set_pool(Some(pool));
    Ok(())
}

/// Ends [`run_thread`] in all Workers of the calling thread.
#[wasm_bindgen(js_name = stopThreads)]
pub fn stop_threads() {
    set_pool(None);
}

/// Makes the calling Worker a thread, until the pool is stopped.
#[wasm_bindgen(js_name = runThread)]
pub fn run_thread() {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    let thread = loop {
        match waiting.pop_front() {
            Some(thread) => break thread,
            None => waiting = CAME.wait(waiting).unwrap_or_else(PoisonError::into_inner),
        }
    };
    drop(waiting);
    thread.run();
}
