//! What attributes are made of.

use std::borrow::Cow;
use std::sync::Arc;

/// The value of an attribute. Made by `into()` from texts, numbers and truth values.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A text that is known beforehand.
    Fixed(&'static str),
    /// A text.
    Text(Box<str>),
    /// A text that others have, too.
    Shared(Arc<str>),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A truth value.
    Bool(bool),
}

/// Most bytes of one text.
const LONGEST: usize = 4096;

impl Value {
    /// The text, if it is one, cut to 4 KiB.
    pub(crate) fn as_text(&self) -> Option<&str> {
        let text: &str = match self {
            Self::Fixed(text) => text,
            Self::Text(text) => text,
            Self::Shared(text) => text,
            _ => return None,
        };
        Some(cut(text))
    }
}

/// As much of a text as is exported.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        // No more is kept than will be exported.
        Self::Text(cut(text).into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

impl From<Cow<'static, str>> for Value {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Fixed(text),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

macro_rules! whole {
    ($($number:ty)+) => {
        $(impl From<$number> for Value {
            fn from(number: $number) -> Self {
                Self::Int(i64::from(number))
            }
        })+
    };
}

whole! { i64 i32 u32 u16 u8 }
