//! A lockfile placed natively and in the component, and a resolution by the number of replies that one call brings.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use host::engine::{self, Limits};
use tests::{
    cost::{self, Case},
    native,
};

fn placing(criterion: &mut Criterion) {
    let mut case = Case::peers(40);
    case.project.lockfile = cost::native(&case, usize::MAX).expect("a graph without faults").lockfile;
    let mut group = criterion.benchmark_group("lockfile to placement, 201 packages and 6,600 edges");
    group.sample_size(20);
    group.bench_function("native", |bencher| {
        bencher.iter(|| black_box(native::place(&case.project).expect("it fits")));
    });
    group.bench_function("component, with its start", |bencher| {
        bencher.iter(|| black_box(engine::place(&case.project, Limits::default()).expect("it fits")));
    });
    group.bench_function("component, its start alone", |bencher| {
        bencher.iter(|| black_box(cost::start().expect("an empty project")));
    });
    group.finish();
}

/// Only the time in the resolver is counted: the more calls, the more often it wakes what waits.
fn batches(criterion: &mut Criterion) {
    let case = Case::peers(40);
    let mut group = criterion.benchmark_group("resolution, native, by replies in a call");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for batch in [1, 16, 256] {
        group.bench_with_input(BenchmarkId::from_parameter(batch), &batch, |bencher, &batch| {
            bencher.iter_custom(|rounds| {
                (0..rounds).map(|_| cost::native(&case, batch).expect("a graph without faults").time).sum()
            });
        });
    }
    group.finish();
}

criterion_group!(all, placing, batches);
criterion_main!(all);
