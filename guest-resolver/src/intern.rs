//! Names, specifiers and versions as small numbers: each text is stored once, compared and hashed as a `u32` from then
//! on. Numbers are given in the order of first sight and never reach an output; order by [`Symbols::text`] where order
//! shows.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

/// A text by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub u32);

/// The table of texts of one session.
#[derive(Debug, Default)]
pub struct Symbols {
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    numbers: TextMap<Rc<str>, Symbol>,
    texts: Vec<Rc<str>>,
}

impl Symbols {
    /// The number of `text`.
    pub fn number(&self, text: &str) -> Symbol {
        let mut inner = self.inner.borrow_mut();
        if let Some(&known) = inner.numbers.get(text) {
            return known;
        }
        let symbol = Symbol(u32::try_from(inner.texts.len()).expect("a session reads less than 4 GiB"));
        let text: Rc<str> = text.into();
        inner.texts.push(Rc::clone(&text));
        inner.numbers.insert(text, symbol);
        symbol
    }

    /// Whether a number of this table stands for `text`.
    pub fn is(&self, symbol: Symbol, text: &str) -> bool {
        *self.inner.borrow().texts[symbol.0 as usize] == *text
    }

    /// The text behind a number of this table.
    pub fn text(&self, symbol: Symbol) -> Rc<str> {
        Rc::clone(&self.inner.borrow().texts[symbol.0 as usize])
    }
}

/// A hash for keys that are numbers of ours: multiply and rotate. Never for text that a stranger wrote.
#[derive(Debug, Default, Clone, Copy)]
pub struct NumberHasher(u64);

/// A map keyed by numbers of ours.
pub type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;
/// A set of numbers of ours.
pub type NumberSet<K> = std::collections::HashSet<K, BuildHasherDefault<NumberHasher>>;

/// Room for so many entries, which are seven eighths of a power of two: the packages of most projects. A table that
/// grows from nothing is filled anew each time, which was a twentieth of a resolution of alotta-modules.
const PACKAGES: usize = 1_792;

/// Makes a map that will have an entry or two for each package.
pub fn map_of_packages<K, V>() -> NumberMap<K, V> {
    NumberMap::with_capacity_and_hasher(PACKAGES, BuildHasherDefault::default())
}

/// A map keyed by text. Every session hashes alike, as a session in the component does in any case: what a stranger may
/// make of that is bounded by the time a session is given. The order of such a map never reaches an output.
pub type TextMap<K, V> = HashMap<K, V, BuildHasherDefault<TextHasher>>;
/// A set of texts.
pub type TextSet<K> = std::collections::HashSet<K, BuildHasherDefault<TextHasher>>;

/// A hash for text: eight bytes a step, each step mixed downwards too, so that texts with a common end stay apart.
#[derive(Debug, Default, Clone, Copy)]
pub struct TextHasher(u64);

impl TextHasher {
    fn mix(&mut self, value: u64) {
        let mixed = (self.0.rotate_left(5) ^ value).wrapping_mul(FACTOR);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl Hasher for TextHasher {
    fn finish(&self) -> u64 {
        // The table takes its tag from the highest bits, which only a multiplication spreads to.
        let mixed = self.0.wrapping_mul(FACTOR);
        mixed ^ (mixed >> 32)
    }
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in words.by_ref() {
            self.mix(u64::from_le_bytes(word.try_into().expect("it has eight bytes")));
        }
        let rest = words.remainder();
        if !rest.is_empty() {
            // Without a loop or a copy: the last up to eight bytes, overlapping where they must.
            let word = match rest.len() {
                4.. => u64::from(half(rest)) | u64::from(half(&rest[rest.len() - 4..])) << 32,
                length => u64::from(rest[0]) | u64::from(rest[length / 2]) << 8 | u64::from(rest[length - 1]) << 16,
            };
            self.mix(word ^ (rest.len() as u64) << 56);
        }
    }
    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }
    fn write_u32(&mut self, value: u32) {
        self.mix(u64::from(value));
    }
    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }
    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }
}

fn half(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

const FACTOR: u64 = 0x517c_c1b7_2722_0a95;

impl NumberHasher {
    fn mix(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(FACTOR);
    }
}

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        // The table takes its index from the low bits and its tag from the high ones; spread both.
        self.0 ^ (self.0 >> 32)
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }
    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }
    fn write_u32(&mut self, value: u32) {
        self.mix(u64::from(value));
    }
    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }
    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }
}
