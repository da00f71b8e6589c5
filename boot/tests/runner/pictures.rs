//! Pictures of the guest's screen.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::kernels::{boot, outside, run};

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
