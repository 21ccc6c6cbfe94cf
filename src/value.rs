//! Values as data.

use crate::Snapshot;
use memleak_core::query::copy::Copy;
use memleak_core::query::read::{Datum, Place};
use memleak_core::tracker;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A value in a snapshot: a field of an object, an element of a list, what a pointer owns.
///
/// Numbers, `bool`, `char` and texts can be compared with those of Rust, numbers also by `<` and the like. What is only around a value is left
/// out: a field of type `Mutex<bool>` or `AtomicBool` is a `bool`. Of a `Box`, `Rc`, `Arc` or reference the fields are those of what it leads to.
///
/// ```
/// # use memleak::leak_test;
/// # use std::collections::HashMap;
/// # use std::sync::{Arc, Mutex};
/// # enum State { Open, Closed { code: u16 } }
/// # struct User { name: String, admin: bool }
/// # struct Session { user: Arc<User>, state: Mutex<State>, seen: HashMap<String, Vec<u32>>, last: Option<i64> }
/// #[leak_test]
/// fn reads_a_session() {
///     let session = Box::new(Session {
///         user: Arc::new(User { name: "ada".to_owned(), admin: true }),
///         state: Mutex::new(State::Closed { code: 404 }),
///         seen: HashMap::from([("room".to_owned(), vec![1, 2])]),
///         last: Some(-3),
///     });
///     let object = memleak::snapshot().of::<Session>().iter().next().unwrap();
///     assert_eq!(object.field("user").field("name"), "ada");
///     assert_eq!(object.field("user").field("admin"), true);
///     assert_eq!(object.field("state").variant().as_deref(), Some("Closed"));
///     assert_eq!(object.field("state").field("code"), 404);
///     assert_eq!(object.field("last").field("0"), -3);
///     assert!(object.field("state").field("code") >= 400 && object.field("last").field("0") < 0);
///     let (room, messages) = &object.field("seen").entries()[0];
///     assert_eq!(*room, "room");
///     assert_eq!(messages.items().len(), 2);
///     # drop((State::Open, session));
/// }
/// ```
#[derive(Clone)]
pub struct Value {
    snapshot: Snapshot,
    read: Arc<Read>,
}

/// What is known of a value, in memory of memleak's own, because its address is among it.
struct Read {
    type_name: String,
    datum: Datum,
    place: Option<Place>,
}

impl Value {
    /// The value at the place that `find` finds.
    pub(crate) fn read(
        snapshot: &Snapshot,
        find: impl FnOnce(&Copy) -> Option<Place> + Send + 'static,
    ) -> Option<Value> {
        let read = snapshot.ask(move |copy| find(copy).map(|place| Read::of(copy, place)))?;
        Some(Value { snapshot: snapshot.clone(), read: Arc::new(read) })
    }

    pub(crate) fn unknown(snapshot: &Snapshot, type_name: &str) -> Value {
        let read = Read { type_name: type_name.to_owned(), datum: Datum::Unreadable, place: None };
        Value { snapshot: snapshot.clone(), read: Arc::new(read) }
    }

    /// Its type in full, what is only around it left out.
    pub fn type_name(&self) -> &str {
        &self.read.type_name
    }

    /// If it is a `bool`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.read.datum {
            Datum::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// If it is an integer.
    pub fn as_integer(&self) -> Option<i128> {
        match self.read.datum {
            Datum::Signed(value) => Some(value),
            Datum::Unsigned(value) => i128::try_from(value).ok(),
            _ => None,
        }
    }

    /// If it is a floating-point number.
    pub fn as_float(&self) -> Option<f64> {
        match self.read.datum {
            Datum::Float(value) => Some(value),
            _ => None,
        }
    }

    /// If it is a `char`.
    pub fn as_char(&self) -> Option<char> {
        match self.read.datum {
            Datum::Char(value) => Some(value),
            _ => None,
        }
    }

    /// If it is a text: a `String`, `&str`, `Box<str>`, `Arc<str>`, `PathBuf`.
    pub fn as_str(&self) -> Option<&str> {
        match &self.read.datum {
            Datum::Text(value) => Some(value),
            _ => None,
        }
    }

    /// If it is an enum, its active variant: `Open`, `Some`, `None`.
    pub fn variant(&self) -> Option<String> {
        let _own = tracker::untracked();
        match &self.read.datum {
            Datum::Variant(name) => Some(name.to_string()),
            Datum::Pointer(_) => self.pointee()?.variant(),
            _ => None,
        }
    }

    /// If it is a pointer, where it leads.
    pub fn as_pointer(&self) -> Option<usize> {
        match self.read.datum {
            Datum::Pointer(address) => Some(address as usize),
            _ => None,
        }
    }

    /// If it is a `Box`, `Rc`, `Arc`, reference, or a `Weak` whose value lives: the value that it leads to. A raw pointer is not followed.
    pub fn pointee(&self) -> Option<Value> {
        let _own = tracker::untracked();
        let place = self.read.place?;
        Value::read(&self.snapshot, move |copy| copy.scene.reader().target(place))
    }

    /// Its fields by name; of an enum those of the active variant, of a tuple `0`, `1`, …. Empty if it has none.
    pub fn fields(&self) -> Vec<(String, Value)> {
        let _own = tracker::untracked();
        let Some(place) = self.read.place else { return Vec::new() };
        let fields = self.snapshot.ask(move |copy| {
            let fields = copy.scene.reader().fields(place).unwrap_or_default();
            fields.into_iter().map(|(name, place)| (name.to_string(), Read::of(copy, place))).collect::<Vec<_>>()
        });
        fields.into_iter().map(|(name, read)| (name, self.beside(read))).collect()
    }

