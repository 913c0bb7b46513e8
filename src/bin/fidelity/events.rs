//! Event files for TensorBoard. Each record is a length, a checksum, a protocol buffer and another checksum.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// A file of scalars. TensorBoard merges all such files in a folder.
pub struct EventFile {
    file: File,
}

impl EventFile {
    /// Creates the file, and the folder if it does not exist. `name` distinguishes the file from others in the folder; `seconds` is
    /// the time since 1970.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(folder: &Path, name: &str, seconds: f64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("events.out.tfevents.{seconds:.0}.{name}"));
        let mut events = Self {
            file: File::create(path)?,
        };
        let version = bytes_field(3, b"brain.Event:2");
        events.write(&[double_field(1, seconds), version].concat())?;
        Ok(events)
    }

    /// Adds values with their tags.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn scalars(&mut self, step: u64, seconds: f64, values: &[(&str, f64)]) -> io::Result<()> {
        let values = values.iter().flat_map(|(tag, value)| {
            let value = [bytes_field(1, tag.as_bytes()), float_field(2, *value as f32)].concat();
            bytes_field(1, &value)
        });
        let summary: Vec<u8> = values.collect();
        let event = [
            double_field(1, seconds),
            integer_field(2, step),
            bytes_field(5, &summary),
        ];
        self.write(&event.concat())
    }

    fn write(&mut self, event: &[u8]) -> io::Result<()> {
        self.file.write_all(&record(event))?;
        self.file.flush()
    }
}

fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    let check = |bytes: &[u8]| masked(crc32c(bytes)).to_le_bytes();
    [&length[..], &check(&length), event, &check(event)].concat()
}

/// Returns the checksum as it is stored. The masking keeps checksums useful for data that contain checksums.
fn masked(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Computes CRC-32C bit by bit, which is fast enough for a few hundred bytes per epoch.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
    let add = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), step);
    !bytes.iter().fold(!0, add)
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn integer_field(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn double_field(number: u64, value: f64) -> Vec<u8> {
    [varint(number << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn bytes_field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn float_field(number: u64, value: f32) -> Vec<u8> {
    [varint(number << 3 | 5), value.to_le_bytes().to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the catalogue of CRCs, and RFC 3720's value for 32 zero bytes.
    #[test]
    fn checksums_are_the_published_ones() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn a_file_is_a_version_and_its_scalars() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), "t", 12.0).unwrap();
        events.scalars(300, 13.0, &[("loss", 0.5)]).unwrap();
        let bytes = std::fs::read(folder.path().join("events.out.tfevents.12.t")).unwrap();
        let first = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert!(bytes[12..12 + first].ends_with(b"brain.Event:2"));
        let second = &bytes[12 + first + 4..];
        let expected = [
            &[9][..],
            &13f64.to_le_bytes(),
            &[16, 0xac, 2],
            &[42, 13, 10, 11, 10, 4],
            b"loss",
            &[21],
            &0.5f32.to_le_bytes(),
        ]
        .concat();
        assert_eq!(second[12..second.len() - 4], expected);
        assert_eq!(second, record(&expected));
    }
}
