//! `fidelity augment`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fidelity_lab::data::augment::{Policy, SMALL_SIDE, smaller};
use fidelity_lab::data::{IMAGE_BYTES, SIDE};

use crate::data::DataArguments;
use crate::{output, png};

/// Each pixel of an image is drawn this many times either way.
const SCALE: usize = 3;
/// Pixels between images.
const GAP: usize = 6;
const BACKGROUND: u8 = 128;

/// Draw a contact sheet of the augmentations.
///
/// Each column is an image of the training set, each row a policy, from the top: none, flip_crop, rotation, vertical_flip, color_jitter,
/// combined, mixup, noise, and last the images as the first epochs of the furnace's presets see them, at 24x24 pixels. All of a row is
/// one step's batch, so that mixup has one lambda.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity augment --out sheet.png
  fidelity augment --images 16 --step 7 --out sheet.png")]
pub struct Arguments {
    /// The PNG to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Columns: the first images of the training set.
    #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    images: u32,
    /// Fixes what is drawn, with --step.
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u32,
    /// The step of a run whose augmentation is drawn.
    #[arg(long, default_value_t = 0, value_name = "N")]
    step: u32,
    #[command(flatten)]
    data: DataArguments,
}

/// Rows of images on a grey ground.
struct Sheet {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let n = arguments.images as usize;
    let mut images = arguments.data.training_set()?.pixels;
    images.truncate(n * IMAGE_BYTES);
    let mut sheet = Sheet::new(n, Policy::ALL.len() + 1);
    for (row, policy) in Policy::ALL.into_iter().enumerate() {
        let mut varied = images.clone();
        policy.apply(&mut varied, arguments.seed, arguments.step);
        sheet.draw(row, &varied, SIDE);
    }
    sheet.draw(Policy::ALL.len(), &smaller(&images), SMALL_SIDE);
    let file = png::encode(&sheet.pixels, sheet.width as u32, sheet.height as u32)?;
    output::write(&arguments.out, &file)?;
    let names: Vec<_> = Policy::ALL.iter().map(|policy| policy.name()).collect();
    output::print(&format!(
        "{}: {n} images; from the top: {}, 24x24 pixels\n",
        arguments.out.display(),
        names.join(", ")
    ))
}

impl Sheet {
    fn new(columns: usize, rows: usize) -> Self {
        let length = |n: usize| n * (SIDE * SCALE + GAP) + GAP;
        let (width, height) = (length(columns), length(rows));
        Self {
            pixels: vec![BACKGROUND; 3 * width * height],
            width,
            height,
        }
    }

    /// Images `[n, side, side, 3]` as a row, as many as there are columns.
    fn draw(&mut self, row: usize, images: &[u8], side: usize) {
        let width = self.width;
        let at = |n: usize| GAP + n * (SIDE * SCALE + GAP);
        for (column, image) in images.chunks_exact(3 * side * side).enumerate() {
            for (i, pixel) in image.chunks_exact(3).enumerate() {
                let (y, x) = (at(row) + i / side * SCALE, at(column) + i % side * SCALE);
                for y in y..y + SCALE {
                    let first = 3 * (y * width + x);
                    if let Some(run) = self.pixels.get_mut(first..first + 3 * SCALE) {
                        run.chunks_exact_mut(3).for_each(|to| to.copy_from_slice(pixel));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_where_its_row_and_column_are() {
        let mut sheet = Sheet::new(2, 3);
        assert_eq!((sheet.width, sheet.height), (2 * 102 + 6, 3 * 102 + 6));
        let images: Vec<u8> = [1u8, 2].into_iter().flat_map(|v| vec![v; IMAGE_BYTES]).collect();
        sheet.draw(2, &images, SIDE);
        let at = |sheet: &Sheet, y: usize, x: usize| sheet.pixels[3 * (y * sheet.width + x)];
        let (top, left) = (6 + 2 * 102, 6 + 102);
        assert_eq!((at(&sheet, top, left), at(&sheet, top - 1, left)), (2, BACKGROUND));
        assert_eq!(
            (at(&sheet, top + 95, left + 95), at(&sheet, top, left - 1)),
            (2, BACKGROUND)
        );
        assert_eq!(at(&sheet, top, 6), 1);
    }
}
