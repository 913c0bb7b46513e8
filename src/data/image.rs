//! Checks on an image file's header, before anything decodes the file.
//!
//! A decoder would allocate as many pixels as a header claims, even for a 30,000 x 30,000 PNG of a few hundred bytes. So the size
//! is read from the header, and a file that is too large, truncated or not an image is rejected with the reason.

use imagesize::{Compression, ImageType};
use thiserror::Error;

/// Largest accepted file.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Largest accepted number of pixels: 400 MB as RGBA.
pub const MAX_PIXELS: usize = 100_000_000;

/// Width and height in pixels, as stored: an EXIF orientation may swap them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    pub width: usize,
    pub height: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    #[error("the file is empty; a picture (PNG, JPEG, WebP, GIF, AVIF or BMP) is expected")]
    Empty,
    #[error("the file is not a supported picture; PNG, JPEG, WebP, GIF, AVIF and BMP are supported")]
    Unrecognised,
    #[error("the {format} picture is truncated or damaged; the file has {n_bytes} bytes and should have more")]
    Truncated { format: &'static str, n_bytes: usize },
    #[error("the file has {n_bytes} bytes; at most {MAX_FILE_BYTES} (64 MiB) are accepted")]
    TooManyBytes { n_bytes: usize },
    #[error("the picture has {width} x {height} pixels; at most {MAX_PIXELS} (100 megapixels) are accepted")]
    TooManyPixels { width: usize, height: usize },
    #[error("{width} x {height} RGBA pixels need {expected}, but there are {found} bytes")]
    Pixels {
        width: usize,
        height: usize,
        found: usize,
        expected: String,
    },
}

impl ImageError {
    /// Whether the picture is rejected only because of its size.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooManyBytes { .. } | Self::TooManyPixels { .. })
    }
}

/// Size of a picture from its file's header.
///
/// # Errors
/// Fails if the file is empty, not a picture in a supported format, truncated (as far as the format shows) or too large.
pub fn image_size(bytes: &[u8]) -> Result<ImageSize, ImageError> {
    let n_bytes = bytes.len();
    match n_bytes {
        0 => return Err(ImageError::Empty),
        n_bytes if n_bytes > MAX_FILE_BYTES => return Err(ImageError::TooManyBytes { n_bytes }),
        _ => {}
    }
    let kind = imagesize::image_type(bytes).map_err(|_| ImageError::Unrecognised)?;
    let (format, is_complete): (_, fn(&[u8]) -> bool) = match kind {
        ImageType::Png => ("PNG", png_is_complete),
        ImageType::Jpeg => ("JPEG", jpeg_is_complete),
        ImageType::Webp => ("WebP", webp_is_complete),
        ImageType::Heif(Compression::Av1) => ("AVIF", avif_is_complete),
        ImageType::Gif => ("GIF", |_| true),
        ImageType::Bmp => ("BMP", bmp_is_complete),
        _ => return Err(ImageError::Unrecognised),
    };
    let truncated = || ImageError::Truncated { format, n_bytes };
    let size = imagesize::blob_size(bytes).map_err(|_| truncated())?;
    let (width, height) = (size.width, size.height);
    if width.checked_mul(height).is_none_or(|n| n > MAX_PIXELS) {
        return Err(ImageError::TooManyPixels { width, height });
    }
    if width > 0 && height > 0 && is_complete(bytes) {
        Ok(ImageSize { width, height })
    } else {
        Err(truncated())
    }
}

/// Whether all chunks (length, type, data, checksum) up to IEND are present.
fn png_is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(8..);
    while let Some((length, tail)) = rest.and_then(|rest| rest.split_first_chunk::<4>()) {
        if tail.starts_with(b"IEND") {
            return true;
        }
        let next = usize::try_from(u32::from_be_bytes(*length))
            .ok()
            .and_then(|n| n.checked_add(8));
        rest = next.and_then(|next| tail.get(next..));
    }
    false
}

/// Whether an end-of-image marker follows the first start of scan. A thumbnail's marker precedes it, in a header.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..);
    while let Some(&[0xff, marker, high, low, ..]) = rest {
        // Fill bytes may precede a marker.
        let step = if marker == 0xff {
            1
        } else {
            2 + usize::from(u16::from_be_bytes([high, low]))
        };
        let tail = rest.and_then(|rest| rest.get(step..));
        if marker == 0xda {
            return tail.is_some_and(|scan| scan.windows(2).any(|pair| pair == [0xff, 0xd9]));
        }
        rest = tail;
    }
    false
}

/// Whether the file is as long as its RIFF header says.
fn webp_is_complete(bytes: &[u8]) -> bool {
    little_endian(bytes, 4).is_some_and(|length| bytes.len() >= length.saturating_add(8))
}

/// Whether the file is as long as its header says; some writers leave the length 0.
fn bmp_is_complete(bytes: &[u8]) -> bool {
    little_endian(bytes, 2).is_some_and(|length| bytes.len() >= length)
}

