use fs::File;

use super::*;

/// A folder with the sets that are named, all of whose records are the same, and an empty cache beside it.
fn folder_and_cache(sets: &[(&str, u64)]) -> (tempfile::TempDir, PathBuf, Cache) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("copy");
    fs::create_dir(&folder).unwrap();
    for (name, bytes) in sets {
        File::create(folder.join(name)).unwrap().set_len(*bytes).unwrap();
    }
    let cache = Cache {
        root: root.path().join("cache"),
    };
    fs::create_dir(&cache.root).unwrap();
    (root, folder, cache)
}

const BOTH: [(&str, u64); 2] = [("test.bin", TEST_BYTES), ("train.bin", TRAIN_BYTES)];

#[test]
fn the_demo_offers_what_the_archive_holds() {
    let repo = Repo::locate().unwrap();
    let (_root, folder, cache) = folder_and_cache(&BOTH);
    offer(&repo, &cache, None).unwrap();
    assert!(!cache.cifar().exists(), "the page works without a data set");
    offer(&repo, &cache, Some(&folder)).unwrap();
    assert!(cache.is_complete());
    // A complete cache is not unpacked into again.
    offer(&repo, &cache, Some(Path::new("no/such"))).unwrap();

    let (_root, folder, cache) = folder_and_cache(&BOTH[..1]);
    offer(&repo, &cache, Some(&folder)).unwrap();
    assert!(cache.has_test_set() && !cache.has_training_set());
}

#[test]
fn an_archive_that_is_not_there_is_an_error() {
    let repo = Repo::locate().unwrap();
    let (_root, _, cache) = folder_and_cache(&[]);
    let error = offer(&repo, &cache, Some(Path::new("no/such"))).unwrap_err();
    assert!(format!("{error:#}").contains("no/such"), "{error:#}");
}
