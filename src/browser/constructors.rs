//! What the linker would otherwise do at every call.

use wasm_bindgen::prelude::*;

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Runs the constructors that crates have registered (`inventory`, below cubecl), once.
///
/// A module that never names them is taken for a command: the linker wraps each of its exports in a call of all of them, and an
/// engine calls exports thousands of times a step. That was two thirds of a distillation step's time.
#[wasm_bindgen(start)]
fn start() {
    // SAFETY: the linker makes this function, without arguments or result; it runs once, before any other export can be called.
    unsafe { __wasm_call_ctors() }
}
