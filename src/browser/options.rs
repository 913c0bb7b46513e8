//! Reads a call's options from JavaScript into the types that serde derives. Each error names the option, its value and what it
//! must be.
//!
//! `serde_wasm_bindgen` knows neither the path to a faulty value nor which options a type lacks, so this room has a deserializer
//! of its own. It reads what options are made of: objects, arrays, strings, numbers and booleans.

use std::fmt::Display;
use std::marker::PhantomData;

use js_sys::{Array, ArrayBuffer, JSON, Object, Reflect};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use wasm_bindgen::prelude::*;

use crate::error::{LabError, LabResult};

/// Reads options. An option that is `undefined` counts as missing, and `undefined` as no options at all.
///
/// # Errors
/// `bad_argument` if an option is missing, unknown or of another kind.
pub(super) fn options<T: DeserializeOwned>(value: JsValue) -> LabResult<T> {
    let value = if value.is_undefined() {
        Object::new().into()
    } else {
        value
    };
    let first = read(&value, None);
    let found = match first {
        // The second reading tells what the missing option must be.
        Err(Fault::Missing(path)) => read(&value, Some(&path)),
        found => found,
    };
    found.map_err(|fault| LabError::bad_argument(fault.to_string()))
}

fn read<T: DeserializeOwned>(value: &JsValue, missing: Option<&str>) -> Result<T, Fault> {
    Given::new(value.clone(), String::new(), missing).read(PhantomData)
}

/// Checks the class of an object, such as a typed array.
///
/// # Errors
/// `bad_argument`.
pub(super) fn object<T: JsCast>(path: &str, value: &JsValue, what: &str) -> LabResult<T> {
    let object = value.clone().dyn_into();
    object.map_err(|value| LabError::bad_argument(fault(path, &value, what)))
}

/// Checks that a value is a string.
///
/// # Errors
/// `bad_argument`.
pub(super) fn text(path: &str, value: &JsValue) -> LabResult<String> {
    let text = value.as_string();
    text.ok_or_else(|| LabError::bad_argument(fault(path, value, A_STRING)))
}

const A_STRING: &str = "a string";

fn fault(path: &str, value: &JsValue, what: &str) -> String {
    if value.is_undefined() {
        return format!("{path} is missing; it must be {what}");
    }
    if path.is_empty() {
        return format!("the options are {}; they must be {what}", shown(value));
    }
    format!("{path} is {}; it must be {what}", shown(value))
}

fn shown(value: &JsValue) -> String {
    if ArrayBuffer::is_view(value) {
        return value.unchecked_ref::<Object>().constructor().name().into();
    }
    if let Some(number) = value.as_f64() {
        return number.to_string();
    }
    let json = JSON::stringify(value).ok().and_then(|json| json.as_string());
    json.unwrap_or_else(|| format!("{value:?}"))
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    /// The value that was read last must be this.
    #[error("{0}")]
    MustBe(String),
    /// The object that was read last lacks this option.
    #[error("{0} is missing")]
    Absent(&'static str),
    /// The option at this path is missing.
    #[error("{0} is missing")]
    Missing(String),
    /// The whole message.
    #[error("{0}")]
    Told(String),
}

impl Fault {
    fn at(self, path: &str, value: &JsValue) -> Self {
        match self {
            Self::MustBe(what) => Self::Told(fault(path, value, &what)),
            found => found,
        }
    }
}

impl Error for Fault {
    fn custom<T: Display>(what: T) -> Self {
        Self::MustBe(what.to_string())
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Absent(name)
    }

    fn invalid_type(_: Unexpected<'_>, what: &dyn Expected) -> Self {
        Self::MustBe(what.to_string())
    }

    fn invalid_value(_: Unexpected<'_>, what: &dyn Expected) -> Self {
        Self::MustBe(what.to_string())
    }
}

/// A value and where it is.
struct Given<'a> {
    value: JsValue,
    path: String,
    /// The path of an option that is read although it is missing.
    missing: Option<&'a str>,
}

impl<'a> Given<'a> {
    fn new(value: JsValue, path: String, missing: Option<&'a str>) -> Self {
        Self { value, path, missing }
    }

