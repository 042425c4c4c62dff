use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |n| serde_json::Number::from_f64(n).map(Value::from)),
        "[\\PC\"\\\\{}\\[\\]\n]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-z\"\\\\{}]{0,6}", inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn entries_are_those_that_a_parser_finds(value in prop::collection::vec(("[a-z\"\\\\{}]{0,6}", json()), 0..6), pretty: bool) {
        let value: Map<String, Value> = value.into_iter().collect();
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let mut found = Map::new();
        let end = object(&text, 0, |key, span| {
            let key = unescape(key.of(&text)).unwrap().into_owned();
            found.insert(key, serde_json::from_slice(span.of(&text)).unwrap());
            Ok(())
        }).unwrap();
        prop_assert_eq!(end, text.len());
        // Both are parsed: the parser rounds some floats.
        prop_assert_eq!(found, serde_json::from_slice::<Map<String, Value>>(&text).unwrap());
    }

    #[test]
    fn any_bytes_are_walked_without_a_panic(text in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['), Just(b':'), Just(b','), any::<u8>()], 0..64)) {
        let _ = object(&text, 0, |key, span| {
            let _ = (unescape(key.of(&text)), self::text(span.of(&text)));
            Ok(())
        });
    }
}

#[test]
fn depth_has_an_end() {
    let deep = [b"{\"a\":".as_slice(), &b"[".repeat(200_000), &b"]".repeat(200_000), b"}"].concat();
    assert_eq!(object(&deep, 0, |_, _| Ok(())), Err(ScanError::TooDeep));
}

#[test]
fn escaped_keys_are_read() {
    assert_eq!(unescape(br"n\u0061me").unwrap(), "name");
    assert_eq!(json!(text(br#""a\n""#).unwrap()), json!("a\n"));
}

#[test]
fn a_text_ends_at_its_quote_wherever_that_is() {
    for length in 0..80 {
        for tail in 0..20 {
            let plain = format!("\"{}\"{}", "é".repeat(length / 2) + &"[".repeat(length % 2), "#".repeat(tail));
            assert_eq!(value(plain.as_bytes(), 0), Ok(plain.len() - tail), "{plain}");
            let escaped = format!("\"{}\\\"]\"{}", "#".repeat(length), "]".repeat(tail));
            assert_eq!(value(escaped.as_bytes(), 0), Ok(escaped.len() - tail), "{escaped}");
            let open = format!("\"{}", "!".repeat(length));
            assert_eq!(value(open.as_bytes(), 0), Err(ScanError::Malformed(0)), "{open}");
        }
    }
}
