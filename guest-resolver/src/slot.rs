//! The folder of a snapshot inside the virtual store, named exactly as pnpm names it: characters that file systems
//! refuse become `+`, parentheses `_`, and a name that is long or has capitals (which some file systems do not tell
//! apart) is cut and gets a hash. So does one with an address in it, because `+` stands for too many characters then;
//! its hash is that of the dep-path itself.

use sha2::{Digest, Sha256};

/// Bytes that the hash and the `_` before it take.
const HASH: usize = 33;

/// The folder name of a dep-path; `max_length` is pnpm's `virtualStoreDirMaxLength`.
#[must_use]
pub fn slot_name(dep_path: &str, max_length: usize) -> String {
    let mut name = escape(dep_path);
    let long = name.len() > max_length;
    let capitals = name.bytes().any(|b| b.is_ascii_uppercase()) || !name.is_ascii() && name.to_lowercase() != name;
    let address = dep_path.bytes().any(|byte| byte == b':') && dep_path.contains("://");
    if long || address || capitals && !name.starts_with("file+") {
        let hashed = if address { dep_path } else { name.as_str() };
        let digest = hex(&Sha256::digest(hashed.as_bytes())[..16]);
        let mut end = max_length.saturating_sub(HASH).min(name.len());
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name.push('_');
        name.push_str(&digest);
    }
    name
}

/// What stands for each byte.
static ESCAPED: [u8; 256] = {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        all[byte as usize] = match byte as u8 {
            b'\\' | b'/' | b':' | b'*' | b'?' | b'"' | b'<' | b'>' | b'|' | b'#' => b'+',
            b'(' | b')' => b'_',
            other => other,
        };
        byte += 1;
    }
    all
};

fn escape(dep_path: &str) -> String {
    let path = dep_path.strip_prefix('/').unwrap_or(dep_path);
    let has_suffix = path.bytes().any(|byte| byte == b'(');
    let body = if has_suffix { path.strip_suffix(')').unwrap_or(path) } else { path };
    let mut name: Vec<u8> = body.bytes().map(|byte| ESCAPED[usize::from(byte)]).collect();
    if has_suffix {
        // Of `)(` one is left.
        let mut before = 0;
        let mut bytes = body.bytes();
        name.retain(|_| {
            let byte = bytes.next().unwrap_or_default();
            std::mem::replace(&mut before, byte) != b')' || byte != b'('
        });
    }
    String::from_utf8(name).expect("one ASCII letter stands for another")
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::slot_name;

    /// The names stood in `node_modules/.pnpm` after pnpm 12.21 had installed them (the last in another folder).
    #[test]
    fn names_are_those_of_pnpm() {
        for (dep_path, expected) in [
            ("is-odd@3.0.0", "is-odd@3.0.0"),
            ("@babel/core@7.0.0", "@babel+core@7.0.0"),
            ("is-odd@file:x.tgz", "is-odd@file+x.tgz"),
            ("inj@file:packages/inj(react@17.0.2)", "inj@file+packages+inj_react@17.0.2"),
            ("a@1.0.0(b@2.0.0(c@3.0.0))(d@1.0.0)", "a@1.0.0_b@2.0.0_c@3.0.0__d@1.0.0"),
            ("is-positive@3.1.0(patch_hash=86a9)", "is-positive@3.1.0_patch_hash=86a9"),
            ("is-number@work:7.0.0", "is-number@work+7.0.0"),
            (
                "is-odd@http://localhost:4977/is-odd/-/is-odd-3.0.0.tgz",
                "is-odd@http+++localhost+4977+is-odd+-+is-odd-3.0.0.tgz_ccba52a8d1f656fcf7e8c837b4ea33d1",
            ),
            (
                "gp@git+file:///srv/repo2#b704fbebaa136d58e9aacedb7366b97e8ca48553(is-number@7.0.0)",
                "gp@git+file++++srv+repo2+b704fbebaa136d58e9aacedb7366b97e8ca48553_is-number@7.0.0_\
                 b354b87957c8cb3c9fb4eada2d9ff069",
            ),
        ] {
            assert_eq!(slot_name(dep_path, 120), expected);
        }
    }

    #[test]
    fn long_names_and_capitals_get_a_hash_and_stay_below_the_limit() {
        let long = slot_name(&format!("a@1.0.0({})", "b@1.0.0)(".repeat(40)), 120);
        assert_eq!(long.len(), 120);
        let capitals = slot_name("JSONStream@1.3.5", 120);
        assert!(capitals.starts_with("JSONStream@1.3.5_") && capitals.len() == 16 + 33, "{capitals}");
        assert_ne!(slot_name("JSONStream@1.3.5", 120), slot_name("jsonstream@1.3.5", 120));
    }
}
