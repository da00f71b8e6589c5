//! What must hold of whatever can be run, whoever made the file.

use executable::{Executable, MOST_BYTES, PAGE, Room};

/// Panics if anything that was made of a file of `size` bytes is out of bounds.
pub(crate) fn check(executable: &Executable, size: u64, room: Room) {
    let mut end = room.start;
    let mut total = 0;
    for segment in executable.segments() {
        let (pages, file) = (segment.pages(), segment.file_pages());
        let (zero, tail) = (segment.zero_pages(), segment.tail());
        for address in [pages.start, pages.end, file.end, segment.offset] {
            assert_eq!(address % PAGE, 0, "{address:#x}");
        }
        assert!(end <= pages.start && pages.start < pages.end && pages.end <= room.end);
        // The file's pages and those of zeroes are all of them.
        assert_eq!(
            (pages.start, file.end, pages.end),
            (file.start, zero.start, zero.end)
        );
        // The last of the file's pages has a byte of the file in it.
        let bytes = segment.file_bytes();
        assert!(bytes.end <= size);
        assert_eq!(
            (bytes.end - bytes.start).div_ceil(PAGE) * PAGE,
            file.end - file.start
        );
        assert!(tail.end == file.end && tail.end - tail.start < PAGE);
        assert!(!(segment.rights.write && segment.rights.execute));
        end = pages.end;
        total += pages.end - pages.start;
    }
    assert!(total <= MOST_BYTES);
    assert_eq!(executable.end(), end);
    let code = |entry| {
        let mut segments = executable.segments().iter();
        segments.any(|segment| segment.rights.execute && segment.holds(entry))
    };
    assert!(code(executable.entry));
    if let Some(headers) = executable.headers {
        assert!(executable.span().contains(&headers));
    }
}
