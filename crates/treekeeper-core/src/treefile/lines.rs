//! What one line of a tree file says (TREE_FORMAT.md 1), told apart exactly as the original's regular expressions do.
//!
//! Those are greedy: a name runs to the last `=`, `->` or `:` of the line's first word from which the rest still
//! makes sense. Indentation, values and the tree are `parser`'s business.

/// A line's content, white space around it removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `name => target`; the target may be two words.
    PropertyLink { name: &'a str, target: &'a str },
    /// `name = expression`; the expression ends where the line ends.
    Property { name: &'a str, expression: &'a str },
    /// `name -> target`
    Symlink { name: &'a str, target: &'a str },
    /// `/name` or `/name : kind`, the name without its first slash.
    Node { name: &'a str, kind: Option<&'a str> },
    /// Nothing of these, but an arrow is in it.
    BadLink,
    /// Nothing of these.
    Unrecognized,
}

/// Tells whether `byte` is white space, to the original: a lone CR, VT and FF are, NBSP is not.
pub(super) const fn blank(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// Returns what `content` says, which is not empty and has no white space at its ends.
pub(super) fn read(content: &str) -> Line<'_> {
    let line = Words::new(content.as_bytes());
    if let Some((name, start)) = line.plain_property() {
        return Line::Property {
            name: &content[..name],
            expression: &content[start..],
        };
    }
    if line.is_plain_node()
        && let Some((name, kind)) = line.node()
    {
        return Line::Node {
            name: &content[1..name],
            kind: kind.map(|start| &content[start..]),
        };
    }
    read_any(content, &line)
}

/// Returns what a line says that may be anything: few lines are not told before.
#[inline(never)]
fn read_any<'a>(content: &'a str, line: &Words<'a>) -> Line<'a> {
    if let Some((name, start, end)) = line.property_link() {
        return Line::PropertyLink {
            name: &content[..name],
            target: &content[start..end],
        };
    }
    if let Some((name, start)) = line.property() {
        return Line::Property {
            name: &content[..name],
            expression: &content[start..],
        };
    }
    if let Some((name, start)) = line.symlink() {
        return Line::Symlink {
            name: &content[..name],
            target: &content[start..],
        };
    }
    if let Some((name, kind)) = line.node() {
        return Line::Node {
            name: &content[1..name],
            kind: kind.map(|start| &content[start..]),
        };
    }
    if memchr::memmem::find(content.as_bytes(), b"->").is_some() {
        Line::BadLink
    } else {
        Line::Unrecognized
    }
}

/// Returns where the word that begins at `start` ends.
fn word_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..]
        .iter()
        .position(|byte| blank(*byte))
        .map_or(bytes.len(), |length| start + length)
}

/// Returns the first place from `start` on that is not white space, or the end.
fn skip(bytes: &[u8], start: usize) -> usize {
    bytes[start..]
        .iter()
        .position(|byte| !blank(*byte))
        .map_or(bytes.len(), |length| start + length)
}

/// What ends a line's first word, and what no first word holds but those that hold a whole line.
const BLANK: u8 = 1;
const EQUALS: u8 = 2;
const GREATER: u8 = 4;

/// Which of these each byte is.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'=' => EQUALS,
            b'>' => GREATER,
            _ if blank(byte) => BLANK,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Returns which of eight bytes is the first that may be of a class, if there is one.
fn first_special(eight: [u8; 8]) -> Option<usize> {
    const EACH: u64 = u64::MAX / 255;
    const HIGH: u64 = EACH * 0x80;
    let eight = u64::from_le_bytes(eight);
    // Of the bytes less than a number, the first has its high bit set; it had none before.
    let below = |bytes: u64, bound: u8| bytes.wrapping_sub(EACH * u64::from(bound)) & !bytes;
    let equals = below(eight ^ (EACH * u64::from(b'=')), 1);
    let greater = below(eight ^ (EACH * u64::from(b'>')), 1);
    let special = (below(eight, b' ' + 1) | equals | greater) & HIGH;
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

/// A line and where its first word ends.
struct Words<'a> {
    bytes: &'a [u8],
    first: usize,
    /// Where the second word begins.
    second: usize,
    /// The classes of the first word's bytes: nearly always none, and then there is nothing to look for.
    classes: u8,
}

