//! Reads records and photos, which needs no device.

use wasm_bindgen::prelude::*;

use super::types::Records;
use crate::data::image::ImageError;
use crate::data::{cifar, image, reduce_to_32};
use crate::error::{ErrorCode, LabError};

fn invalid_image(error: ImageError) -> LabError {
    let code = if error.is_too_large() {
        ErrorCode::ImageTooLarge
    } else {
        ErrorCode::ImageInvalid
    };
    LabError::new(code, error.to_string())
}

/// Splits `test.bin` or `train.bin`. `test_hashes` lists the hashes of the 10,000 test records, 8 bytes each.
///
/// # Errors
/// `records_invalid`.
#[wasm_bindgen(js_name = readRecords)]
pub fn read_records(bytes: &[u8], test_hashes: Option<Vec<u8>>) -> Result<Records, JsValue> {
    let invalid = |e: cifar::RecordsError| LabError::new(ErrorCode::RecordsInvalid, e.to_string());
    let is_cifar100_test = test_hashes
        .map(|hashes| cifar::is_test_set(bytes, &hashes))
        .transpose()
        .map_err(invalid)?;
    let cifar::Records { pixels, fine, coarse } = cifar::parse_records(bytes).map_err(invalid)?;
    Ok(Records {
        pixels,
        labels: fine,
        coarse_labels: coarse,
        is_cifar100_test,
    })
}

/// Composites RGBA pixels over white, crops the centre and box-averages it to `[32, 32, 3]`.
///
/// # Errors
/// `image_invalid`.
#[wasm_bindgen(js_name = reduceImage)]
pub fn reduce_image(rgba: &[u8], width: usize, height: usize) -> Result<Vec<u8>, JsValue> {
    Ok(reduce_to_32(rgba, width, height).map_err(invalid_image)?.to_vec())
}

/// Reads width and height from the header of an image file, without decoding the image.
///
/// # Errors
/// `image_invalid`; `image_too_large` if the file has more bytes or pixels than are accepted.
#[wasm_bindgen(js_name = imageSize)]
pub fn image_size(bytes: &[u8]) -> Result<Vec<u32>, JsValue> {
    let size = image::image_size(bytes).map_err(invalid_image)?;
    Ok(vec![size.width as u32, size.height as u32])
}
