//! The texts of a file, each once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// Texts with their numbers.
#[derive(Default)]
pub(super) struct Strings {
    texts: Vec<Text>,
    plain: HashMap<Rc<str>, u32>,
    numbered: HashMap<(u64, u32), u32>,
}

enum Text {
    Plain(Rc<str>),
    /// `[3].name`: a large buffer has many of them, which are put together when they are written.
    Numbered(u64, u32),
}

impl Strings {
    /// The number of this text.
    pub(super) fn of(&mut self, text: &str) -> u32 {
        if let Some(known) = self.plain.get(text) {
            return *known;
        }
        let (text, number) = (Rc::<str>::from(text), self.texts.len() as u32);
        self.plain.insert(Rc::clone(&text), number);
        self.texts.push(Text::Plain(text));
        number
    }

    /// The number of the text `[index]`, followed by a dot and the text with the number `name`.
    pub(super) fn numbered(&mut self, index: u64, name: u32) -> u32 {
        let texts = &mut self.texts;
        *self.numbered.entry((index, name)).or_insert_with(|| {
            texts.push(Text::Numbered(index, name));
            texts.len() as u32 - 1
        })
    }

    /// The text with this number.
    pub(super) fn text(&self, number: u32) -> Cow<'_, str> {
        self.written(&self.texts[number as usize])
    }

    /// All, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.texts.iter().map(|text| self.written(text))
    }

    fn written<'s>(&'s self, text: &'s Text) -> Cow<'s, str> {
        match text {
            Text::Plain(text) => Cow::Borrowed(text),
            Text::Numbered(index, name) => {
                let name = self.text(*name);
                // A local of a future in a buffer is `[3] local x`.
                let apart = if name.starts_with('[') {
                    ""
                } else if name.contains(' ') {
                    " "
                } else {
                    "."
                };
                Cow::Owned(format!("[{index}]{apart}{name}"))
            }
        }
    }
}
