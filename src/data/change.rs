//! Adjustable changes of one picture (rotation, shift, blur, brightness, contrast, noise), to see when predictions flip.
//!
//! The result is a function of the picture and the change alone. Values are rounded to levels after each kind of change, by at
//! most half a level each.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::augment::{level, recoloured, redrawn, rotated};
use super::random::{Purpose, Random};
use super::{IMAGE_BYTES, SIDE};

/// Changes of a picture `[32, 32, 3]`, applied in the order of the fields. If all are zero, the picture stays the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PictureChange {
    /// Rotation in degrees counter-clockwise, from -180 to 180, with nearest-neighbour sampling; gaps are black.
    #[serde(default)]
    pub rotation: f64,
    /// Shift to the right in pixels, from -32 to 32; gaps are black. Fractions interpolate between the two neighbours.
    #[serde(default)]
    pub shift: f64,
    /// Standard deviation of a Gaussian blur in pixels, from 0 to 16; edge pixels are repeated beyond the edge.
    #[serde(default)]
    pub blur: f64,
    /// Change of brightness, from -1 to 1: values are multiplied by 1 + this and clipped at white.
    #[serde(default)]
    pub brightness: f64,
    /// Change of contrast, from -1 to 1: distances from the picture's mean luma are multiplied by 1 + this; values are clipped
    /// at black and white.
    #[serde(default)]
    pub contrast: f64,
    /// Probability, from 0 to 1, that a channel value is replaced by a random value from 0 to 255. A value that is replaced at one
    /// probability is replaced at every higher one too.
    #[serde(default)]
    pub noise: f64,
    /// Seed of the noise.
    #[serde(default)]
    pub seed: u32,
}

/// A strength that is out of range.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{name} is {value}; it must be from {least} to {most}")]
pub struct ChangeError {
    name: &'static str,
    value: f64,
    least: f64,
    most: f64,
}

impl PictureChange {
    /// # Errors
    /// Fails if a strength is out of range; the picture is then unchanged.
    pub fn apply(&self, image: &mut [u8; IMAGE_BYTES]) -> Result<(), ChangeError> {
        self.check()?;
        *image = shifted(&rotated(image, self.rotation.to_radians()), self.shift);
        *image = blurred(image, self.blur);
        recoloured(image, (1.0 + self.brightness) as f32, (1.0 + self.contrast) as f32);
        redrawn(image, self.noise, &mut Random::new(self.seed, Purpose::Noise, 0));
        Ok(())
    }

    fn check(&self) -> Result<(), ChangeError> {
        let strengths = [
            ("rotation", self.rotation, -180.0, 180.0),
            ("shift", self.shift, -32.0, 32.0),
            ("blur", self.blur, 0.0, 16.0),
            ("brightness", self.brightness, -1.0, 1.0),
            ("contrast", self.contrast, -1.0, 1.0),
            ("noise", self.noise, 0.0, 1.0),
        ];
        let wrong = |&(_, value, least, most): &(_, f64, f64, f64)| !(least..=most).contains(&value);
        match strengths.into_iter().find(wrong) {
            Some((name, value, least, most)) => Err(ChangeError {
                name,
                value,
                least,
                most,
            }),
            None => Ok(()),
        }
    }
}

fn shifted(image: &[u8; IMAGE_BYTES], pixels: f64) -> [u8; IMAGE_BYTES] {
    let whole = pixels.floor();
    let share = (pixels - whole) as f32;
    let value = |row: usize, column: i32, channel: usize| {
        let column = usize::try_from(column).ok().filter(|&column| column < SIDE);
        column.map_or(0.0, |column| {
            f32::from(image[3 * (row * SIDE + column) + channel]) / 255.0
        })
    };
    std::array::from_fn(|i| {
        let (row, from, channel) = (i / (3 * SIDE), (i / 3 % SIDE) as i32 - whole as i32, i % 3);
        level(value(row, from, channel) * (1.0 - share) + value(row, from - 1, channel) * share)
    })
}

