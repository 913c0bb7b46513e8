//! Reports what ends the engine outside of any call: a panic or a lost device.

use std::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::error::{ErrorCode, LabError};

thread_local! {
    static HANDLER: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Calls `handler` with `{ code, message }` when the device is lost or the module panics. A panic aborts and leaves the instance dead:
/// its pending calls never settle, so the handler must settle them.
#[wasm_bindgen(js_name = onFatal)]
pub fn on_fatal(handler: Function) {
    HANDLER.with(|slot| slot.replace(Some(handler)));
    std::panic::set_hook(Box::new(|info| {
        report(LabError::new(
            ErrorCode::Internal,
            format!("the engine stopped: {info}"),
        ))
    }));
}

pub(super) fn report(error: LabError) {
    // A handler that throws must not hide the error that it was given.
    HANDLER.with(|slot| {
        if let Some(handler) = slot.borrow().as_ref()
            && let Err(failed) = handler.call1(&JsValue::NULL, &super::types::to_js(&error))
        {
            web_sys::console::error_2(&JsValue::from_str(&error.message), &failed);
        }
    });
}
