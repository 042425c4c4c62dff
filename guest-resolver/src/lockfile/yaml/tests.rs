use super::{emit, full, scan};

const CANONICAL: &str = "\
lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  peersSuffixMaxLength: 10

overrides:
  b@<2: 1.0.0
  '@a/b': '>=1'

importers:

  .:
    dependencies:
      a:
        specifier: 'catalog:'
        version: 1.0.0

packages:

  a@1.0.0:
    resolution: {integrity: sha512-abc==}
    engines: {node: '>=4', npm: ^1.0.0 || 2}
    cpu: [x64, '!arm']
    deprecated: |-
      Don't: use

      this # or that
    hasBin: true

  b@1.0.0:
    resolution: {integrity: sha512-abc==}
    deprecated: 'It''s: over'
    peerDependencies:
      c: \"0 ||\\_1 \\e\\uFEFF\\\\\"

snapshots:

  a@1.0.0:
    transitivePeerDependencies:
      - supports-color

  b@1.0.0: {}
";

#[test]
fn scanner_and_full_parser_agree_and_the_emitter_gives_the_text_back() {
    let fast = scan::scan(CANONICAL).expect("canonical");
    assert_eq!(full::parse(CANONICAL).unwrap(), fast);
    let super::Node::Map(root) = &fast else { panic!() };
    assert_eq!(emit::document(root, 0), CANONICAL);
}

#[test]
fn the_scanner_leaves_text_that_pnpm_does_not_write_to_the_full_parser() {
    for text in [
        "",
        "a: 1 # comment\n",
        "# comment\na: b\n",
        "a: *b\n",
        "a: &x b\n",
        "a: \"b\\/\"\n",
        "a: {b: c, b: d}\n",
        "a: b\na: c\n",
        "b: 1\na: 1\nb: 2\n",
        "a:\n",
        "a:\n    b: c\n",
        "a: b: c\n",
        "a: 1.5\n",
        "a: null\n",
        "a:\tb\n",
        "- a\n",
        "a: !!str b\n",
        "a: [b, c\n",
        "a: 'b\n",
        "a: >\n  b\n",
        "<<<<<<< HEAD\na: b\n",
    ] {
        assert_eq!(scan::scan(text), None, "{text:?}");
    }
}

#[test]
fn the_full_parser_refuses_duplicates_aliases_and_bombs() {
    let deep = format!("a: {}{}\n", "[".repeat(500), "]".repeat(500));
    for text in ["a: b\na: c\n", "a: &x b\nc: *x\n", "a: {<<: {b: c}}\n", "a: b\n---\nc: d\n", deep.as_str()] {
        assert!(full::parse(text).is_err(), "{text:.40?}");
    }
}

/// Each pair was seen in lockfiles that pnpm wrote, or follows from js-yaml's rules.
#[test]
fn strings_are_quoted_as_pnpm_does() {
    use super::scalar::{Place, write};
    for (text, expected) in [
        ("1.0.0", "1.0.0"),
        ("9.0", "'9.0'"),
        ("12", "'12'"),
        ("1e5", "'1e5'"),
        ("0x1f", "'0x1f'"),
        ("0o17", "'0o17'"),
        ("1_000", "'1_000'"),
        (".5", "'.5'"),
        ("-1", "'-1'"),
        ("+.inf", "'+.inf'"),
        ("2024-02-27", "'2024-02-27'"),
        ("2024-02-27T16:27:13.411Z", "'2024-02-27T16:27:13.411Z'"),
        ("2024-02-27T16:27:13.411000+00:00", "'2024-02-27T16:27:13.411000+00:00'"),
        ("true", "'true'"),
        ("yes", "yes"),
        ("~", "'~'"),
        ("~1.0.0", "~1.0.0"),
        ("<6", "<6"),
        ("<<", "'<<'"),
        ("*", "'*'"),
        (">=6", "'>=6'"),
        ("@scope/x", "'@scope/x'"),
        ("catalog:", "'catalog:'"),
        ("link:../b", "link:../b"),
        ("a: b", "'a: b'"),
        ("a #b", "'a #b'"),
        ("a#b", "a#b"),
        ("it's", "it's"),
        ("'", "''''"),
        ("- a", "'- a'"),
        ("", "''"),
        ("a\u{200b}", "a\u{200b}"),
        ("a\tb", "\"a\\tb\""),
        ("a\u{feff}", "\"a\\uFEFF\""),
        ("caf\u{e9}", "caf\u{e9}"),
        ("a\nb", "|-\n  a\n  b"),
        ("a\n\nb\n", "|\n  a\n\n  b"),
        (" a\nb", "|2-\n   a\n  b"),
    ] {
        let mut out = String::new();
        write(&mut out, text, Place::Block, 2);
        assert_eq!(out, expected, "{text:?}");
    }
}

/// YAML's limit counts UTF-16 units of the key as it is written, its quotes included.
#[test]
fn keys_of_more_than_1024_units_are_written_explicitly_and_read_back() {
    use super::Node;
    let cases = [
        ("a".repeat(1024), false),
        ("a".repeat(1025), true),
        (format!("@{}", "a".repeat(1021)), false),
        (format!("@{}", "a".repeat(1022)), true),
        ("\u{e9}".repeat(1024), false),
        ("\u{1f600}".repeat(513), true),
    ];
    for (key, explicit) in cases {
        let inner = vec![(key.as_str().into(), Node::Map(vec![("b".into(), Node::text("c"))]))];
        let text = emit::document(&vec![("x".into(), Node::Map(inner.clone()))], 0);
        let mut written = String::new();
        super::scalar::write(&mut written, &key, super::scalar::Place::Key, 0);
        let expected = match explicit {
            true => format!("x:\n  ? {written}\n  : b: c\n"),
            false => format!("x:\n  {written}:\n    b: c\n"),
        };
        assert_eq!(text, expected, "{:.20} {explicit}", key);
        let Node::Map(root) = full::parse(&text).unwrap() else { panic!() };
        assert_eq!(root[0].1, Node::Map(inner), "{:.20} {explicit}", key);
        assert_eq!(scan::scan(&text).is_some(), !explicit);
    }
}

#[test]
fn texts_inside_brackets_stay_on_one_line_and_are_readable() {
    use super::Node;
    let items = ["a\nb", "c:,d", "e]", "f"].map(Node::text).to_vec();
    let root = vec![("cpu".into(), Node::List(items))];
    let text = emit::document(&root, 0);
    assert_eq!(text, "cpu: [\"a\\nb\", 'c:,d', 'e]', f]\n");
    assert_eq!(full::parse(&text).unwrap(), Node::Map(root));
}