    /// The field with this name.
    ///
    /// # Panics
    /// When there is none; the text says which there are. For an `Option` there is [`get`](Value::get).
    #[track_caller]
    pub fn field(&self, name: &str) -> Value {
        self.get(name).unwrap_or_else(|| panic!("{}", self.has_no(name)))
    }

    fn has_no(&self, name: &str) -> String {
        let _own = tracker::untracked();
        let fields: Vec<String> = self.fields().into_iter().map(|(name, _)| name).collect();
        let has = if fields.is_empty() { "no fields".to_owned() } else { fields.join(", ") };
        let variant = self.variant().map(|variant| format!(" in its variant `{variant}`")).unwrap_or_default();
        format!("memleak: a `{}` has no field `{name}`{variant}; it has {has}", self.type_name())
    }

    /// The field with this name, if there is one.
    pub fn get(&self, name: &str) -> Option<Value> {
        let _own = tracker::untracked();
        let (place, name) = (self.read.place?, name.to_owned());
        Value::read(&self.snapshot, move |copy| {
            let fields = copy.scene.reader().fields(place)?;
            fields.into_iter().find(|(field, _)| **field == *name).map(|(_, place)| place)
        })
    }

    /// The elements of a list: of a `Vec`, a slice, an array, a set, a deque. Empty if it is none.
    pub fn items(&self) -> Vec<Value> {
        let _own = tracker::untracked();
        let Some(place) = self.read.place else { return Vec::new() };
        let items = self.snapshot.ask(move |copy| {
            let items = copy.scene.reader().items(place).unwrap_or_default();
            items.into_iter().map(|place| Read::of(copy, place)).collect::<Vec<_>>()
        });
        items.into_iter().map(|read| self.beside(read)).collect()
    }

    /// The keys and values of a map, in the order of its memory. Empty if it is none.
    pub fn entries(&self) -> Vec<(Value, Value)> {
        let _own = tracker::untracked();
        let Some(place) = self.read.place else { return Vec::new() };
        let entries = self.snapshot.ask(move |copy| {
            let entries = copy.scene.reader().entries(place).unwrap_or_default();
            entries.into_iter().map(|(key, value)| (Read::of(copy, key), Read::of(copy, value))).collect::<Vec<_>>()
        });
        entries.into_iter().map(|(key, value)| (self.beside(key), self.beside(value))).collect()
    }

    /// How many elements or entries it has, if it is a list or a map.
    pub fn count(&self) -> Option<usize> {
        match self.read.datum {
            Datum::List(len) | Datum::Map(len) => Some(len),
            _ => None,
        }
    }

    fn beside(&self, read: Read) -> Value {
        Value { snapshot: self.snapshot.clone(), read: Arc::new(read) }
    }
}

impl Read {
    fn of(copy: &Copy, place: Place) -> Read {
        use memleak_core::debuginfo::types::Types as _;
        let reader = copy.scene.reader();
        let inside = reader.inside(place);
        let type_name = copy.scene.program.types().get(inside.ty).name.to_string();
        Read { type_name, datum: reader.datum(inside), place: Some(inside) }
    }
}

/// As `{:?}` would have it: pointers by what they lead to, long lists and deep values cut off.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _own = tracker::untracked();
        match self.read.place {
            Some(place) => f.write_str(&self.snapshot.ask(move |copy| copy.scene.reader().show(place))),
            None => f.write_str(self.type_name()),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq<bool> for Value {
    fn eq(&self, other: &bool) -> bool {
        self.as_bool() == Some(*other)
    }
}

impl PartialEq<char> for Value {
    fn eq(&self, other: &char) -> bool {
        self.as_char() == Some(*other)
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl PartialEq<String> for Value {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<f64> for Value {
    fn eq(&self, other: &f64) -> bool {
        self.as_float() == Some(*other)
    }
}

/// What is no float is neither more nor less.
impl PartialOrd<f64> for Value {
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        self.as_float()?.partial_cmp(other)
    }
}

/// An integer of any type, in their order.
#[derive(PartialEq, PartialOrd)]
enum Integer {
    Negative(i128),
    Natural(u128),
}

impl Integer {
    fn of<N: std::marker::Copy>(number: N) -> Integer
    where
        u128: TryFrom<N>,
        i128: TryFrom<N>,
    {
        match u128::try_from(number) {
            Ok(number) => Integer::Natural(number),
            // What is too small for the one is in the range of the other.
            Err(_) => Integer::Negative(i128::try_from(number).unwrap_or(i128::MIN)),
        }
    }

    fn in_value(value: &Value) -> Option<Integer> {
        match value.read.datum {
            Datum::Signed(number) => Some(Integer::of(number)),
            Datum::Unsigned(number) => Some(Integer::of(number)),
            _ => None,
        }
    }
}

macro_rules! compare_with_integers {
    ($($integer:ty)*) => {$(
        impl PartialEq<$integer> for Value {
            fn eq(&self, other: &$integer) -> bool {
                Integer::in_value(self) == Some(Integer::of(*other))
            }
        }

        /// What is no integer is neither more nor less.
        impl PartialOrd<$integer> for Value {
            fn partial_cmp(&self, other: &$integer) -> Option<Ordering> {
                Integer::in_value(self)?.partial_cmp(&Integer::of(*other))
            }
        }
    )*};
}

compare_with_integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
