use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::*;

#[test]
fn a_tree_holds_what_a_text_says() {
    let text =
        "{\"a\\n\":[1,-2,true,null,\"\\ud83d\\ude00é\"],\"b\":{},\"b\":18446744073709551615}";
    let tree = Json::parse(text).unwrap();
    let list = vec![
        1_u64.into(),
        (-2_i64).into(),
        true.into(),
        Json::Null,
        "😀é".into(),
    ];
    assert_eq!(tree.get("a\n"), Some(&Json::Array(list)));
    assert_eq!(
        tree.get("b"),
        Some(&Json::Number(u64::MAX)),
        "the last counts"
    );
    assert_eq!(tree.get("c"), None);
    assert_eq!(tree.clone().into_owned(), tree);
    assert_eq!(Json::parse(&tree.to_json()).unwrap(), tree);
    for number in [
        "1.5",
        "1.0",
        "1e3",
        "18446744073709551616",
        "-9223372036854775809",
    ] {
        assert_eq!(Json::parse(number), Ok(Json::Fraction), "{number}");
    }
    assert_eq!(Json::Fraction.to_json(), "null");
}

#[test]
fn texts_without_escapes_are_borrowed() {
    let tree = Json::parse("{\"name\":\"text\"}").unwrap();
    let Json::Object(fields) = tree else {
        panic!("an object");
    };
    let borrowed = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
    assert!(matches!(&fields[..], [(name, Json::Text(text))] if borrowed(name) && borrowed(text)));
}

#[test]
fn every_cut_of_a_text_is_refused() {
    let text = "{\"a\\n\":[1,-2.5e+3,true,null,\"\\ud83d\\ude00é\"],\"b\":{}}";
    assert!(Json::parse(text).is_ok());
    for (at, _) in text.char_indices() {
        assert!(Json::parse(&text[..at]).is_err(), "{}", &text[..at]);
        assert!(read::<Vec<u8>>(&text[..at]).is_err());
    }
}

#[test]
fn nested_too_deep_is_refused_before_the_stack_ends() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(&nested(127)).is_ok());
    assert!(Json::parse(&nested(129)).is_err());
    assert!(Json::parse(&"[".repeat(1_000_000)).is_err());
    assert!(Json::parse(&"{\"a\":".repeat(1_000_000)).is_err());
}

#[test]
fn an_error_says_where() {
    let at = |line, column| Err(JsonError::Syntax { line, column });
    assert_eq!(Json::parse("{\n  \"a\": x\n}"), at(2, 8));
    assert_eq!(Json::parse("[1]\n\n,"), at(3, 1));
    assert_eq!(Json::parse_bytes(b"[\n\"\xff\"]"), at(2, 2));
    let error = Json::parse("[1}").unwrap_err();
    assert_eq!(error.to_string(), "no JSON from line 1, column 3 on");
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Whole {
    small: u8,
    large: u64,
    below: i32,
    flag: bool,
    text: String,
    maybe: Option<String>,
    inner: Option<Box<Inner>>,
    list: Vec<Inner>,
    map: BTreeMap<String, i64>,
    pair: (bool, String),
    named: Named,
    unit: (),
    #[serde(default)]
    newer: Vec<Kind>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner {
    kind_of: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other_kind: Option<Kind>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Named(String);

impl TryFrom<String> for Named {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name == "nobody" {
            Err(name)
        } else {
            Ok(Self(name))
        }
    }
}

impl From<Named> for String {
    fn from(named: Named) -> Self {
        named.0
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    NothingInIt,
    One(Option<u32>),
    Two(u32, String),
    Fields {
        first: u32,
        second: Option<Box<Kind>>,
    },
}

fn kind() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::NothingInIt),
        any::<Option<u32>>().prop_map(Kind::One),
        any::<(u32, String)>().prop_map(|(number, text)| Kind::Two(number, text)),
    ];
    leaf.prop_recursive(3, 8, 1, |inner| {
        (any::<u32>(), proptest::option::of(inner.prop_map(Box::new)))
            .prop_map(|(first, second)| Kind::Fields { first, second })
    })
}

