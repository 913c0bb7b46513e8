//! The threads of the threaded module: Workers that each run an instance on one shared memory.
//!
//! JavaScript starts the Workers (`www/api/lab/threads.ts`). `wasm-bindgen-rayon` would start them too. But without a bundler it uses
//! `blob:` addresses, which the page's policy forbids, and its variant for bundlers imports a folder, which needs a bundler.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use rayon::{ThreadBuilder, ThreadPoolBuilder};
use wasm_bindgen::prelude::*;

use crate::error::{ErrorCode, LabError};
use crate::kernels::cpu::parallel::set_pool;

/// Threads of the pool that no Worker runs yet. All instances see the same queue, since they share one memory.
static WAITING: Mutex<VecDeque<ThreadBuilder>> = Mutex::new(VecDeque::new());
static CAME: Condvar = Condvar::new();

/// The compiled module. A Worker needs it and the memory to become a thread.
#[wasm_bindgen(js_name = sharedModule)]
pub fn shared_module() -> JsValue {
    wasm_bindgen::module()
}

/// The memory that all threads share. See [`shared_module`].
#[wasm_bindgen(js_name = sharedMemory)]
pub fn shared_memory() -> JsValue {
    wasm_bindgen::memory()
}

/// Starts a pool of `n_threads` Workers for the calling thread. Each must be in [`run_thread`] or about to call it.
///
/// # Errors
/// `internal` if the pool cannot be built.
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

/// Stops the calling thread's pool, which ends [`run_thread`] in all of its Workers.
#[wasm_bindgen(js_name = stopThreads)]
pub fn stop_threads() {
    set_pool(None);
}

/// Runs the calling Worker as a thread until the pool is stopped.
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
