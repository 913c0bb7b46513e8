//! Colour jitter.

use super::level::level;
use crate::data::IMAGE_BYTES;
use crate::data::random::{Purpose, Random};

/// Luma of red, green and blue (ITU-R BT.601, with the digits that torchvision uses).
const LUMA: [f32; 3] = [0.2989, 0.587, 0.114];

/// Largest change of each property: factors are uniform on [1 - x, 1 + x), the hue shift on [-x, x) of a turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter {
    pub brightness: f64,
    pub contrast: f64,
    pub saturation: f64,
    pub hue: f64,
}

impl Jitter {
    /// The paper's strength, 0.2 for each property.
    pub const PAPER: Self = Self {
        brightness: 0.2,
        contrast: 0.2,
        saturation: 0.2,
        hue: 0.2,
    };
}

/// The changes that are applied to one image.
#[derive(Clone, Copy, Debug)]
struct Change {
    brightness: f32,
    contrast: f32,
    saturation: f32,
    /// Hue shift in turns.
    hue: f32,
}

/// Changes brightness, contrast, saturation and hue of each image `[n, 32, 32, 3]`, in this order (torchvision draws the order
/// too). A trailing partial image is left unchanged.
pub fn color_jitter(pixels: &mut [u8], jitter: Jitter, seed: u32, step: u32) {
    let mut random = Random::new(seed, Purpose::ColorJitter, step.into());
    for image in pixels.as_chunks_mut::<IMAGE_BYTES>().0 {
        let mut around = |centre: f64, reach: f64| (centre + random.symmetric() * reach) as f32;
        let change = Change {
            brightness: around(1.0, jitter.brightness),
            contrast: around(1.0, jitter.contrast),
            saturation: around(1.0, jitter.saturation),
            hue: around(0.0, jitter.hue),
        };
        change.apply(image);
    }
}

/// Scales an image's values by `brightness`, then their distances from its mean luma by `contrast`.
pub fn recoloured(image: &mut [u8; IMAGE_BYTES], brightness: f32, contrast: f32) {
    let change = Change {
        brightness,
        contrast,
        saturation: 1.0,
        hue: 0.0,
    };
    change.apply(image);
}

impl Change {
    /// Brightness scales values, contrast scales their distance from the image's mean luma, saturation from the pixel's own luma,
    /// each clipped at black and white; the hue rotates.
    fn apply(&self, image: &mut [u8; IMAGE_BYTES]) {
        let mut values = image.map(|v| (f32::from(v) / 255.0 * self.brightness).min(1.0));
        let pixels = values.as_chunks_mut::<3>().0;
        let mean = pixels.iter().map(luma).sum::<f32>() / pixels.len() as f32;
        for pixel in pixels {
            *pixel = pixel.map(|v| away(v, mean, self.contrast));
            let own = luma(pixel);
            *pixel = pixel.map(|v| away(v, own, self.saturation));
            *pixel = turn(*pixel, self.hue);
        }
        for (to, from) in image.iter_mut().zip(&values) {
            *to = level(*from);
        }
    }
}

fn luma(pixel: &[f32; 3]) -> f32 {
    pixel.iter().zip(LUMA).map(|(v, weight)| v * weight).sum()
}

fn away(value: f32, from: f32, factor: f32) -> f32 {
    (value * factor + from * (1.0 - factor)).clamp(0.0, 1.0)
}

