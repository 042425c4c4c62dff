use std::io::Write as _;

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn unpacked(gz: &[u8], limits: &Limits) -> Result<Vec<u8>, Rejection> {
    with_tar(gz, limits, |tar| Ok(tar.to_vec()))
}

fn code(gz: &[u8]) -> &'static str {
    unpacked(gz, &Limits::default()).unwrap_err().code()
}

#[test]
fn one_member_is_read_whole_and_zero_padding_is_harmless() {
    for text in [&b""[..], b"hello", &[0; 256], &[7; 70_000]] {
        let mut gz = gzip(text);
        assert_eq!(unpacked(&gz, &Limits::default()).unwrap(), text);
        gz.extend_from_slice(&[0; 100]);
        assert_eq!(unpacked(&gz, &Limits::default()).unwrap(), text);
    }
}

#[test]
fn several_members_and_garbage_are_refused() {
    let different = [gzip(b"one"), gzip(b"another")].concat();
    let alike = [gzip(b"one"), gzip(b"two")].concat();
    let garbage = [gzip(b"one"), b"garbage".to_vec()].concat();
    for gz in [different, alike, garbage] {
        assert_eq!(code(&gz), "ERR_PNPM_TARBALL_DECODE_GZIP");
    }
}

#[test]
fn damaged_and_truncated_data_are_refused() {
    let gz = gzip(&(0..9000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    for cut in [0, 3, 17, gz.len() / 2, gz.len() - 1] {
        assert_eq!(code(&gz[..cut]), "ERR_PNPM_TARBALL_DECODE_GZIP", "cut at {cut}");
    }
    let mut wrong_sum = gz.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    assert_eq!(code(&wrong_sum), "ERR_PNPM_TARBALL_DECODE_GZIP");
    assert_eq!(code(b"<!doctype html><title>no tarball</title>"), "ERR_PNPM_TARBALL_DECODE_GZIP");
}

#[test]
fn a_length_that_lies_is_only_a_hint() {
    let limits = Limits { unpacked: 1 << 20, ..Limits::default() };
    let mut gz = gzip(&[1; 5000]);
    let at = gz.len() - 4;
    gz[at..].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(unpacked(&gz, &limits).is_err(), "the stated length is wrong");
}

#[test]
fn a_bomb_is_refused() {
    let gz = gzip(&vec![0; 40 << 20]);
    let small = Limits { unpacked: 30 << 20, ..Limits::default() };
    assert_eq!(unpacked(&gz, &small).unwrap_err().code(), "ERR_PNPM_TARBALL_TOO_LARGE");
    let flat = Limits { ratio: 500, ..Limits::default() };
    assert_eq!(unpacked(&gz, &flat).unwrap_err().code(), "ERR_PNPM_TARBALL_TOO_LARGE");
}

#[test]
fn what_looks_like_another_header_in_one_member_is_data() {
    let stored = |text: &[u8]| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        gz.write_all(text).unwrap();
        gz.finish().unwrap()
    };
    for flags in [0, RESERVED] {
        let text = [&b"before"[..], &MAGIC, &[flags], &[9; 4000]].concat();
        let gz = stored(&text);
        assert_eq!(has_another_header(&gz), flags == 0);
        assert_eq!(unpacked(&gz, &Limits::default()).unwrap(), text);
        assert_eq!(code(&[gz.clone(), gz].concat()), "ERR_PNPM_TARBALL_DECODE_GZIP");
    }
}

#[test]
fn zeros_behind_a_member_are_padding_whatever_its_data_look_like() {
    let text = [&b"before"[..], &MAGIC, &[0], &[9; 4000]].concat();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gz.write_all(&text).unwrap();
    let mut gz = gz.finish().unwrap();
    assert!(has_another_header(&gz));
    for zeros in [1, 9, 600] {
        gz.resize(gz.len() + zeros, 0);
        assert_eq!(unpacked(&gz, &Limits::default()).unwrap(), text, "{zeros}");
    }
}

#[test]
fn a_bomb_that_states_no_length_is_refused_by_its_ratio_and_leaves_no_large_buffer() {
    let mut gz = gzip(&vec![0; 40 << 20]);
    let at = gz.len() - 4;
    gz[at..].fill(0);
    let flat = Limits { ratio: 500, ..Limits::default() };
    assert_eq!(unpacked(&gz, &flat).unwrap_err().code(), "ERR_PNPM_TARBALL_TOO_LARGE");
    REUSED.with_borrow(|(_, own)| assert_eq!(own.len(), OWN));
}

#[test]
fn while_another_has_the_shared_buffer_an_ordinary_package_does_not_wait() {
    let text = vec![3; OWN + 1];
    let gz = gzip(&text);
    let held = LARGE.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(unpacked(&gz, &Limits::default()).unwrap(), text);
    REUSED.with_borrow(|(_, own)| assert!(own.len() <= OWN));
    drop(held);
    assert_eq!(unpacked(&gz, &Limits::default()).unwrap(), text);
}

#[test]
fn what_is_refused_leaves_no_more_than_is_kept() {
    let gz = gzip(&vec![0; KEPT + STEP]);
    let small = Limits { unpacked: (KEPT + 1) as u64, ..Limits::default() };
    assert_eq!(unpacked(&gz, &small).unwrap_err().code(), "ERR_PNPM_TARBALL_TOO_LARGE");
    assert!(LARGE.lock().unwrap_or_else(PoisonError::into_inner).len() <= KEPT);
}
