use fidelity_lab::data::cifar::RECORD_BYTES;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// Makes `n` records with labels in range and compressible pixels.
fn records(n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n * RECORD_BYTES];
    for (i, record) in bytes.chunks_exact_mut(RECORD_BYTES).enumerate() {
        record[0] = (i % 20) as u8;
        record[1] = (i % 100) as u8;
        record[2] = (i / 100) as u8;
    }
    bytes
}

fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn official() -> Vec<u8> {
    tar_gz(&[
        ("cifar-100-binary/coarse_label_names.txt", b"aquatic_mammals\n"),
        ("cifar-100-binary/fine_label_names.txt", b"apple\n"),
        ("cifar-100-binary/test.bin", &records(10_000)),
        ("cifar-100-binary/train.bin", &records(50_000)),
    ])
}

/// Unpacks an archive into a fresh cache and returns the folder.
fn unpack_bytes(archive: &[u8]) -> (Result<()>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("any-name");
    fs::write(&path, archive).unwrap();
    let result = unpack(&Source::find(&path).unwrap(), &folder.path().join("cifar-100"));
    fs::remove_file(path).unwrap();
    (result, folder)
}

#[track_caller]
fn refuses(archive: &[u8], why: &str) {
    let (result, folder) = unpack_bytes(archive);
    let message = format!("{:#}", result.unwrap_err());
    assert!(message.contains(why), "{message}");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "files were left behind"
    );
}

#[test]
fn unpacks_the_official_layout_in_one_file_and_in_parts() {
    let archive = official();
    let (result, folder) = unpack_bytes(&archive);
    result.unwrap();
    let made = folder.path().join("cifar-100");
    assert_eq!(fs::read(made.join("test.bin")).unwrap(), records(10_000));
    assert_eq!(fs::read(made.join("train.bin")).unwrap(), records(50_000));
    assert_eq!(fs::read(made.join("fine_label_names.txt")).unwrap(), b"apple\n");

    let parts = tempfile::tempdir().unwrap();
    for (i, part) in archive.chunks(archive.len() / 3 + 1).enumerate() {
        fs::write(parts.path().join(format!("cifar.tar.gz.part{i}")), part).unwrap();
    }
    let again = folder.path().join("again");
    unpack(&Source::find(parts.path()).unwrap(), &again).unwrap();
    assert_eq!(fs::read(again.join("test.bin")).unwrap(), records(10_000));

    let copied = folder.path().join("copied");
    unpack(&Source::find(&made).unwrap(), &copied).unwrap();
    assert_eq!(fs::read(copied.join("train.bin")).unwrap(), records(50_000));
}

#[test]
fn a_set_without_training_images_is_taken() {
    let (result, folder) = unpack_bytes(&tar_gz(&[("test.bin", &records(10_000))]));
    result.unwrap();
    assert!(!folder.path().join("cifar-100/train.bin").exists());
}

#[test]
fn refuses_what_is_not_cifar_100() {
    refuses(
        &tar_gz(&[("cifar-100-binary/train.bin", &records(50_000))]),
        "contains no test.bin",
    );
    refuses(
        &tar_gz(&[("elsewhere/test.bin", &records(10_000))]),
        "contains no test.bin",
    );
    refuses(
        &tar_gz(&[("test.bin", &records(9_999))]),
        "test.bin has 30736926 bytes; CIFAR-100's has 30740000",
    );
    let mut labels = records(10_000);
    labels[17 * RECORD_BYTES + 1] = 100;
    refuses(
        &tar_gz(&[("test.bin", &labels)]),
        "test.bin: record 17 has the fine label 100",
    );
    let mut labels = records(10_000);
    labels[9_999 * RECORD_BYTES] = 20;
    refuses(
        &tar_gz(&[("test.bin", &labels)]),
        "test.bin: record 9999 has the coarse label 20",
    );
}

#[test]
fn refuses_a_damaged_archive() {
    let archive = official();
    refuses(&archive[..archive.len() / 2], "truncated");
    refuses(&archive[..archive.len() - 4], "truncated");
    refuses(&[], "");
    refuses(b"<!doctype html><title>404</title>", "not a .tar.gz archive");
    let mut flipped = archive;
    let end = flipped.len() - 6;
    flipped[end] ^= 1;
    refuses(&flipped, "damaged");
}

#[test]
fn a_failure_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cifar-100");
    fs::create_dir(&cache).unwrap();
    fs::write(cache.join("test.bin"), "as before").unwrap();
    let broken = folder.path().join("broken");
    fs::write(&broken, &official()[..1000]).unwrap();
    assert!(unpack(&Source::find(&broken).unwrap(), &cache).is_err());
    assert_eq!(fs::read(cache.join("test.bin")).unwrap(), b"as before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