    fn read<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        let (value, path) = (self.value.clone(), self.path.clone());
        seed.deserialize(self).map_err(|found| found.at(&path, &value))
    }

    fn get(&self, name: &str) -> JsValue {
        Reflect::get(&self.value, &name.into()).unwrap_or_default()
    }

    /// Checks that the value is an object with no other members than these.
    fn check_names(&self, known: &[&str]) -> Result<(), Fault> {
        let object = self.value.dyn_ref::<Object>().filter(|object| !Array::is_array(object));
        let Some(object) = object else {
            return must_be("an object");
        };
        let is_unknown = |name: &String| !known.contains(&name.as_str()) && !self.get(name).is_undefined();
        let names = Object::keys(object);
        let mut unknown = names.iter().filter_map(|name| name.as_string()).filter(is_unknown);
        unknown.next().map_or(Ok(()), |name| {
            let (name, known) = (self.member(&name), known.join(", "));
            Err(Fault::Told(format!("{name} is not an option; the options are {known}")))
        })
    }

    /// The value as an index, count or seed.
    fn whole_number(&self) -> Result<u32, Fault> {
        match self.value.as_f64() {
            Some(number) if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) => Ok(number as u32),
            _ => must_be("a whole number from 0"),
        }
    }

    /// The path of a member.
    fn member(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// Refuses a value; whoever reads it adds where it is.
fn must_be<T>(what: &str) -> Result<T, Fault> {
    Err(Fault::MustBe(what.to_owned()))
}

/// `"a", "b" or "c"`
fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => quoted.concat(),
    }
}

impl<'de> Deserializer<'de> for Given<'_> {
    type Error = Fault;

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u32(self.whole_number()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u32(self.whole_number()?)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let number = self.value.as_f64();
        number.map_or_else(|| must_be("a number"), |number| visitor.visit_f64(number))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let flag = self.value.as_bool();
        flag.map_or_else(|| must_be("true or false"), |flag| visitor.visit_bool(flag))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.value.as_string();
        text.map_or_else(|| must_be(A_STRING), |text| visitor.visit_string(text))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value.as_string() {
            Some(name) if variants.contains(&name.as_str()) => visitor.visit_enum(name.into_deserializer()),
            _ => must_be(&alternatives(variants)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.value.is_null() || self.value.is_undefined() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Some(array) = self.value.dyn_ref::<Array>() else {
            return must_be("an array");
        };
        visitor.visit_seq(Elements {
            array: array.clone(),
            at: 0,
            of: self,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.check_names(fields)?;
        let members = Members {
            fields: fields.iter(),
            next: "",
            of: &self,
        };
        visitor.visit_map(members).map_err(|found| match found {
            Fault::Absent(name) => Fault::Missing(self.member(name)),
            found => found,
        })
    }

    /// Serves untagged enums, which look at a value before they choose what to read.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Some(text) = self.value.as_string() {
            visitor.visit_string(text)
        } else if self.value.is_array() {
            self.deserialize_seq(visitor)
        } else {
            visitor.visit_unit()
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 f32 char str bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct map identifier
        ignored_any
    }
}

struct Members<'a, 'b> {
    fields: std::slice::Iter<'static, &'static str>,
    next: &'static str,
    of: &'a Given<'b>,
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let of = self.of;
        let is_given = |name: &&&str| !of.get(name).is_undefined() || of.missing == Some(&*of.member(name));
        let Some(name) = self.fields.find(is_given) else {
            return Ok(None);
        };
        self.next = name;
        let name: StrDeserializer<'_, Fault> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let of = self.of;
        Given::new(of.get(self.next), of.member(self.next), of.missing).read(seed)
    }
}

struct Elements<'a> {
    array: Array,
    at: u32,
    of: Given<'a>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let at = self.at;
        if at >= self.array.length() {
            return Ok(None);
        }
        self.at += 1;
        let path = format!("{}[{at}]", self.of.path);
        Given::new(self.array.get(at), path, self.of.missing)
            .read(seed)
            .map(Some)
    }
}