/// Convolves rows, then columns, with a Gaussian that is truncated at three standard deviations.
fn blurred(image: &[u8; IMAGE_BYTES], sigma: f64) -> [u8; IMAGE_BYTES] {
    if sigma == 0.0 {
        return *image;
    }
    let reach = (3.0 * sigma).ceil() as i32;
    let weights: Vec<f64> = (-reach..=reach)
        .map(|i| (-0.5 * (f64::from(i) / sigma).powi(2)).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    let weights: Vec<f32> = weights.iter().map(|weight| (weight / total) as f32).collect();
    let mut values = image.map(|v| f32::from(v) / 255.0);
    for (stride, step) in [(3 * SIDE, 3), (3, 3 * SIDE)] {
        let from = values;
        for (i, value) in values.iter_mut().enumerate() {
            let at = (i / step % SIDE) as i32;
            let line = i / stride % SIDE * stride + i % 3;
            let taps = (-reach..=reach).zip(&weights);
            *value = taps
                .map(|(offset, weight)| from[line + (at + offset).clamp(0, SIDE as i32 - 1) as usize * step] * weight)
                .sum();
        }
    }
    values.map(|v| level(v.min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> [u8; IMAGE_BYTES] {
        std::array::from_fn(|i| (i * 7 % 251) as u8)
    }

    fn changed(change: PictureChange) -> [u8; IMAGE_BYTES] {
        let mut image = picture();
        change.apply(&mut image).unwrap();
        image
    }

    fn none() -> PictureChange {
        PictureChange::default()
    }

    /// A black picture with one white pixel.
    fn point(row: usize, column: usize) -> [u8; IMAGE_BYTES] {
        let mut image = [0; IMAGE_BYTES];
        image[3 * (row * SIDE + column)..][..3].fill(255);
        image
    }

    fn at(image: &[u8; IMAGE_BYTES], row: usize, column: usize) -> u8 {
        image[3 * (row * SIDE + column)]
    }

    #[test]
    fn no_strength_is_the_picture() {
        assert_eq!(changed(PictureChange { seed: 7, ..none() }), picture());
    }

    #[test]
    fn a_shift_moves_columns_and_mixes_between_them() {
        let image = picture();
        for (shift, from) in [(3.0, 17), (-5.0, 25)] {
            let moved = changed(PictureChange { shift, ..none() });
            assert_eq!(at(&moved, 9, 20), at(&image, 9, from));
        }
        let moved = changed(PictureChange { shift: 3.0, ..none() });
        assert!((0..3).all(|column| at(&moved, 4, column) == 0) && at(&moved, 4, 3) == at(&image, 4, 0));
        assert_eq!(changed(PictureChange { shift: 32.0, ..none() }), [0; IMAGE_BYTES]);
        let half = shifted(&point(8, 10), 2.5);
        assert_eq!([at(&half, 8, 12), at(&half, 8, 13), at(&half, 8, 14)], [128, 128, 0]);
        let quarter = shifted(&point(8, 10), -0.75);
        assert_eq!([at(&quarter, 8, 9), at(&quarter, 8, 10)], [191, 64]);
    }

    /// With sigma 1 and reach 3 the middle weight is 0.39905 and the next 0.24204 (SciPy's `gaussian_filter1d`, `truncate=3`).
    #[test]
    fn a_blur_spreads_a_point_as_a_gaussian_does() {
        let spread = blurred(&point(16, 16), 1.0);
        let expect = |a: f64, b: f64| (255.0 * a * b).round() as u8;
        assert_eq!(at(&spread, 16, 16), expect(0.39905, 0.39905));
        assert_eq!(
            [at(&spread, 16, 15), at(&spread, 15, 16)],
            [expect(0.39905, 0.24204); 2]
        );
        assert_eq!(at(&spread, 17, 17), expect(0.24204, 0.24204));
        assert_eq!([at(&spread, 16, 20), at(&spread, 20, 16)], [0; 2]);
        // Edge pixels are repeated beyond the corner, so the corner gets half of the weights and the middle one.
        let corner = blurred(&point(0, 0), 1.0);
        let edge = (1.0 + 0.39905) / 2.0;
        assert_eq!(at(&corner, 0, 0), expect(edge, edge));
        assert_eq!(blurred(&[93; IMAGE_BYTES], 16.0), [93; IMAGE_BYTES]);
        assert_eq!(blurred(&[255; IMAGE_BYTES], 2.5), [255; IMAGE_BYTES]);
    }

    #[test]
    fn channels_are_blurred_each_for_itself() {
        let mut red = [0; IMAGE_BYTES];
        red.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel[0] = 200);
        assert_eq!(blurred(&red, 2.0), red);
    }

    #[test]
    fn turns_and_colours_are_the_augmentations() {
        let turned = changed(PictureChange {
            rotation: 90.0,
            ..none()
        });
        assert_eq!(at(&turned, 5, 0), at(&picture(), 0, 26));
        let dark = changed(PictureChange {
            brightness: -0.5,
            ..none()
        });
        let half = |(new, old): (&u8, u8)| (f32::from(*new) - f32::from(old) / 2.0).abs() < 0.501;
        assert!(dark.iter().zip(picture()).all(half));
        let flat = changed(PictureChange {
            contrast: -1.0,
            ..none()
        });
        assert!(flat.iter().all(|&v| v == flat[0]), "the mean luma is left");
        let strong = changed(PictureChange {
            contrast: 1.0,
            ..none()
        });
        assert!(strong.contains(&0) && strong.contains(&255));
    }

    /// Bounds are five standard deviations; 1 in 256 replaced values equals the old one.
    #[test]
    fn noise_is_of_its_share_and_grows_from_itself() {
        let new = |noise: f64| {
            let noisy = changed(PictureChange {
                noise,
                seed: 3,
                ..none()
            });
            let n = noisy.iter().zip(picture()).filter(|(a, b)| *a != b).count() as f64;
            let expected = noise * 255.0 / 256.0;
            let deviation = (expected * (1.0 - expected) / IMAGE_BYTES as f64).sqrt();
            assert!(
                (n / IMAGE_BYTES as f64 - expected).abs() <= 5.0 * deviation,
                "{noise}: {n}"
            );
            noisy
        };
        let (some, more, _all) = (new(0.1), new(0.4), new(1.0));
        assert!(
            some.iter()
                .zip(more)
                .zip(picture())
                .all(|((&a, b), old)| a == old || a == b)
        );
        assert_eq!(some, new(0.1));
        assert_ne!(
            some,
            changed(PictureChange {
                noise: 0.1,
                seed: 4,
                ..none()
            })
        );
    }

    #[test]
    fn a_strength_out_of_range_is_named_and_changes_nothing() {
        let mut image = picture();
        let mut message = |change: PictureChange| change.apply(&mut image).unwrap_err().to_string();
        let blur = PictureChange { blur: -1.0, ..none() };
        assert_eq!(message(blur), "blur is -1; it must be from 0 to 16");
        let not_a_number = PictureChange {
            rotation: f64::NAN,
            ..none()
        };
        assert_eq!(message(not_a_number), "rotation is NaN; it must be from -180 to 180");
        assert!(message(PictureChange { noise: 1.1, ..none() }).contains("noise is 1.1"));
        assert_eq!(image, picture());
    }
}