fn inner() -> impl Strategy<Value = Inner> {
    (kind(), proptest::option::of(kind())).prop_map(|(kind_of, other_kind)| Inner {
        kind_of,
        other_kind,
    })
}

fn whole() -> impl Strategy<Value = Whole> {
    let numbers = any::<(u8, u64, i32, bool)>();
    let texts = any::<(String, Option<String>, String)>();
    let inners = (
        proptest::option::of(inner()),
        proptest::collection::vec(inner(), 0..3),
    );
    let rest = (
        proptest::collection::btree_map(any::<String>(), any::<i64>(), 0..3),
        proptest::collection::vec(kind(), 0..3),
    );
    (numbers, texts, inners, rest).prop_map(|(numbers, texts, inners, rest)| Whole {
        small: numbers.0,
        large: numbers.1,
        below: numbers.2,
        flag: numbers.3,
        text: texts.0,
        maybe: texts.1,
        pair: (numbers.3, texts.2.clone()),
        named: Named(format!("n{}", texts.2)),
        inner: inners.0.map(Box::new),
        list: inners.1,
        map: rest.0,
        unit: (),
        newer: rest.1,
    })
}

proptest! {
    #[test]
    fn writes_the_bytes_that_serde_json_writes_and_reads_them_again(value in whole()) {
        let written = write(&value).unwrap();
        prop_assert_eq!(&written, &serde_json::to_string(&value).unwrap());
        prop_assert_eq!(read::<Whole>(&written).unwrap(), value.clone());
        prop_assert_eq!(read_strictly::<Whole>(written.as_bytes()).unwrap(), value);
    }
}

/// Each change of one field is taken or refused as `serde_json` does it.
#[test]
fn takes_and_refuses_what_serde_json_does() {
    let inner = |kind_of| Inner {
        kind_of,
        other_kind: None,
    };
    let value = Whole {
        inner: Some(Box::new(inner(Kind::One(Some(1))))),
        list: vec![inner(Kind::Two(1, String::new()))],
        newer: vec![Kind::Fields {
            first: 1,
            second: None,
        }],
        ..Whole::default()
    };
    let good = serde_json::to_value(&value).unwrap();
    let names: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
    let others = [
        "null",
        "true",
        "0",
        "-1",
        "255",
        "256",
        "2147483648",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "1.0",
        "1e0",
        "\"\"",
        "\"nobody\"",
        "[]",
        "[true,\"\"]",
        "[true]",
        "[1,2,3]",
        "{}",
        "{\"a\":1}",
        "{\"a\":\"b\"}",
        "{\"kindOf\":\"nothing_in_it\"}",
        "{\"kindOf\":\"unknown\"}",
        "[{\"kindOf\":{\"one\":null}}]",
        "[{\"kindOf\":{\"two\":[1,\"a\"]}}]",
        "[{\"kindOf\":{\"two\":[1]}}]",
        "[\"nothing_in_it\"]",
        "[{\"nothing_in_it\":null}]",
        "[{\"nothing_in_it\":1}]",
        "[\"one\"]",
        "[{\"one\":2}]",
        "[{\"fields\":{\"first\":1}}]",
        "[{\"fields\":{\"second\":null}}]",
        "[{\"fields\":{}}]",
        "[{\"one\":2,\"two\":[1,\"a\"]}]",
    ];
    let same = |text: &str| {
        let (ours, theirs) = (read::<Whole>(text), serde_json::from_str::<Whole>(text));
        // A struct is an object. serde_json takes an array of its fields as well.
        let by_position = text.contains("\"inner\":[") && ours.is_err();
        assert!(by_position || ours.ok() == theirs.ok(), "{text}");
    };
    for name in &names {
        for other in others {
            let mut fields = good.clone();
            fields[name] = serde_json::from_str(other).unwrap();
            // As it is written here: a tree of serde_json's knows no number beyond 64 bits.
            same(&fields.to_string());
        }
        let mut fields = good.clone();
        fields.as_object_mut().unwrap().remove(name);
        same(&fields.to_string());
    }
    let mut fields = good.clone();
    fields["else"] = Value::Bool(true);
    same(&fields.to_string());
    for text in ["null", "[]", "1", "\"\"", "{}"] {
        same(text);
    }
}