/// Rotates the hue in the HSV cylinder (Smith 1978); the largest channel value and its distance to the smallest stay the same.
fn turn([r, g, b]: [f32; 3], turns: f32) -> [f32; 3] {
    let largest = r.max(g).max(b);
    let chroma = largest - r.min(g).min(b);
    if chroma <= 0.0 {
        return [r, g, b];
    }
    let sixths = if largest == r {
        ((g - b) / chroma).rem_euclid(6.0)
    } else if largest == g {
        (b - r) / chroma + 2.0
    } else {
        (r - g) / chroma + 4.0
    };
    let hue = (sixths / 6.0 + turns).rem_euclid(1.0);
    [5.0, 3.0, 1.0].map(|phase| {
        let k = (phase + hue * 6.0).rem_euclid(6.0);
        largest - chroma * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_levels, golden, golden_images, picture};
    use super::*;

    const SAME: Change = Change {
        brightness: 1.0,
        contrast: 1.0,
        saturation: 1.0,
        hue: 0.0,
    };

    fn changed(pixel: [u8; 3], change: Change) -> [u8; 3] {
        let mut image: [u8; IMAGE_BYTES] = std::array::from_fn(|i| pixel[i % 3]);
        change.apply(&mut image);
        [image[0], image[1], image[2]]
    }

    #[test]
    fn no_strength_changes_nothing() {
        let mut pixels = picture().repeat(2);
        let none = Jitter {
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            hue: 0.0,
        };
        color_jitter(&mut pixels, none, 1, 2);
        assert_eq!(pixels, picture().repeat(2));
    }

    #[test]
    fn each_quality_by_hand() {
        let brightness = |brightness| Change { brightness, ..SAME };
        assert_eq!(changed([100, 150, 250], brightness(1.2)), [120, 180, 255]);
        assert_eq!(changed([100, 150, 250], brightness(0.0)), [0; 3]);
        let hue = |hue| Change { hue, ..SAME };
        assert_eq!(changed([255, 0, 0], hue(1.0 / 3.0)), [0, 255, 0]);
        assert_eq!(changed([255, 0, 0], hue(-1.0 / 3.0)), [0, 0, 255]);
        assert_eq!(changed([200, 100, 50], hue(0.5)), [50, 150, 200]);
        assert_eq!(changed([80, 80, 80], hue(0.2)), [80; 3], "grey has no hue");
        // Luma 0.2989 * 200 + 0.587 * 100 = 118.48.
        let saturation = |saturation| Change { saturation, ..SAME };
        assert_eq!(changed([200, 100, 0], saturation(0.0)), [118; 3]);
        assert_eq!(changed([200, 100, 0], saturation(1.2)), [216, 96, 0]);
        // Saturation moves a picture of one colour away from its own luma.
        let contrast = |contrast| Change { contrast, ..SAME };
        assert_eq!(changed([200, 100, 0], contrast(0.0)), [118; 3]);
        assert_eq!(changed([200, 100, 0], contrast(0.5)), [159, 109, 59]);
    }

    #[test]
    fn images_are_changed_as_the_reference_changes_them() {
        let (changes, expected) = (golden("jitter.changes"), golden("jitter"));
        let changes = changes.as_chunks::<4>().0.iter();
        for ((mut image, change), expected) in golden_images()
            .into_iter()
            .zip(changes)
            .zip(expected.chunks(IMAGE_BYTES))
        {
            let [brightness, contrast, saturation, hue] = *change;
            let change = Change {
                brightness,
                contrast,
                saturation,
                hue,
            };
            change.apply(&mut image);
            assert_levels(&format!("{change:?}"), &image, expected);
        }
    }

    /// Only brightness changes a uniform grey, so its level shows the factor. The factors of 2,000 images fall evenly into four
    /// bins of equal width, within six standard deviations.
    #[test]
    fn factors_are_uniform() {
        let mut pixels = vec![100; 2000 * IMAGE_BYTES];
        let only = Jitter {
            contrast: 0.0,
            saturation: 0.0,
            hue: 0.0,
            ..Jitter::PAPER
        };
        color_jitter(&mut pixels, only, 1, 0);
        let mut bins = [0usize; 4];
        for image in pixels.as_chunks::<IMAGE_BYTES>().0 {
            assert!((80..=120).contains(&image[0]));
            bins[(usize::from(image[0]) - 80).min(39) / 10] += 1;
        }
        assert!(bins.iter().all(|n| n.abs_diff(500) < 125), "{bins:?}");
    }
}
