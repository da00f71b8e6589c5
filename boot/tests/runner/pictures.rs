//! Pictures of the guest's screen.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::kernels::{boot, kernel, outside, run};
use crate::monitor::answer;

/// Width, height and pixels of a picture.
fn read(picture: &Path) -> (u32, u32, Vec<[u8; 3]>) {
    let file = BufReader::new(File::open(picture).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(
        (info.color_type, info.bit_depth),
        (png::ColorType::Rgb, png::BitDepth::Eight)
    );
    let pixels = bytes.as_chunks().0.to_vec();
    (info.width, info.height, pixels)
}

#[test]
fn a_picture_shows_the_screen_after_the_commands_and_the_machine_powers_off() {
    let folder = tempfile::tempdir().unwrap();
    let take = |name: &str, commands: &str| {
        // A name without a folder is meant for the user's own.
        let arguments = [
            "--screenshot",
            name,
            "--timeout",
            "300",
            "--after",
            commands,
        ];
        let run = boot(&outside("echo_monitor"), &arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(0), "{run:?}");
        read(&folder.path().join(name))
    };
    let (width, height, few) = take("few.png", "map");
    assert!(width >= 640 && height >= 400, "{width} x {height}");
    assert_eq!(few.len() as u32, width * height);
    let colours: BTreeSet<_> = few.iter().collect();
    assert!(colours.len() >= 2, "the screen is blank: {colours:?}");

    let (_, _, more) = take("more.png", "map; unmap; three more words");
    let lit = |pixels: &[[u8; 3]]| pixels.iter().filter(|pixel| **pixel != few[0]).count();
    assert!(lit(&more) > lit(&few), "{} {}", lit(&more), lit(&few));

    let mode = folder
        .path()
        .join("few.png")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o400, 0o400);
    assert_eq!(
        folder.path().read_dir().unwrap().count(),
        2,
        "only pictures are left"
    );
}

#[test]
fn a_machine_that_ends_before_its_picture_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture.png");
    for (command, status) in [("exit 0", 125), ("exit 3", 3)] {
        let arguments = [
            "--screenshot",
            picture.to_str().unwrap(),
            "--after",
            command,
        ];
        let run = run(&outside("echo_monitor"), &arguments);
        assert_eq!(run.status, Some(status), "{run:?}");
        let words = format!("the machine ended before it was taken (status {status})\n");
        assert!(run.words.ends_with(&words), "{run:?}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}

/// Where the map of physical memory is drawn on a screen of the usual width: the
/// upper right, as far down as its legend.
fn is_on_the_map(x: u32, y: u32, width: u32) -> bool {
    x > width / 2 && (17..17 + 18 * 13).contains(&y)
}

#[test]
fn the_maps_colours_on_the_screen_agree_with_the_counters() {
    const FREE: [u8; 3] = [0x2a, 0x33, 0x42];
    const PRIVATE: [u8; 3] = [0x4f, 0xa8, 0xf7];
    const RESERVED: [u8; 3] = [0x6b, 0x74, 0x85];
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("map.png");
    let picture_name = picture.to_str().unwrap();
    for firmware in [&[][..], &["--uefi"]] {
        let arguments = [
            firmware,
            &["--no-tour", "--timeout", "300"],
            &["--screenshot", picture_name],
            &["--after", "alloc immediate 48M; frames"],
        ]
        .concat();
        let run = run(kernel(), &arguments);
        assert_eq!(run.status, Some(0), "{run:?}");
        let (width, _, pixels) = read(&picture);
        let on_the_map: Vec<_> = (0..)
            .zip(&pixels)
            .filter(|(index, _)| is_on_the_map(index % width, index / width, width))
            .map(|(_, pixel)| *pixel)
            .collect();
        let drawn = |color| on_the_map.iter().filter(|pixel| **pixel == color).count() as f64;
        let counted = |name| answer(&run, "frames", name).parse::<f64>().unwrap();
        // As many pixels of the map are private, and reserved, for each free one
        // as frames are. Few frames among many of another state get a pixel more
        // than their due.
        assert!(counted("private") >= 48.0 * 256.0, "{run:?}");
        for (color, name, most_off) in [(PRIVATE, "private", 0.03), (RESERVED, "reserved", 0.2)] {
            let on_screen = drawn(color) / drawn(FREE);
            let in_memory = counted(name) / counted("free");
            assert!(
                (on_screen / in_memory - 1.0).abs() < most_off,
                "{firmware:?}, {name}: {on_screen} on the screen, {in_memory} by the counters"
            );
        }
    }
}
