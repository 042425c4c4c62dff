use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::{
    digest::digest,
    import::tests::{all_files, gzip, integrity},
    tarball::tests::{Entry, tar},
};

struct World {
    folder: tempfile::TempDir,
    store: Store,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self { folder, store }
    }

    /// Feeds the pieces and finishes.
    fn stream(&self, tarball: &[u8], cuts: &[usize], integrity: &Integrity) -> Result<Imported, GivenUp> {
        self.stream_within(&Limits::default(), tarball, cuts, integrity)
    }

    fn stream_within(
        &self,
        limits: &Limits,
        tarball: &[u8],
        cuts: &[usize],
        integrity: &Integrity,
    ) -> Result<Imported, GivenUp> {
        self.feed_and_finish(self.store.stream(limits)?, tarball, cuts, integrity)
    }

    fn feed_and_finish(
        &self,
        mut stream: Stream,
        tarball: &[u8],
        cuts: &[usize],
        integrity: &Integrity,
    ) -> Result<Imported, GivenUp> {
        let mut at = 0;
        for &cut in cuts.iter().chain([&tarball.len()]) {
            stream.feed(&tarball[at..cut])?;
            at = cut;
        }
        stream.finish(integrity)
    }

    /// All files below the store, by path, with their content.
    fn content(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = all_files(self.folder.path())
            .into_iter()
            .map(|path| {
                let content = fs::read(&path).unwrap();
                (path.strip_prefix(self.folder.path().to_str().unwrap()).unwrap().to_owned(), content)
            })
            .collect();
        files.sort();
        files
    }
}

/// Text that deflate can do little with.
fn noise(length: usize, seed: u32) -> String {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + u8::try_from(state >> 24).unwrap() % 90)
    })
    .take(length)
    .collect()
}

