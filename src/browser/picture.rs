//! Pictures under change: what needs no device.

use tsify::Ts;
use wasm_bindgen::prelude::*;

use super::types::from_ts;
use crate::data::IMAGE_BYTES;
use crate::data::change::PictureChange;
use crate::error::LabError;

/// A picture `[32, 32, 3]` under a change.
///
/// # Errors
/// `bad_argument` for another length, or a strength out of its range.
#[wasm_bindgen(js_name = changePicture)]
pub fn change_picture(pixels: &[u8], change: Ts<PictureChange>) -> Result<Vec<u8>, JsValue> {
    let change: PictureChange = from_ts(&change)?;
    let mut image: [u8; IMAGE_BYTES] = pixels.try_into().map_err(|_| {
        let n_bytes = pixels.len();
        LabError::bad_argument(format!(
            "the picture has {n_bytes} bytes; it must have {IMAGE_BYTES} (32 x 32 RGB)"
        ))
    })?;
    change
        .apply(&mut image)
        .map_err(|e| LabError::bad_argument(e.to_string()))?;
    Ok(image.to_vec())
}
