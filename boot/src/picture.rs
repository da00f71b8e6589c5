//! A picture of the guest's screen, taken through QEMU's control connection and written as PNG.
//!
//! That the file can be written is tried before the machine starts, and it is
//! made under another name beside its own, so that half a picture is never seen.
//! The picture is taken when the screen is at rest: two in a row are equal.
//! QEMU's own PNG needs a QEMU that was built with it; every QEMU writes the
//! simpler PPM, and this turns it into PNG.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::NamedTempFile;

use crate::control::Control;

/// Between two looks at a screen that may still change.
const GLANCE: Duration = Duration::from_millis(150);

/// A screen that has not come to rest by then never will, and is taken as it is.
const LONGEST_DRAWING: Duration = Duration::from_secs(10);

/// A picture that is to be taken.
#[derive(Debug)]
pub struct Picture {
    path: PathBuf,
}

impl Picture {
    /// Makes sure that `path` can be written.
    ///
    /// # Errors
    /// One line: what is in the way of such a file, and what would be right.
    pub fn prepare(path: &Path) -> Result<Self> {
        let shown = path.display();
        if path
            .extension()
            .is_none_or(|extension| !extension.eq_ignore_ascii_case("png"))
        {
            bail!("--screenshot writes PNG: give the file a name that ends in .png, not {shown}");
        }
        if path.is_dir() {
            bail!("--screenshot {shown}: this is a folder; name a file in it");
        }
        let folder = folder(path);
        if !folder.is_dir() {
            bail!(
                "--screenshot {shown}: there is no folder {}; make it first",
                folder.display()
            );
        }
        // Tried, and taken away again: a run may end before there is a picture.
        unfinished(path).map_err(|error| {
            anyhow!(
                "--screenshot {shown}: nothing can be written to the folder {}: {}",
                folder.display(),
                cause(&error)
            )
        })?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Takes the picture once the screen is at rest. Files in between go to the folder `scratch`.
    ///
    /// # Errors
    /// QEMU gave no picture, or the file can no longer be written.
    pub(crate) fn take(self, control: &mut Control, scratch: &Path) -> Result<()> {
        let file = scratch.join("screen.ppm");
        let mut look = || -> Result<Vec<u8>> {
            control.screendump(&file)?;
            fs::read(&file).context("QEMU's picture cannot be read")
        };
        let started = Instant::now();
        let mut screen = look()?;
        loop {
            thread::sleep(GLANCE);
            let next = look()?;
            let at_rest = next == screen;
            screen = next;
            if at_rest || started.elapsed() >= LONGEST_DRAWING {
                break;
            }
        }
        let shown = self.path.display();
        let failed = || format!("the picture {shown} cannot be written");
        let mut unfinished = unfinished(&self.path).with_context(failed)?;
        write_png(&decode(&screen)?, unfinished.as_file_mut()).with_context(failed)?;
        unfinished
            .persist(&self.path)
            .map_err(|error| error.error)
            .with_context(failed)?;
        Ok(())
    }
}

/// The folder of a file that may be named without one.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file beside `path`, to be renamed when it is whole.
fn unfinished(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".picture-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder(path))
}

/// The system's words without the path of a temporary file: the caller names the place.
pub(crate) fn cause(error: &io::Error) -> String {
    let words = error.to_string();
    match words.split_once(" at path ") {
        Some((words, _)) => words.to_owned(),
        None => words,
    }
}

/// Rows from the top, three bytes a pixel: red, green, blue.
#[derive(Debug, PartialEq, Eq)]
struct Pixels<'a> {
    width: u32,
    height: u32,
    bytes: &'a [u8],
}

/// Reads a picture as QEMU writes it: binary PPM with 8 bits a colour.
fn decode(file: &[u8]) -> Result<Pixels<'_>> {
    let wrong = || anyhow!("QEMU's picture is no PPM of three bytes a pixel");
    let mut rest = file;
    let mut words = [""; 4];
    for word in &mut words {
        let end = rest
            .iter()
            .position(u8::is_ascii_whitespace)
            .ok_or_else(wrong)?;
        *word = str::from_utf8(&rest[..end]).map_err(|_| wrong())?;
        rest = &rest[end + 1..];
    }
    let [kind, width, height, brightest] = words;
    if (kind, brightest) != ("P6", "255") {
        return Err(wrong());
    }
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    if rest.len() as u64 != u64::from(width) * u64::from(height) * 3 {
        return Err(wrong());
    }
    Ok(Pixels {
        width,
        height,
        bytes: rest,
    })
}

fn write_png(pixels: &Pixels<'_>, file: impl io::Write) -> Result<()> {
    let mut png = png::Encoder::new(file, pixels.width, pixels.height);
    png.set_color(png::ColorType::Rgb);
    png.set_depth(png::BitDepth::Eight);
    let mut picture = png.write_header()?;
    picture.write_image_data(pixels.bytes)?;
    picture.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        let error = Picture::prepare(path).unwrap_err();
        let words = format!("{error:#}");
        assert_eq!(words.lines().count(), 1, "{words}");
        words
    }

    #[test]
    fn what_cannot_be_a_picture_is_refused_before_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let missing = refused(&folder.path().join("no/picture.png"));
        assert!(
            missing.contains("there is no folder") && missing.contains("make it"),
            "{missing}"
        );
        let other = refused(&folder.path().join("picture.jpg"));
        assert!(other.contains("ends in .png"), "{other}");
        let named = folder.path().join("folder.png");
        fs::create_dir(&named).unwrap();
        assert!(refused(&named).contains("this is a folder"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_takes_no_files_is_named() {
        let words = refused(Path::new("/proc/picture.png"));
        assert!(
            words.contains("nothing can be written to the folder /proc"),
            "{words}"
        );
    }

    #[test]
    fn a_name_without_a_folder_is_a_file_in_this_one() {
        drop(Picture::prepare(Path::new("picture.PNG")).unwrap());
        assert!(!Path::new("picture.PNG").exists());
    }

    #[test]
    fn a_picture_comes_back_from_the_file_pixel_by_pixel() {
        let bytes: Vec<_> = (0..2 * 3 * 3).collect();
        let ppm = [b"P6\n2 3\n255\n".as_slice(), &bytes].concat();
        let pixels = decode(&ppm).unwrap();
        assert_eq!((pixels.width, pixels.height), (2, 3));
        let mut file = Vec::new();
        write_png(&pixels, &mut file).unwrap();
        let mut reader = png::Decoder::new(io::Cursor::new(file))
            .read_info()
            .unwrap();
        let mut read = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut read).unwrap();
        assert_eq!((info.width, info.height), (2, 3));
        assert_eq!(read, bytes);
    }

    #[test]
    fn half_a_picture_is_an_error() {
        for file in [
            &b""[..],
            b"P6\n2 3\n255\n123",
            b"P3\n1 1\n255\n123",
            b"P6\n1 1\n65535\n123",
        ] {
            assert!(decode(file).is_err(), "{file:?}");
        }
    }
}