/// Small, large and empty files, one large content twice, links and names of all kinds.
fn sample() -> Vec<u8> {
    let long = format!("package/{}/long.js", "d".repeat(120));
    let large = noise(3 * LARGE, 1);
    gzip(&tar(&[
        Entry::file("package/package.json", r#"{"name":"a","version":"1.0.0","bin":"cli.js"}"#),
        Entry::file("package/cli.js", "#!/usr/bin/env node\n").mode(0o755),
        Entry::file("package/empty", ""),
        Entry::file("package/large.js", &large),
        Entry::file("package/large-too.js", &large),
        Entry::file("package/large-program", &large).mode(0o755),
        Entry::file("package/link", "").kind(b'2'),
        Entry::gnu_name(&long),
        Entry::file("cut", "x"),
        Entry::pax(&[("path", "package/pax.js")]),
        Entry::file("cut", "pax"),
        Entry::file("package/huge.js", &"huge ".repeat(2 * WINDOW)),
        Entry::file("package/last.js", &noise(1000, 2)),
    ]))
}

#[test]
fn a_tarball_that_comes_bit_by_bit_makes_the_same_package() {
    let tarball = sample();
    let integrity = integrity(&tarball);
    let whole = World::new();
    let wanted = whole.store.import(&tarball, &integrity, &Limits::default()).unwrap();
    for step in [1 << 20, 65_536, 1000, 7] {
        let cuts: Vec<usize> = (0..tarball.len()).step_by(step).collect();
        let streamed = World::new();
        assert_eq!(streamed.stream(&tarball, &cuts, &integrity), Ok(wanted.clone()), "in steps of {step}");
        assert_eq!(streamed.content(), whole.content());
        assert_eq!(streamed.store.status().unwrap().damaged, []);
    }
    assert!(wanted.index.files.iter().any(|file| file.path == "pax.js"));
}

#[test]
fn what_is_there_already_stays_as_it_is() {
    let tarball = sample();
    let world = World::new();
    assert!(world.stream(&tarball, &[9], &integrity(&tarball)).unwrap().is_new);
    let before = world.content();
    assert!(!world.stream(&tarball, &[9], &integrity(&tarball)).unwrap().is_new);
    assert_eq!(world.content(), before);
}

#[test]
fn whatever_is_wrong_is_given_up_and_leaves_nothing() {
    let good = sample();
    let member = gzip(b"another member");
    let mut flipped = good.clone();
    let last_sum = flipped.len() - 5;
    flipped[last_sum] ^= 1;
    let plain = |entries: &[Entry]| gzip(&tar(entries));
    let file = |path: &str| Entry::file(path, "x");
    let cases = [
        ("cut off", good[..good.len() - 1].to_vec()),
        ("cut off in the middle", good[..good.len() / 2].to_vec()),
        ("nothing", Vec::new()),
        ("a second member", [good.clone(), member].concat()),
        ("a byte behind it", [&good[..], b"x"].concat()),
        ("zeros behind it", [&good[..], &[0; 512]].concat()),
        ("a wrong sum", flipped),
        ("a page", b"<!doctype html>".to_vec()),
        ("a path that leads out", plain(&[file("package/good"), file("package/../../evil")])),
        ("a file that is a folder", plain(&[file("package/a"), file("package/a/b")])),
        ("a path twice", plain(&[file("package/a"), Entry::file("package/a", "y")])),
        ("a manifest that is large", plain(&[Entry::file("package/package.json", &noise(2 * LARGE, 3))])),
        ("no end mark", gzip(&tar(&[file("package/a")])[..1024])),
        ("an extension without an entry", plain(&[file("package/a"), Entry::gnu_name("package/b")])),
        ("a file that is cut off", gzip(&tar(&[Entry::file("package/a", &noise(2 * LARGE, 4))])[..LARGE])),
    ];
    for (what, tarball) in cases {
        for cuts in [vec![], vec![tarball.len() / 3, tarball.len() * 2 / 3]] {
            let world = World::new();
            assert_eq!(world.stream(&tarball, &cuts, &integrity(&tarball)), Err(GivenUp), "{what}");
            assert_eq!(fs::read_dir(world.store.path().join("tmp")).unwrap().count(), 0, "{what}");
            assert_eq!(world.content(), [], "{what}");
        }
    }
}

#[test]
fn a_wrong_byte_at_the_very_end_publishes_nothing() {
    let tarball = sample();
    let wrong = integrity(&tarball[..tarball.len() - 1]);
    let sha1 = Integrity { algorithm: Algorithm::Sha1, digests: vec![digest(&tarball, Algorithm::Sha1)] };
    for expected in [wrong, sha1] {
        let world = World::new();
        let mut stream = world.store.stream(&Limits::default()).unwrap();
        stream.feed(&tarball).unwrap();
        assert!(world.store.find(&integrity(&tarball)).unwrap().is_none(), "found before it was verified");
        assert_eq!(stream.finish(&expected), Err(GivenUp));
        assert_eq!(world.content(), []);
    }
}

#[test]
fn every_limit_holds_in_the_middle() {
    let tarball = sample();
    let all = Limits::default();
    let tight = [
        Limits { unpacked: 1 << 20, ..all.clone() },
        Limits { entry: 2 * LARGE as u64, ..all.clone() },
        Limits { entries: 5, ..all.clone() },
        Limits { path: 30, ..all.clone() },
    ];
    for limits in tight {
        let world = World::new();
        assert_eq!(world.stream_within(&limits, &tarball, &[], &integrity(&tarball)), Err(GivenUp));
        assert!(world.store.import(&tarball, &integrity(&tarball), &limits).is_err());
        assert_eq!(world.content(), []);
    }
    let bomb = gzip(&tar(&[Entry::file("package/zeros", &"\0".repeat(40 << 20))]));
    let limits = Limits { ratio: 100, ..all };
    assert_eq!(World::new().stream_within(&limits, &bomb, &[], &integrity(&bomb)), Err(GivenUp));
}

#[test]
fn what_is_larger_than_a_stream_may_write_is_left_to_the_import_of_the_whole() {
    let files: Vec<Entry> = (0..8).map(|at| Entry::file(&format!("package/{at}"), &noise(9000, at))).collect();
    let even = gzip(&tar(&files));
    let zeros = Entry::file("package/zeros", &"\0".repeat(1 << 20));
    let dense = gzip(&tar(&[Entry::file("package/noise", &noise(9000, 9)), zeros]));
    let all = MOST;
    let cases = [
        (&even, Most { written: 80_000, ..all }, true),
        (&even, Most { written: 70_000, ..all }, false),
        (&even, Most { files: 8, ..all }, true),
        (&even, Most { files: 7, ..all }, false),
        (&dense, Most { ratio: 20, small: 2 << 20, ..all }, true),
        (&dense, Most { ratio: 20, small: 64 << 10, ..all }, false),
        (&dense, Most { ratio: 500, small: 64 << 10, ..all }, true),
        (&even, Most { ratio: 20, small: 1 << 10, ..all }, true),
        (&even, Most { ratio: 0, small: 1 << 10, ..all }, false),
    ];
    for (tarball, most, is_taken) in cases {
        let (world, integrity) = (World::new(), integrity(tarball));
        let cuts: Vec<usize> = (0..tarball.len()).step_by(1000).collect();
        let stream = world.store.stream_at_most(most, &Limits::default()).unwrap();
        let streamed = world.feed_and_finish(stream, tarball, &cuts, &integrity);
        assert_eq!(streamed.is_ok(), is_taken, "{most:?}");
        assert!(is_taken || world.content().is_empty(), "{most:?}");
        assert!(world.store.import(tarball, &integrity, &Limits::default()).is_ok());
    }
}

#[test]
fn a_stream_that_is_dropped_leaves_nothing() {
    let tarball = sample();
    let world = World::new();
    let mut stream = world.store.stream(&Limits::default()).unwrap();
    stream.feed(&tarball[..tarball.len() / 2]).unwrap();
    assert!(!world.content().is_empty(), "it has written nothing");
    drop(stream);
    assert_eq!(world.content(), []);
}

/// A tarball, maybe spoilt at one place.
fn tarballs() -> impl Strategy<Value = Vec<u8>> {
    let file = ("[a-c]{1,2}(/[a-c]{1,2}){0,2}", 0..4 * LARGE, any::<u32>(), any::<bool>());
    let spoil = prop::option::weighted(0.4, (any::<prop::sample::Index>(), 1..=255u8));
    (prop::collection::vec(file, 1..6), spoil, 0..3u8).prop_map(|(files, spoil, tail)| {
        let entry = |(path, length, seed, executable): (String, usize, u32, bool)| {
            let text = if seed % 2 == 0 { noise(length, seed) } else { "again".repeat(length / 5) };
            Entry::file(&format!("package/{path}"), &text).mode(if executable { 0o755 } else { 0o644 })
        };
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&tar(&files.into_iter().map(entry).collect::<Vec<_>>())).unwrap();
        let mut tarball = encoder.finish().unwrap();
        if let Some((at, bits)) = spoil {
            let at = at.index(tarball.len());
            tarball[at] ^= bits;
        }
        match tail {
            0 => tarball.push(0),
            1 => tarball.truncate(tarball.len() - 1),
            _ => {}
        }
        tarball
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn what_a_stream_takes_is_what_the_whole_is_taken_as(
        tarball in tarballs(),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        last in any::<u8>(),
    ) {
        cuts.sort_by_key(|cut| cut.index(tarball.len() + 1));
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(tarball.len() + 1)).collect();
        let mut expected = integrity(&tarball);
        if last < 20 {
            expected.digests[0][63] ^= 1;
        }
        let (streamed, whole) = (World::new(), World::new());
        match streamed.stream(&tarball, &cuts, &expected) {
            Ok(imported) => {
                prop_assert_eq!(imported, whole.store.import(&tarball, &expected, &Limits::default()).unwrap());
                prop_assert_eq!(streamed.content(), whole.content());
            }
            Err(GivenUp) => {
                prop_assert_eq!(streamed.content(), []);
                prop_assert_eq!(fs::read_dir(streamed.store.path().join("tmp")).unwrap().count(), 0);
            }
        }
    }
}
