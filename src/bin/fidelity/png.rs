//! Pictures as PNG files (ISO/IEC 15948): a header, one deflated run of unfiltered rows, an end.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Bits a channel, RGB, and the only compression, filter method and interlacing that are meant.
const RGB8: [u8; 5] = [8, 2, 0, 0, 0];

/// Of pixels `[height, width, 3]`.
///
/// # Errors
/// Where the pixels are no such picture.
pub fn encode(pixels: &[u8], width: u32, height: u32) -> io::Result<Vec<u8>> {
    let row_bytes = 3 * width as usize;
    if pixels.len() != row_bytes * height as usize || pixels.is_empty() {
        let message = format!("{} bytes are no picture of {width} x {height} pixels", pixels.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in pixels.chunks_exact(row_bytes) {
        rows.write_all(&[0])?;
        rows.write_all(row)?;
    }
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &RGB8].concat();
    let chunks = [
        chunk(b"IHDR", &header),
        chunk(b"IDAT", &rows.finish()?),
        chunk(b"IEND", &[]),
    ];
    Ok([SIGNATURE, &chunks.concat()].concat())
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(kind);
    sum.update(data);
    [
        &(data.len() as u32).to_be_bytes(),
        &kind[..],
        data,
        &sum.sum().to_be_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fidelity_lab::data::image::{ImageSize, image_size};

    #[test]
    fn it_is_a_whole_png_of_that_size() {
        let file = encode(&[7; 3 * 5 * 4], 5, 4).unwrap();
        assert_eq!(image_size(&file), Ok(ImageSize { width: 5, height: 4 }));
        // Of an empty chunk of the kind IEND, as every PNG ends.
        assert!(file.ends_with(&[0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82]));
        assert!(encode(&[7; 5], 5, 4).is_err() && encode(&[], 0, 0).is_err());
    }
}