#[test]
fn an_error_names_the_innermost_field_and_quotes_nothing() {
    let why = |text: &str| read::<Inner>(text).unwrap_err();
    assert_eq!(why("{}"), JsonError::Form(Some("kindOf")));
    assert_eq!(why("{\"kindOf\":7}"), JsonError::Form(Some("kindOf")));
    assert_eq!(why("[]"), JsonError::Form(None));
    let nested = "{\"kindOf\":{\"fields\":{\"first\":1,\"second\":{\"fields\":{\"first\":\"ada@example.com\"}}}}}";
    assert_eq!(why(nested), JsonError::Form(Some("first")));
    assert_eq!(
        why(nested).to_string(),
        "`first` is missing, or of another form"
    );
    let named = read::<Named>("\"nobody\"").unwrap_err();
    assert_eq!(named.to_string(), "it is of another form");
}

#[test]
fn strictly_there_is_no_other_field() {
    let why = read_strictly::<Inner>(b"{\"kindOf\":\"nothing_in_it\",\"kind_of\":1}").unwrap_err();
    assert_eq!(why, JsonError::UnknownField("kind_of".to_owned()));
    assert_eq!(why.to_string(), "there is no field `kind_of`");
    // The outermost object's alone.
    assert!(read_strictly::<Vec<Inner>>(b"[{\"kindOf\":\"nothing_in_it\",\"else\":1}]").is_ok());
}

#[test]
fn a_tree_is_made_of_fields() {
    let tree = Json::object(vec![
        ("text", "a\"b".into()),
        ("own", String::from("c").into()),
        ("none", None::<&str>.into()),
        ("some", Some(-1_i64).into()),
        ("number", u64::MAX.into()),
        ("flag", true.into()),
    ]);
    assert_eq!(
        tree.to_json(),
        r#"{"text":"a\"b","own":"c","none":null,"some":-1,"number":18446744073709551615,"flag":true}"#
    );
    assert_eq!(tree.get("text").and_then(Json::as_str), Some("a\"b"));
    assert_eq!(tree.get("number").and_then(Json::as_str), None);
    assert_eq!(tree.get("text").and_then(|text| text.get("text")), None);
    let twice = Json::parse("{\"a\":1,\"a\":2}").unwrap();
    assert_eq!(twice.get("a"), Some(&2_u64.into()));
}

/// serde writes code for these that the reader here does not call, or calls otherwise: no type that is read has them.
#[test]
fn no_type_asks_for_what_is_not_read() {
    const NOT_READ: [&str; 7] = [
        "alias",
        "default = ",
        "deny_unknown_fields",
        "flatten",
        "other",
        "tag = ",
        "untagged",
    ];
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut attributes = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                attributes += check_attributes(&path, &NOT_READ);
            }
        }
    }
    assert!(attributes > 10, "{attributes} were found");
}

/// How many attributes of serde's a file has.
fn check_attributes(path: &Path, not_read: &[&str]) -> usize {
    let source = fs::read_to_string(path).unwrap();
    let (mut is_read, mut attributes) = (false, 0);
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[derive(") {
            is_read = line.contains("Deserialize");
        }
        if line.starts_with("#[serde(") {
            attributes += 1;
            let asks = not_read.iter().any(|attribute| line.contains(attribute));
            assert!(!asks || !is_read, "{}: {line}", path.display());
        }
    }
    attributes
}
