//! Node data as bytes: what the original's `encode` and `decode` do (TREE_FORMAT.md 4).
//!
//! Reading lives in `decode`, writing in `encode` and `json`; nothing here knows of files or servers.

mod decode;
mod encode;
pub(crate) mod json;

pub use decode::{JSON_DEPTH_MAX, decode, json_value};
pub use encode::{EncodeError, encode, encode_entries, write_json};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NodeData, Properties, Text, Value};

    fn text(value: &Value) -> String {
        let mut out = Vec::new();
        write_json(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn again(json: &str) -> String {
        json_value(json.as_bytes()).map_or("not JSON".to_owned(), |value| text(&value))
    }

    #[test]
    fn json_is_read_as_python_2_reads_it() {
        for (json, canonical) in [
            (
                "[1, -0, -0.0, 1E3, 1e400, -1e400]",
                "[1,0,-0.0,1000.0,Infinity,-Infinity]",
            ),
            ("[NaN,Infinity,-Infinity]", "[NaN,Infinity,-Infinity]"),
            (
                "[9223372036854775808,-9223372036854775808]",
                "[9223372036854775808,-9223372036854775808]",
            ),
            (r#"{"b":1,"a":2,"b":3}"#, r#"{"a":2,"b":3}"#),
            (
                r#""\ud83d\ude00 \ud83d \ude00""#,
                r#""\ud83d\ude00 \ud83d \ude00""#,
            ),
            (r#""\ud83d\u0041\/\b\f\"""#, r#""\ud83dA/\b\f\"""#),
            ("\"\u{e9}\u{1F600}\u{7f}\"", r#""\u00e9\ud83d\ude00\u007f""#),
            (" \t\r\n true ", "true"),
            ("1e22", "1e+22"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1e15", "1000000000000000.0"),
            ("1e16", "1e+16"),
        ] {
            assert_eq!(again(json), canonical, "{json}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for json in [
            "",
            " ",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "-I",
            "nan",
            "Nan",
            "tru",
            "[1,]",
            "[,]",
            "[1 2]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "\"",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "1 1",
            "[",
            "[1",
            "{\"a\":1",
            "0x10",
            "\u{feff}1",
            "\u{b}1",
            "\"\\",
            "\"\\ud800\\u12\"",
        ] {
            assert_eq!(json_value(json.as_bytes()), None, "{json}");
        }
        for bytes in [
            &b"\"\xff\""[..],
            b"\"\xc3\"",
            b"\"\xf5\x80\x80\x80\"",
            b"\"\xc0\x80\"",
            b"\"\xe0\x80\x80\"",
        ] {
            assert_eq!(json_value(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn surrogates_in_utf_8_are_kept_as_python_2_keeps_them() {
        assert_eq!(text(&json_value(b"\"\xed\xa0\xbd\"").unwrap()), r#""\ud83d""#);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(json_value(nested(JSON_DEPTH_MAX).as_bytes()).is_some());
        assert_eq!(json_value(nested(JSON_DEPTH_MAX + 1).as_bytes()), None);
        assert_eq!(json_value("[".repeat(1_000_000).as_bytes()), None);
    }

    fn meaning(data: &[u8]) -> Result<String, Vec<u8>> {
        match decode(data) {
            NodeData::Properties(properties) => Ok(String::from_utf8(encode(&properties).unwrap()).unwrap()),
            NodeData::Raw(bytes) => Err(bytes.into()),
        }
    }

    #[test]
    fn blank_data_are_no_properties_and_all_but_objects_are_raw() {
        for blank in ["", " ", "\n\x0b\x0c\r\t", "{}", " {} "] {
            assert_eq!(meaning(blank.as_bytes()), Ok("{}".to_owned()), "{blank:?}");
        }
        assert_eq!(meaning(b"\x0b{\"a\": 1}\x0c"), Ok("{\"a\":1}".to_owned()));
        for raw in [
            "lock",
            "[1,2]",
            "5",
            "{a}",
            "{} {}",
            " x ",
            "\u{feff}{}",
            "{}\0",
            "{\"a\":1}}",
            "\x1c",
        ] {
            assert_eq!(meaning(raw.as_bytes()), Err(raw.as_bytes().to_vec()), "{raw:?}");
        }
    }

    fn stored(entries: Vec<(&str, Value)>) -> Result<Vec<u8>, EncodeError> {
        encode(&Properties::from_entries(
            entries
                .into_iter()
                .map(|(key, value)| (Text::from(key), value))
                .collect(),
        ))
    }

    #[test]
    fn a_lone_string_value_is_stored_raw_and_must_be_bytes() {
        let bytes = || Value::Bytes((*b"raw\xff").into());
        assert_eq!(stored(vec![("string_value", bytes())]), Ok(b"raw\xff".to_vec()));
        assert_eq!(stored(vec![("string_value", Value::Null)]), Ok(Vec::new()));
        assert_eq!(
            stored(vec![("string_value", Value::String(Text::from("x")))]),
            Err(EncodeError::StringValueNotBytes)
        );
        assert_eq!(
            stored(vec![
                ("string_value", Value::Bytes((*b"x").into())),
                ("a", Value::Int(1))
            ]),
            Ok(br#"{"a":1,"string_value":"x"}"#.to_vec())
        );
        assert_eq!(
            stored(vec![("string_value", bytes()), ("a", Value::Int(1))]),
            Err(EncodeError::NotUtf8 {
                key: "string_value".to_owned()
            })
        );
    }
}
