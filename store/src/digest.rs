//! Digests of tarballs, and the proof that one has been checked: [`Verified`] is made here alone, by comparing.

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use wit::{Integrity, names::Algorithm};

use crate::ImportError;

mod lanes;

/// Room behind hexadecimal digits for what mostly comes there: an ending such as `-x`.
const SUFFIX: usize = 2;

/// Side by side texts take about so many times as long as one of them alone: a text that is longer than that part of
/// all is digested alone.
const SIDE_BY_SIDE: usize = 3;

/// A tarball that has been held to an integrity.
#[derive(Debug)]
pub struct Verified {
    pub(crate) tarball: Vec<u8>,
    /// What it hashes to.
    pub(crate) integrity: Integrity,
}

/// Holds each tarball to its integrity; [`ImportError::Integrity`] for those that have another. Many at a time are
/// faster than one after the other.
#[must_use]
pub fn verify(tarballs: Vec<(Vec<u8>, Integrity)>) -> Vec<Result<Verified, ImportError>> {
    let is_common = |integrity: &Integrity| integrity.algorithm == Algorithm::Sha512;
    let common: Vec<&[u8]> = tarballs.iter().filter(|(_, it)| is_common(it)).map(|(tarball, _)| &tarball[..]).collect();
    let mut common = sha512_each(&common).into_iter();
    let of = |(tarball, expected): (Vec<u8>, Integrity)| {
        let next = if is_common(&expected) { common.next() } else { None };
        let digest = next.map_or_else(|| digest(&tarball, expected.algorithm), |digest| Box::from(digest.as_slice()));
        compare(digest, &expected).map(|integrity| Verified { tarball, integrity })
    };
    tarballs.into_iter().map(of).collect()
}

/// The integrity that a digest is, if it is among those that are expected.
pub(crate) fn compare(digest: Box<[u8]>, expected: &Integrity) -> Result<Integrity, ImportError> {
    let found = Integrity { algorithm: expected.algorithm, digests: vec![digest] };
    if expected.digests.contains(&found.digests[0]) {
        Ok(found)
    } else {
        Err(ImportError::Integrity { wanted: expected.clone(), found })
    }
}

/// Bytes as lower-case hexadecimal digits, two for each.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    let mut text = String::with_capacity(bytes.len() * 2 + SUFFIX);
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

/// The digest of a text.
pub(crate) fn digest(bytes: &[u8], algorithm: Algorithm) -> Box<[u8]> {
    match algorithm {
        Algorithm::Sha512 => Sha512::digest(bytes).as_slice().into(),
        Algorithm::Sha384 => Sha384::digest(bytes).as_slice().into(),
        Algorithm::Sha256 => Sha256::digest(bytes).as_slice().into(),
        Algorithm::Sha1 => sha1::Sha1::digest(bytes).as_slice().into(),
    }
}

/// The SHA-512 of each text, in their order.
fn sha512_each(texts: &[&[u8]]) -> Vec<[u8; 64]> {
    let mut all: usize = texts.iter().map(|text| text.len()).sum();
    let mut by_length: Vec<usize> = (0..texts.len()).collect();
    by_length.sort_by_key(|&at| texts[at].len());
    let mut digests = vec![[0; 64]; texts.len()];
    while let Some(&longest) = by_length.last()
        && all < SIDE_BY_SIDE * texts[longest].len()
    {
        digests[longest] = Sha512::digest(texts[longest]).into();
        all -= texts[longest].len();
        by_length.pop();
    }
    let rest: Vec<&[u8]> = by_length.iter().map(|&at| texts[at]).collect();
    let found = lanes::each(&rest).unwrap_or_else(|| rest.iter().map(|text| Sha512::digest(text).into()).collect());
    by_length.iter().zip(found).for_each(|(&at, digest)| digests[at] = digest);
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(hex(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(hex(&[]), "");
    }

    #[test]
    fn each_tarball_is_held_to_its_own_integrity() {
        let tarballs: Vec<Vec<u8>> = (0..20).map(|at| vec![at; usize::from(at) * 1000]).collect();
        let algorithms = [Algorithm::Sha512, Algorithm::Sha512, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384];
        let mut wanted: Vec<Integrity> = tarballs
            .iter()
            .zip(algorithms.into_iter().cycle())
            .map(|(tarball, algorithm)| Integrity { algorithm, digests: vec![digest(tarball, algorithm)] })
            .collect();
        wanted[5].digests[0][3] ^= 1;
        wanted[7].digests[0][3] ^= 1;
        let pairs: Vec<(Vec<u8>, Integrity)> = tarballs.iter().cloned().zip(wanted.iter().cloned()).collect();
        let verified = verify(pairs);
        assert_eq!(verified.len(), tarballs.len());
        for (at, verified) in verified.into_iter().enumerate() {
            assert_eq!(verified.is_err(), at == 5 || at == 7, "{at}");
            if let Ok(verified) = verified {
                assert_eq!((&verified.tarball, &verified.integrity), (&tarballs[at], &wanted[at]));
            }
        }
    }
}