/// Whether the boxes (length, type, data) end where the file ends. Length 0 means up to the end of the file; length 1 means that
/// a 64-bit length follows.
fn avif_is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some(short) = rest.first_chunk::<4>() else {
            return false;
        };
        let long = || {
            rest.get(8..16)
                .and_then(|b| b.first_chunk::<8>())
                .map(|&b| u64::from_be_bytes(b))
        };
        let length = match u32::from_be_bytes(*short) {
            0 => return true,
            1 => long(),
            length => Some(length.into()),
        };
        let tail = length
            .filter(|&n| n >= 8)
            .and_then(|n| usize::try_from(n).ok())
            .and_then(|n| rest.get(n..));
        match tail {
            Some(tail) => rest = tail,
            None => return false,
        }
    }
    true
}

fn little_endian(bytes: &[u8], at: usize) -> Option<usize> {
    let value = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*value)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let chunk = |kind: &[u8], data: &[u8]| [&(data.len() as u32).to_be_bytes(), kind, data, &[0; 4]].concat();
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        let signature = b"\x89PNG\r\n\x1a\n".to_vec();
        [
            signature,
            chunk(b"IHDR", &header),
            chunk(b"IDAT", &[1; 100]),
            chunk(b"IEND", &[]),
        ]
        .concat()
    }

    /// A JPEG whose application segment holds a thumbnail that consists only of markers.
    fn jpeg() -> Vec<u8> {
        let segment =
            |marker: u8, data: &[u8]| [&[0xff, marker], &(data.len() as u16 + 2).to_be_bytes()[..], data].concat();
        let thumbnail = [0xff, 0xd8, 0xff, 0xda, 0, 2, 1, 0xff, 0xd9];
        let frame = segment(0xc0, &[8, 0, 30, 0, 40, 1, 1, 0x11, 0]);
        let scan = segment(0xda, &[1, 1, 0, 0, 63, 0]);
        [
            vec![0xff, 0xd8],
            segment(0xe1, &thumbnail),
            frame,
            scan,
            vec![1, 2, 3, 0xff, 0, 4, 0xff, 0xd9],
        ]
        .concat()
    }

    fn webp() -> Vec<u8> {
        let data = [b"VP8L", &6u32.to_le_bytes()[..], &[0x2f, 39, 0x40, 7, 0, 0]].concat();
        [b"RIFF", &(data.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &data].concat()
    }

    #[test]
    fn reads_sizes() {
        assert_eq!(
            image_size(&png(300, 200)),
            Ok(ImageSize {
                width: 300,
                height: 200
            })
        );
        assert_eq!(image_size(&jpeg()), Ok(ImageSize { width: 40, height: 30 }));
        assert_eq!(image_size(&webp()), Ok(ImageSize { width: 40, height: 30 }));
    }

    #[test]
    fn what_is_cut_off_is_said_to_be() {
        for (format, file) in [("PNG", png(300, 200)), ("JPEG", jpeg()), ("WebP", webp())] {
            for n_bytes in 12..file.len() - 8 {
                assert_eq!(
                    image_size(&file[..n_bytes]),
                    Err(ImageError::Truncated { format, n_bytes }),
                    "{format} {n_bytes}"
                );
            }
        }
        let jpeg = jpeg();
        assert!(
            image_size(&jpeg[..jpeg.len() - 1]).is_err(),
            "the thumbnail's end is not the picture's"
        );
        assert!(matches!(image_size(&png(0, 200)), Err(ImageError::Truncated { .. })));
    }

    #[test]
    fn what_is_too_large_is_told_its_size_and_the_limit() {
        let error = image_size(&png(30_000, 30_000)).unwrap_err();
        assert!(error.is_too_large());
        assert!(
            error.to_string().contains("30000 x 30000") && error.to_string().contains("100 megapixels"),
            "{error}"
        );
        assert!(image_size(&png(10_000, 10_000)).is_ok());
        assert!(image_size(&png(u32::MAX, u32::MAX)).unwrap_err().is_too_large());
        let error = image_size(&vec![0; MAX_FILE_BYTES + 1]).unwrap_err();
        assert!(
            error.is_too_large() && error.to_string().contains("67108865"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert_eq!(image_size(b""), Err(ImageError::Empty));
        let texts: [&[u8]; 4] = [b"hello", b"GIF", b"%PDF-1.7 and so on", &[0; 100]];
        for text in texts {
            assert_eq!(image_size(text), Err(ImageError::Unrecognised), "{text:?}");
        }
    }

    #[test]
    fn boxes_of_an_avif_must_end_with_the_file() {
        let file = [
            &16u32.to_be_bytes()[..],
            b"ftypavif",
            &[0; 4],
            &12u32.to_be_bytes(),
            b"mdat",
            &[0; 4],
        ]
        .concat();
        assert!(avif_is_complete(&file));
        assert!(!avif_is_complete(&file[..file.len() - 1]) && !avif_is_complete(&file[..17]));
        assert!(
            !avif_is_complete(&[0, 0, 0, 7, 0, 0, 0, 0]),
            "a box cannot end within its own header"
        );
    }
}
