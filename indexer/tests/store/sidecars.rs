//! Files of sidecars: read back as they were written, and made again whatever is wrong with one.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ambit_indexer::index::{IndexView, PEAKS_FROM, SidecarFolder};

use crate::runs::Chunks;

const CHUNKS: u32 = PEAKS_FROM + 452;

/// Two segments with sidecars, alike in size, and a small one without.
fn filled() -> Chunks {
    let mut chunks = Chunks::new();
    for segment in 0..2 {
        for number in 0..CHUNKS {
            let count = if number % 500 == 7 {
                300
            } else {
                number as usize % 20 + 1
            };
            let text = "tango ".repeat(count) + &"lima ".repeat((number as usize + segment) % 3);
            chunks.add(segment as u32 * 1000 + number / 50, number % 50, &text);
        }
        chunks.commit();
    }
    chunks.add(9000, 0, "tango");
    chunks.commit();
    chunks
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What the folder holds, and which files they are.
fn state(folder: &Path) -> BTreeMap<PathBuf, (u64, Vec<u8>)> {
    let files = files(folder).into_iter();
    let state = files.filter(|file| file.is_file()).map(|file| {
        let inode = std::fs::metadata(&file).unwrap().ino();
        let bytes = std::fs::read(&file).unwrap();
        (file, (inode, bytes))
    });
    state.collect()
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let state = state(folder).into_iter();
    state.map(|(file, (_, bytes))| (file, bytes)).collect()
}

/// Insists that two views have equal sidecars.
fn same(one: &IndexView, other: &IndexView) {
    assert_eq!(one.memory_bytes(), other.memory_bytes());
    for ((one, _), (other, _)) in one.segments().zip(other.segments()) {
        assert_eq!(one.id, other.id);
        assert!(*one.sidecar == *other.sidecar);
        assert_eq!(one.sidecar.memory_bytes(), other.sidecar.memory_bytes());
    }
}

struct Case {
    chunks: Chunks,
    /// Made in memory.
    sound: IndexView,
    scratch: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let chunks = filled();
        let sound = chunks.view(SidecarFolder::None, None);
        let sizes = sound
            .segments()
            .map(|(segment, _)| segment.sidecar.memory_bytes());
        assert_eq!(sizes.filter(|size| *size > 1000).count(), 2);
        Self {
            chunks,
            sound,
            scratch: tempfile::tempdir().unwrap(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.scratch.path().join("sidecars")
    }

    fn write(&self) -> IndexView {
        self.chunks.view(SidecarFolder::Write(&self.folder()), None)
    }

    fn read(&self) -> IndexView {
        self.chunks.view(SidecarFolder::Read(&self.folder()), None)
    }
}

#[test]
fn sidecars_are_written_once_and_read_back_equal() {
    let case = Case::new();
    let folder = case.folder();
    same(&case.read(), &case.sound);
    assert!(!folder.exists(), "reading writes nothing");
    same(&case.write(), &case.sound);
    let written = state(&folder);
    assert_eq!(
        written.len(),
        2,
        "one for each segment that is large enough"
    );
    same(&case.write(), &case.sound);
    same(&case.read(), &case.sound);
    assert!(state(&folder) == written, "neither writes again");
}

/// A file with one bit flipped.
fn flips(sound: &[u8]) -> Vec<(String, Vec<u8>)> {
    let length = sound.len();
    let mut damages = Vec::new();
    // The magic, the segment, its chunks, the count of terms, keys, lists, the checksum.
    let places = [
        0,
        7,
        8,
        39,
        40,
        43,
        44,
        47,
        48,
        56,
        60,
        72,
        80,
        length / 3,
        length / 2,
    ];
    for at in places.into_iter().chain(length - 5..length) {
        for bit in [0x01, 0x80] {
            let mut flipped = sound.to_vec();
            flipped[at] ^= bit;
            damages.push((format!("bit {bit} of byte {at}"), flipped.clone()));
            // The same with a checksum that fits, where that cannot be a sound file.
            if at < 48 {
                reseal(&mut flipped);
                damages.push((format!("bit {bit} of byte {at}, sealed"), flipped));
            }
        }
    }
    damages
}

/// Every way in which a file can be wrong.
fn damages(sound: &[u8]) -> Vec<(String, Vec<u8>)> {
    let length = sound.len();
    let mut damages = flips(sound);
    for left in [
        0,
        1,
        3,
        4,
        5,
        8,
        40,
        44,
        48,
        100,
        length / 2,
        length - 4,
        length - 1,
    ] {
        let mut cut = sound[..left].to_vec();
        damages.push((format!("cut at {left}"), cut.clone()));
        cut.extend_from_slice(&[0; 4]);
        reseal(&mut cut);
        if left != length - 4 {
            damages.push((format!("cut at {left}, sealed"), cut));
        }
    }
    let mut longer = sound.to_vec();
    longer.extend_from_slice(&[0; 8]);
    damages.push(("longer".to_owned(), longer.clone()));
    reseal(&mut longer);
    damages.push(("longer, sealed".to_owned(), longer));
    damages.push(("zeros".to_owned(), vec![0; length]));
    damages.push(("text".to_owned(), b"this is no sidecar".to_vec()));
    damages
}

/// Puts the checksum right.
fn reseal(bytes: &mut [u8]) {
    let (body, checksum) = bytes.split_at_mut(bytes.len() - 4);
    checksum.copy_from_slice(&crc32fast::hash(body).to_le_bytes());
}

#[test]
fn a_damaged_sidecar_is_made_again() {
    let case = Case::new();
    let folder = case.folder();
    case.write();
    let sound = contents(&folder);
    let (file, bytes) = sound.first_key_value().unwrap();
    for (how, damaged) in damages(bytes) {
        assert!(damaged != *bytes, "{how}");
        std::fs::write(file, &damaged).unwrap();
        same(&case.read(), &case.sound);
        assert!(
            std::fs::read(file).unwrap() == damaged,
            "{how}: a reader leaves it"
        );
        same(&case.write(), &case.sound);
        assert!(contents(&folder) == sound, "{how}");
    }
    std::fs::remove_file(file).unwrap();
    same(&case.read(), &case.sound);
    assert_eq!(files(&folder).len(), 1);
    same(&case.write(), &case.sound);
    assert!(contents(&folder) == sound);
}

#[test]
fn the_sidecar_of_another_segment_is_not_believed() {
    let case = Case::new();
    let folder = case.folder();
    case.write();
    let sound = contents(&folder);
    let files: Vec<&PathBuf> = sound.keys().collect();
    for (from, to) in [(0, 1), (1, 0)] {
        std::fs::copy(files[from], files[to]).unwrap();
        same(&case.read(), &case.sound);
        same(&case.write(), &case.sound);
        assert!(contents(&folder) == sound);
    }
}

#[test]
fn files_of_no_segment_are_removed_by_the_writer_alone() {
    let mut case = Case::new();
    let folder = case.folder();
    case.write();
    let sound = contents(&folder);
    for stray in [
        "x",
        "x.sidecar",
        "00000000000000000000000000000000.sidecar",
        ".hidden",
    ] {
        std::fs::write(folder.join(stray), b"stray").unwrap();
    }
    let (file, _) = sound.first_key_value().unwrap();
    std::fs::write(file.with_extension("unfinished"), b"half").unwrap();
    case.read();
    assert_eq!(files(&folder).len(), 7);
    case.write();
    assert!(contents(&folder) == sound);
    // A merge makes one segment of all: its sidecar comes, the others go.
    case.chunks.merge();
    let merged = case.write();
    assert_eq!(files(&folder).len(), 1);
    assert!(!sound.contains_key(&files(&folder)[0]));
    same(&merged, &case.chunks.view(SidecarFolder::None, None));
}

/// Where nothing can be written, everything is made in memory.
#[test]
fn a_folder_that_cannot_be_used_costs_no_more_than_time() {
    let case = Case::new();
    std::fs::write(case.folder(), b"a file").unwrap();
    same(&case.write(), &case.sound);
    same(&case.read(), &case.sound);
    std::fs::remove_file(case.folder()).unwrap();
    case.write();
    let blocked = files(&case.folder()).remove(0);
    std::fs::remove_file(&blocked).unwrap();
    std::fs::create_dir(&blocked).unwrap();
    same(&case.write(), &case.sound);
}

/// Deletions change nothing of a sidecar: it is shared by the views, and its file stays.
#[test]
fn deletions_leave_sidecars_alone() {
    let mut case = Case::new();
    let before = case.write();
    let written = state(&case.folder());
    case.chunks.delete(1003);
    case.chunks.commit();
    let folder = case.folder();
    let later = case
        .chunks
        .view(SidecarFolder::Write(&folder), Some(&before));
    let fresh = case.chunks.view(SidecarFolder::Read(&folder), None);
    assert!(state(&folder) == written);
    for (segment, reader) in later.segments() {
        let known = before.segments().find(|(known, _)| known.id == segment.id);
        let (known, _) = known.unwrap();
        assert!(std::sync::Arc::ptr_eq(&known.sidecar, &segment.sidecar));
        assert_eq!(segment.dead.is_empty(), !reader.has_deletes());
    }
    same(&fresh, &later);
}
