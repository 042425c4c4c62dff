use super::*;

#[test]
fn each_line_of_the_table_is_well_formed_and_in_order() {
    let mut before = "";
    for line in include_str!("table.tsv").lines() {
        let (package, addition) = parse(line).unwrap_or_else(|| panic!("{line}"));
        assert!(!package.is_empty() && !addition.name.is_empty(), "{line}");
        assert!(package >= before, "{line} is out of order");
        assert!(Range::parse(addition.versions).is_ok(), "{line}");
        assert_eq!(addition.range.is_empty(), addition.kind == Kind::Optional, "{line}");
        assert!(addition.kind == Kind::Optional || Range::parse(addition.range).is_ok(), "{line}");
        before = package;
    }
}

#[test]
fn selectors_match_the_versions_they_name() {
    let added = |package: &str, version: &str| -> Vec<&str> {
        let version = Version::parse(version).unwrap();
        additions(package).iter().filter(|a| a.selects(&version)).map(|a| a.name).collect()
    };
    assert_eq!(added("debug", "4.1.1"), ["supports-color"]);
    assert_eq!(added("debug", "4.2.0"), [""; 0]);
    assert_eq!(added("webpack", "4.44.0"), ["webpack-cli", "webpack-command", "webpack-cli"]);
    assert_eq!(added("webpack", "4.46.0"), ["webpack-cli"]);
    assert_eq!(added("webpack", "5.0.0-beta.22"), ["webpack-cli"]);
    assert_eq!(added("webpack", "5.0.0"), [""; 0]);
    assert_eq!(added("@nuxt/vite-builder", "4.4.9"), ["unplugin"]);
    assert_eq!(added("@babel/parser", "7.0.0"), ["@babel/types"]);
    assert_eq!(added("is-odd", "3.0.1"), [""; 0]);
}

#[test]
fn packages_whose_names_are_prefixes_of_others_stay_apart() {
    assert!(additions("testcafe").iter().all(|a| a.versions == "<=1.10.1"));
    assert!(additions("testcafe-legacy").is_empty());
    assert!(additions("").is_empty());
}
