//! As much JSON as the protocol sends: flat objects of numbers and plain strings, one level deep.

use std::collections::HashMap;

#[derive(Clone, PartialEq)]
pub enum Value {
    Number(u64),
    Text(String),
    Object(HashMap<String, Value>),
}

/// Return the object of a line, None for what is not of the form.
pub fn parse(line: &str) -> Option<HashMap<String, Value>> {
    let mut reader = Reader {
        bytes: line.trim_end().as_bytes(),
        at: 0,
    };
    let object = reader.object(1)?;
    (reader.at == reader.bytes.len()).then_some(object)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn object(&mut self, depth: usize) -> Option<HashMap<String, Value>> {
        let mut members = HashMap::new();
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(members);
        }
        loop {
            let key = self.text()?;
            self.take(b':')?;
            let value = match self.peek()? {
                b'"' => Value::Text(self.text()?),
                b'{' if depth > 0 => Value::Object(self.object(depth - 1)?),
                _ => Value::Number(self.number()?),
            };
            members.insert(key, value);
            if self.take(b'}').is_some() {
                return Some(members);
            }
            self.take(b',')?;
        }
    }

    fn text(&mut self) -> Option<String> {
        self.take(b'"')?;
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&b| b == b'"' || b == b'\\')?;
        if rest[end] == b'\\' {
            return None;
        }
        self.at += end + 1;
        String::from_utf8(rest[..end].to_vec()).ok()
    }

    fn number(&mut self) -> Option<u64> {
        let rest = &self.bytes[self.at..];
        let end = rest
            .iter()
            .position(|b| !b.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += end;
        std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
    }
}
