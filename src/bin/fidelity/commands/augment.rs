//! `fidelity augment`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use fidelity_lab::data::augment::{Policy, SMALL_SIDE, smaller};
use fidelity_lab::data::{IMAGE_BYTES, SIDE};

use crate::data::DataArguments;
use crate::output;

/// Magnification of the images.
const SCALE: usize = 3;
/// Pixels between two images.
const GAP: usize = 6;
const BACKGROUND: u8 = 128;

/// Draw a contact sheet of the augmentations.
///
/// The sheet has a column for each image and a row for each policy of `fidelity train --policy`, in the order that the command prints.
/// The last row shows the images at 24x24 pixels, as the presets fast-teacher and fast-student use them in their first epochs. Each
/// row is the batch of one step, so mixup uses one lambda for all of it.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity augment --out sheet.png
  fidelity augment --images 16 --step 7 --out sheet.png")]
pub struct Arguments {
    /// PNG file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Number of images, taken from the start of the training set.
    #[arg(long, default_value_t = 12, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    images: u32,
    /// Seed of the run whose augmentation is drawn.
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u32,
    /// Step of the run whose augmentation is drawn.
    #[arg(long, default_value_t = 0, value_name = "N")]
    step: u32,
    #[command(flatten)]
    data: DataArguments,
}

/// Rows of images on a grey background.
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
    output::write(&arguments.out, &sheet.to_png()?)?;
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

    /// Draws images `[n, side, side, 3]` as a row.
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

    fn to_png(&self) -> Result<Vec<u8>> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().context("could not encode the PNG")?;
        writer
            .write_image_data(&self.pixels)
            .and_then(|()| writer.finish())
            .context("could not encode the PNG")?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_a_png_of_its_pixels() {
        let mut sheet = Sheet::new(1, 2);
        sheet.draw(1, &[200; IMAGE_BYTES], SIDE);
        let file = sheet.to_png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width as usize, info.height as usize), (sheet.width, sheet.height));
        assert_eq!(pixels, sheet.pixels);
    }

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
