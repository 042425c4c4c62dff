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
    numbers: HashMap<Rc<str>, Symbol>,
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
