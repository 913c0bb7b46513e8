//! Checked images in host memory.

use std::rc::Rc;

use crate::data::IMAGE_BYTES;
use crate::error::{LabError, LabResult};

/// RGB pixels `[n, 32, 32, 3]` from 0 to 255, and labels if they are known.
#[derive(Clone, Debug)]
pub struct Images {
    pixels: Rc<[u8]>,
    labels: Option<Rc<[u8]>>,
}

impl Images {
    /// # Errors
    /// `bad_argument` if there is no image, the bytes are not a whole number of images, or there is not one label per image.
    pub fn new(pixels: Vec<u8>, labels: Option<Vec<u8>>) -> LabResult<Self> {
        if pixels.is_empty() || !pixels.len().is_multiple_of(IMAGE_BYTES) {
            return Err(LabError::bad_argument(format!(
                "pixels hold {} bytes; they must be one or more images of {IMAGE_BYTES} bytes (32 x 32 RGB)",
                pixels.len()
            )));
        }
        let n = pixels.len() / IMAGE_BYTES;
        if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != n) {
            return Err(LabError::bad_argument(format!(
                "there are {} labels for {n} images; there must be one label per image",
                labels.len()
            )));
        }
        Ok(Self {
            pixels: pixels.into(),
            labels: labels.map(Into::into),
        })
    }

    /// # Errors
    /// `bad_argument` if a label is out of range for the model.
    pub fn check_labels(&self, n_classes: usize) -> LabResult<()> {
        let wrong = self
            .labels
            .iter()
            .flat_map(|labels| labels.iter())
            .position(|&label| usize::from(label) >= n_classes);
        match wrong {
            Some(i) => Err(LabError::bad_argument(format!(
                "label {} of image {i} is out of range; the model's classes are 0 to {}",
                self.labels.as_ref().map_or(0, |labels| labels[i]),
                n_classes.saturating_sub(1)
            ))),
            None => Ok(()),
        }
    }

    /// The number of images.
    pub fn n_images(&self) -> usize {
        self.pixels.len() / IMAGE_BYTES
    }

    /// The pixels of images `first..first + n`.
    pub fn pixels(&self, first: usize, n: usize) -> &[u8] {
        &self.pixels[first * IMAGE_BYTES..(first + n) * IMAGE_BYTES]
    }

    /// The labels of images `first..first + n`.
    pub fn labels(&self, first: usize, n: usize) -> Option<&[u8]> {
        self.labels.as_ref().map(|labels| &labels[first..first + n])
    }

    /// All labels.
    pub fn all_labels(&self) -> Option<&[u8]> {
        self.labels.as_deref()
    }
}
