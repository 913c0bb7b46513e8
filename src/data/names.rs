//! CIFAR-100's classes: 100 fine ones, five in each of 20 coarse ones.

use super::cifar::{N_COARSE, N_FINE};

/// Names of the fine classes, as the data set spells them.
#[rustfmt::skip]
pub const FINE: [&str; N_FINE] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver",
    "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly",
    "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach",
    "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox",
    "girl", "hamster", "house", "kangaroo", "keyboard",
    "lamp", "lawn_mower", "leopard", "lion", "lizard",
    "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum",
    "rabbit", "raccoon", "ray", "road", "rocket",
    "rose", "sea", "seal", "shark", "shrew",
    "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table",
    "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe",
    "whale", "willow_tree", "wolf", "woman", "worm",
];

/// Names of the coarse classes, as the data set spells them.
#[rustfmt::skip]
pub const COARSE: [&str; N_COARSE] = [
    "aquatic_mammals", "fish",
    "flowers", "food_containers",
    "fruit_and_vegetables", "household_electrical_devices",
    "household_furniture", "insects",
    "large_carnivores", "large_man-made_outdoor_things",
    "large_natural_outdoor_scenes", "large_omnivores_and_herbivores",
    "medium_mammals", "non-insect_invertebrates",
    "people", "reptiles",
    "small_mammals", "trees",
    "vehicles_1", "vehicles_2",
];

/// The coarse class of each fine class, as the records of the data set pair them.
#[rustfmt::skip]
pub const COARSE_OF_FINE: [u8; N_FINE] = [
    4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11,
    6, 11, 5, 10, 7, 6, 13, 15, 3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5,
    5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4, 2, 0, 17, 4, 18, 17,
    10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13,
    16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_coarse_class_has_five_fine_ones() {
        for (coarse, name) in COARSE.iter().enumerate() {
            let n_fine = COARSE_OF_FINE.iter().filter(|&&c| usize::from(c) == coarse).count();
            assert_eq!(n_fine, 5, "{name}");
        }
        let coarse_of = |name: &str| {
            let fine = FINE.iter().position(|&fine| fine == name).unwrap();
            COARSE[usize::from(COARSE_OF_FINE[fine])]
        };
        assert_eq!(coarse_of("apple"), "fruit_and_vegetables");
        assert_eq!(coarse_of("worm"), "non-insect_invertebrates");
        assert_eq!(coarse_of("maple_tree"), "trees");
    }

    #[test]
    fn names_are_sorted_and_so_distinct() {
        assert!(FINE.is_sorted() && COARSE.is_sorted());
        assert!(FINE.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