impl<'a> Words<'a> {
    fn new(bytes: &'a [u8]) -> Words<'a> {
        let (mut first, mut classes) = (0, 0);
        while first < bytes.len() {
            // Eight bytes at a time are told to be nothing special.
            if let Some(eight) = bytes[first..].first_chunk() {
                match first_special(*eight) {
                    Some(place) => first += place,
                    None => {
                        first += 8;
                        continue;
                    }
                }
            }
            let class = CLASSES[bytes[first] as usize];
            if class == BLANK {
                break;
            }
            classes |= class;
            first += 1;
        }
        Words {
            bytes,
            first,
            second: skip(bytes, first),
            classes,
        }
    }

    /// Finds `name = expression` where nothing else is possible: most lines are that.
    fn plain_property(&self) -> Option<(usize, usize)> {
        let is_plain = self.classes & EQUALS == 0
            && self.bytes.get(self.second) == Some(&b'=')
            && self.bytes.get(self.second + 1) != Some(&b'>')
            && self.second > self.first;
        let start = is_plain.then(|| skip(self.bytes, self.second + 1))?;
        (start < self.bytes.len()).then_some((self.first, start))
    }

    /// Tells whether the line can be nothing else if it is a node.
    fn is_plain_node(&self) -> bool {
        self.classes == 0 && !matches!(self.bytes.get(self.second), Some(b'=' | b'-'))
    }

    /// Tells whether the first word may hold `sign`.
    fn may_hold(&self, sign: &[u8]) -> bool {
        let needed = sign.iter().fold(0, |all, byte| all | CLASSES[*byte as usize]);
        self.classes & needed == needed
    }

    /// Finds where the name ends and `sign` begins so that `rest` accepts what follows the sign: at the beginning of
    /// the second word, or else as far right as possible in the first word.
    ///
    /// What follows differs in its words between the two rightmost signs of the first word at most (nothing of the
    /// word is left after the last one, or something), so a third needs no look.
    fn split<T>(&self, sign: &[u8], rest: impl Fn(usize) -> Option<T>) -> Option<(usize, T)> {
        if self.bytes[self.second..].starts_with(sign)
            && let Some(found) = rest(self.second + sign.len())
        {
            return Some((self.first, found));
        }
        if !self.may_hold(sign) {
            return None;
        }
        let mut end = self.first;
        for _ in 0..2 {
            let place = self.bytes[1.min(end)..end]
                .windows(sign.len())
                .rposition(|window| window == sign)?
                + 1;
            if let Some(found) = rest(place + sign.len()) {
                return Some((place, found));
            }
            end = place;
        }
        None
    }

    fn property_link(&self) -> Option<(usize, usize, usize)> {
        let (name, (start, end)) = self.split(b"=>", |after| self.target(after))?;
        Some((name, start, end))
    }

    /// Accepts one or two words; a third that begins with a slash is dropped, as in the original.
    fn target(&self, after: usize) -> Option<(usize, usize)> {
        let length = self.bytes.len();
        let start = skip(self.bytes, after);
        if start == length {
            return None;
        }
        let first = word_end(self.bytes, start);
        if first == length {
            return Some((start, first));
        }
        let second = word_end(self.bytes, skip(self.bytes, first));
        if second == length {
            return Some((start, second));
        }
        let third = skip(self.bytes, second);
        let dropped =
            self.bytes[third] == b'/' && third + 1 < length && word_end(self.bytes, third) == length;
        dropped.then_some((start, second))
    }

    fn property(&self) -> Option<(usize, usize)> {
        self.split(b"=", |after| {
            Some(skip(self.bytes, after)).filter(|start| *start < self.bytes.len())
        })
    }

    fn symlink(&self) -> Option<(usize, usize)> {
        self.split(b"->", |after| {
            let start = skip(self.bytes, after);
            (start < self.bytes.len() && word_end(self.bytes, start) == self.bytes.len()).then_some(start)
        })
    }

    /// Returns where the name ends and where the type begins.
    fn node(&self) -> Option<(usize, Option<usize>)> {
        if self.bytes[0] != b'/' || self.first < 2 {
            return None;
        }
        if self.first == self.bytes.len() {
            return Some((self.first, None));
        }
        let kind = |after: usize| Some(skip(self.bytes, after)).filter(|start| *start < self.bytes.len());
        if self.bytes[self.second] == b':'
            && let Some(start) = kind(self.second + 1)
        {
            return Some((self.first, Some(start)));
        }
        // Something follows the first word, so a colon in it always has a type.
        let colon = self.bytes[2..self.first].iter().rposition(|byte| *byte == b':')? + 2;
        Some((colon, kind(colon + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(content: &str) -> String {
        match read(content) {
            Line::PropertyLink { name, target } => format!("{name}|=>|{target}"),
            Line::Property { name, expression } => format!("{name}|=|{expression}"),
            Line::Symlink { name, target } => format!("{name}|->|{target}"),
            Line::Node { name, kind: None } => format!("/|{name}"),
            Line::Node {
                name,
                kind: Some(kind),
            } => format!("/|{name}|:|{kind}"),
            Line::BadLink => "bad link".to_owned(),
            Line::Unrecognized => "?".to_owned(),
        }
    }

    #[test]
    fn special_bytes_are_found_among_eight() {
        let is_special = |byte: u8| CLASSES[byte as usize] != 0 || byte < b' ';
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut eight = *b"/a!\xff?<~0";
                eight[place] = byte;
                assert_eq!(
                    first_special(eight),
                    is_special(byte).then_some(place),
                    "{byte} {place}"
                );
                for later in b" !=>?\x1f\x80" {
                    eight[place + 1..].fill(*later);
                    let first = eight.iter().position(|byte| is_special(*byte));
                    assert_eq!(first_special(eight), first, "{eight:?}");
                }
            }
        }
    }

    #[test]
    fn names_are_greedy_as_the_original_is() {
        for (content, meaning) in [
            ("a='x=y'", "a='x|=|y'"),
            ("a='x = 1'", "a='x|=|1'"),
            ("a ='x=y'", "a|=|'x=y'"),
            ("a = 'x=y'", "a|=|'x=y'"),
            ("a==1", "a=|=|1"),
            ("a=b=1", "a=b|=|1"),
            ("x==", "x|=|="),
            ("=1", "?"),
            ("= 1", "?"),
            ("== 1", "=|=|1"),
            ("= = 1", "=|=|1"),
            ("a=x =", "a|=|x ="),
            ("x =", "?"),
            ("x->/a=1", "x->/a|=|1"),
            ("x -> /a=1", "x|->|/a=1"),
            ("a->b->c", "a->b|->|c"),
            ("a->b-> c", "a->b|->|c"),
            ("a->b->", "a|->|b->"),
            ("a-> b c", "bad link"),
            ("-> x", "bad link"),
            ("->-> x", "->|->|x"),
            ("x -> /y # c", "bad link"),
            ("/a=1", "/a|=|1"),
            ("/a->b", "/a|->|b"),
            ("/a:x=y", "/a:x|=|y"),
            ("/a : x=y", "/|a|:|x=y"),
            ("/a:b", "/|a:b"),
            ("/a :b", "/|a|:|b"),
            ("/a: b", "/|a|:|b"),
            ("/a:b:c d", "/|a:b|:|c d"),
            ("/a:b c", "/|a|:|b c"),
            ("/: b", "?"),
            ("/:: b", "/|:|:|b"),
            ("/a:", "/|a:"),
            ("/a :", "?"),
            ("/a ::", "/|a|:|:"),
            ("/a : :", "/|a|:|:"),
            ("/a : t # c", "/|a|:|t # c"),
            ("/a # c", "?"),
            ("/", "?"),
            ("//", "/|/"),
            ("/\u{e9} : \u{e9}", "/|\u{e9}|:|\u{e9}"),
            ("p => /b q", "p|=>|/b q"),
            ("p=>/b q", "p|=>|/b q"),
            ("p =>/b   q", "p|=>|/b   q"),
            ("p => /a b /c", "p|=>|/a b"),
            ("p => /a b /", "p|=|> /a b /"),
            ("p => /a b c", "p|=|> /a b c"),
            ("p => /a /b /c d", "p|=|> /a /b /c d"),
            ("p => /a #c", "p|=>|/a #c"),
            ("p =>", "p|=|>"),
            ("=> x", "?"),
            ("a=>b=>", "a|=>|b=>"),
            ("a=>b=> c", "a=>b|=>|c"),
            ("a=>b=> c d e", "a=>b|=|> c d e"),
            ("a=>b=> c d /e", "a=>b|=>|c d"),
            ("=>=> x", "=>|=>|x"),
            ("foo", "?"),
        ] {
            assert_eq!(said(content), meaning, "{content}");
        }
    }
}
