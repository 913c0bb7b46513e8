//! Seeded order and augmentation of training images, one policy per file.
//!
//! Everything is a function of seed and step (and epoch) alone, with no state between calls, so a resumed run sees the same
//! images as an uninterrupted one.
//!
//! Images stay bytes because every kernel takes bytes. If a policy produces fractions of a level (colour jitter, MixUp, smaller
//! pictures), it rounds them last: by at most half a level, 1/510 of the range. A test compares the result with PyTorch's
//! unrounded values.

mod colour;
mod crop;
mod flip;
mod level;
mod mixup;
mod noise;
mod order;
mod rotation;
mod small;
#[cfg(test)]
mod testing;

use serde::{Deserialize, Serialize};

pub(super) use colour::recoloured;
pub use colour::{Jitter, color_jitter};
pub use crop::{PADDING, flip_crop};
pub use flip::vertical_flip;
pub(super) use level::level;
pub use mixup::mixup;
pub use noise::noise;
pub(super) use noise::redrawn;
pub use order::{batch_indices, epoch_order};
pub(super) use rotation::rotated;
pub use rotation::{MAX_DEGREES, rotate};
pub use small::{SMALL_SIDE, smaller};

/// How training images are augmented: the policies of the paper's Fig. 3 that need no other data. All except `none` start with
/// `flip_crop`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum), value(rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// No augmentation
    None,
    /// The paper's baseline: random crop with a black padding of 4 pixels, horizontal flip with probability 1/2
    #[default]
    FlipCrop,
    /// flip_crop and rotation by up to 20 degrees either way
    Rotation,
    /// flip_crop and vertical flip with probability 1/2
    VerticalFlip,
    /// flip_crop and changes of brightness, contrast, saturation and hue by up to 0.2 each
    ColorJitter,
    /// flip_crop, rotation, vertical flip and colour jitter, in this order
    Combined,
    /// flip_crop and mixing every image with another of its batch, one uniform lambda per batch; not for training on labels
    Mixup,
    /// flip_crop and replacing each channel value by a random one with probability 0.2
    Noise,
}

impl Policy {
    /// All policies, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::FlipCrop,
        Self::Rotation,
        Self::VerticalFlip,
        Self::ColorJitter,
        Self::Combined,
        Self::Mixup,
        Self::Noise,
    ];

    /// Returns the name used in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FlipCrop => "flip_crop",
            Self::Rotation => "rotation",
            Self::VerticalFlip => "vertical_flip",
            Self::ColorJitter => "color_jitter",
            Self::Combined => "combined",
            Self::Mixup => "mixup",
            Self::Noise => "noise",
        }
    }

    /// Augments the images `[n, 32, 32, 3]` of a step. Trailing bytes that form no complete image stay unchanged.
    pub fn apply(self, pixels: &mut [u8], seed: u32, step: u32) {
        if self != Self::None {
            flip_crop(pixels, seed, step);
        }
        if matches!(self, Self::Rotation | Self::Combined) {
            rotate(pixels, seed, step);
        }
        if matches!(self, Self::VerticalFlip | Self::Combined) {
            vertical_flip(pixels, seed, step);
        }
        if matches!(self, Self::ColorJitter | Self::Combined) {
            color_jitter(pixels, Jitter::PAPER, seed, step);
        }
        if self == Self::Mixup {
            mixup(pixels, seed, step);
        }
        if self == Self::Noise {
            noise(pixels, seed, step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::picture;
    use super::*;

    #[test]
    fn names_are_the_recipes_() {
        for policy in Policy::ALL {
            let name = serde_json::to_string(&policy).unwrap();
            assert_eq!(name, format!("\"{}\"", policy.name()));
        }
    }

    #[test]
    fn policies_differ_from_one_another_and_depend_on_seed_and_step_alone() {
        let images = |policy: Policy, seed, step| {
            let mut pixels = picture().repeat(16);
            policy.apply(&mut pixels, seed, step);
            pixels
        };
        for (i, policy) in Policy::ALL.into_iter().enumerate() {
            let found = images(policy, 1, 2);
            assert_eq!(found, images(policy, 1, 2));
            for other in &Policy::ALL[i + 1..] {
                assert_ne!(found, images(*other, 1, 2), "{policy:?} and {other:?}");
            }
            if policy != Policy::None {
                assert_ne!(found, images(policy, 2, 2), "{policy:?}");
                assert_ne!(found, images(policy, 1, 3), "{policy:?}");
            }
        }
        assert_eq!(images(Policy::None, 1, 2), picture().repeat(16));
    }

    #[test]
    fn a_policy_begins_with_the_baseline() {
        let (mut whole, mut steps) = (picture().repeat(16), picture().repeat(16));
        Policy::Combined.apply(&mut whole, 5, 6);
        flip_crop(&mut steps, 5, 6);
        rotate(&mut steps, 5, 6);
        vertical_flip(&mut steps, 5, 6);
        color_jitter(&mut steps, Jitter::PAPER, 5, 6);
        assert_eq!(whole, steps);
    }

    #[test]
    fn what_is_no_whole_image_stays() {
        for policy in Policy::ALL {
            let mut pixels = vec![7; 100];
            policy.apply(&mut pixels, 1, 1);
            assert_eq!(pixels, vec![7; 100], "{policy:?}");
        }
    }
}
