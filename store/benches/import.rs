//! Import of one tarball and of 256 small ones into an empty store. `TMPDIR` should be on memory-backed disk.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rayon::prelude::*;
use sha2::Digest as _;
use store::{Limits, Store};
use wit::{Integrity, names::Algorithm};

/// A tarball of so many files of about 5 KiB of text, and its integrity.
fn tarball(name: &str, files: usize) -> (Vec<u8>, Integrity) {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut tar = tar::Builder::new(gzip);
    let mut add = |path: &str, body: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, body).expect("memory takes all");
    };
    add("package/package.json", format!(r#"{{"name":"{name}","version":"1.0.0"}}"#).as_bytes());
    for at in 0..files {
        let lines = (0..120).map(|line| format!("exports.value{line} = '{name} {at} {}';\n", line * at * 7919));
        add(&format!("package/lib/file-{at}.js"), lines.collect::<String>().as_bytes());
    }
    let bytes = tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory takes all");
    let digests = vec![sha2::Sha512::digest(&bytes).as_slice().into()];
    (bytes, Integrity { algorithm: Algorithm::Sha512, digests })
}

fn empty() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("an empty folder");
    (folder, store)
}

fn import(store: &Store, (bytes, integrity): &(Vec<u8>, Integrity)) {
    black_box(store.import(bytes, integrity, &Limits::default()).expect("a good tarball"));
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("import");
    group.sample_size(20);
    let one = tarball("one", 60);
    group.throughput(Throughput::Bytes(one.0.len() as u64));
    group.bench_function("a tarball of 60 files", |bencher| {
        bencher.iter_batched(
            empty,
            |(folder, store)| {
                import(&store, &one);
                folder
            },
            BatchSize::PerIteration,
        );
    });
    let small: Vec<_> = (0..256).map(|at| tarball(&format!("small-{at}"), 3)).collect();
    group.throughput(Throughput::Elements(256));
    group.bench_function("256 small tarballs, one thread", |bencher| {
        bencher.iter_batched(
            empty,
            |(folder, store)| {
                small.iter().for_each(|tarball| import(&store, tarball));
                folder
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("256 small tarballs, all threads", |bencher| {
        bencher.iter_batched(
            empty,
            |(folder, store)| {
                small.par_iter().for_each(|tarball| import(&store, tarball));
                folder
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
