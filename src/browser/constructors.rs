//! Runs the linker's constructors once, instead of at every call.

use wasm_bindgen::prelude::*;

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Runs the constructors that crates have registered (`inventory`, below cubecl).
///
/// The linker takes a module that never calls them for a command and makes each export call all of them first. A distillation step
/// calls exports thousands of times, and spent two thirds of its time on that.
#[wasm_bindgen(start)]
fn start() {
    // SAFETY: the linker defines this function, without arguments or result. It runs once, before any other export can be called.
    unsafe { __wasm_call_ctors() }
}
