//! A registry's answer, read into an index and byte spans.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use host::registry::Packument;
use serde_json::{Map, Value, json};
use wit::PackageName;

/// An abbreviated packument of a package with so many versions, as registries write them.
fn packument(versions: usize) -> String {
    let manifest = |at: usize| {
        let version = format!("{}.{}.{}", at / 100, at / 10 % 10, at % 10);
        let dependencies: Map<String, Value> = (0..12)
            .map(|dependency| (format!("dependency-{dependency}"), json!(format!("^{dependency}.2.0"))))
            .collect();
        let manifest = json!({
            "name": "sample", "version": version, "dependencies": dependencies, "engines": { "node": ">=18" },
            "peerDependencies": { "react": "^18.0.0 || ^19.0.0" }, "bin": { "sample": "bin/sample.js" },
            "dist": {
                "integrity": format!("sha512-{}", "A".repeat(88)), "shasum": "0".repeat(40), "fileCount": 60,
                "tarball": format!("https://registry.example/sample/-/sample-{version}.tgz"), "unpackedSize": 345_678,
                "signatures": [{ "keyid": format!("SHA256:{}", "k".repeat(43)), "sig": "s".repeat(96) }],
            },
        });
        (version, manifest)
    };
    let versions: Map<String, Value> = (0..versions).map(manifest).collect();
    json!({ "name": "sample", "dist-tags": { "latest": "1.0.0" }, "versions": versions }).to_string()
}

fn benches(criterion: &mut Criterion) {
    let name = PackageName::parse("sample").expect("letters");
    let mut group = criterion.benchmark_group("packument to spans");
    for versions in [20, 300] {
        let text = packument(versions);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("{versions} versions"), |bencher| {
            bencher.iter(|| black_box(Packument::read(text.as_bytes(), &name, false).expect("it is one")));
        });
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
